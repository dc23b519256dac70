"""Which pipeline a model's name or folder gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ace_agent.engines.ace.saved_module import CONFIG_FILE
from ace_agent.engines.mini.pipeline import WEIGHTS, ACEPipeline
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.engines.registry import is_mini, load_pipeline
from ace_agent.engines.released.transformer import ReleasedTransformer
from ace_agent.errors import ModelError

# What earlier versions wrote, when both models were one class.
EARLIER = {"_class_name": "ACETransformer", "_diffusers_version": "0.42.1", "qk_norm": True}
MINI = EARLIER | {"layout": "turn_causal", "channels": 3, "shared_qk_norm": False, "out_channels": 0}
RELEASED = EARLIER | {"layout": "joint", "shared_qk_norm": True, "levels": [48, 96, 160], "depth": 1}
SMALL = {"width": 64, "depth": 1, "heads": 2, "text_width": 32}


def test_ace_mini_is_found_by_name_and_by_folder() -> None:
    assert is_mini("ace-mini") and is_mini(WEIGHTS / "ace-mini") and not is_mini("ace-0.6b-512")
    assert isinstance(load_pipeline(WEIGHTS / "ace-mini"), ACEPipeline)


def test_what_is_no_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model called 'fox'"):
        load_pipeline("fox")
    with pytest.raises(ModelError, match="holds no converted model"):
        load_pipeline(tmp_path)


@pytest.mark.parametrize("kind", [MiniTransformer, ReleasedTransformer])
def test_folders_of_earlier_versions_load(
    tmp_path: Path, kind: type[MiniTransformer | ReleasedTransformer]
) -> None:
    model = kind(**SMALL)
    model.save_pretrained(tmp_path)
    earlier = MINI if kind is MiniTransformer else RELEASED
    (tmp_path / CONFIG_FILE).write_text(
        json.dumps(earlier | model.config | {"_class_name": "ACETransformer"})
    )
    again = kind.from_pretrained(tmp_path)
    assert again.config == json.loads(json.dumps(model.config))
    assert all(torch.equal(again.state_dict()[name], value) for name, value in model.state_dict().items())


def test_one_models_folder_is_not_the_others() -> None:
    with pytest.raises(ValueError, match="layout: ReleasedTransformer has 'joint', not 'turn_causal'"):
        ReleasedTransformer.from_config({"layout": "turn_causal"})
