"""Low-rank adapters (arXiv 2106.09685, by peft): put into a model, and merged into weights that need no peft."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from torch import Tensor, nn

TARGETS = r"blocks\.\d+\.(attn|cross_attn)\.[qkvo]|blocks\.\d+\.mlp\.fc[12]|head\.(sketch|tint_tokens)"
"""Every linear map of the trunk, and those of ace-mini's head that turn tokens into pixels."""
ADAPTER = "default"


def add_lora(
    model: nn.Module, rank: int, seed: int, *, targets: str | list[str] = TARGETS, alpha: int | None = None
) -> None:
    """Freeze `model` and give it fresh adapters, which change nothing yet.

    Args:
        targets: the linear maps that get one, as peft's ``target_modules``.
        alpha: the adapters' products count ``alpha / rank``; None: once.
    """
    torch.manual_seed(seed)
    model.requires_grad_(False)
    inject_adapter_in_model(_config(rank, targets, alpha), model)


def _config(rank: int, targets: str | list[str] = TARGETS, alpha: int | None = None) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=alpha or rank, target_modules=targets)


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """The adapters' tensors by peft's names, sharing memory with the model."""
    state: dict[str, Tensor] = get_peft_model_state_dict(model, adapter_name=ADAPTER)
    return state


@torch.no_grad()
def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of a model without adapters that computes the same.

    The model keeps its adapters: taking them out again would not restore the same bits.
    """
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    state = {}
    for name, value in model.state_dict().items():
        if ".lora_" in name:
            continue
        plain = name.replace(".base_layer.", ".")
        owner = plain.removesuffix(".weight")
        if owner in layers and plain.endswith(".weight"):
            value = value + layers[owner].get_delta_weight(ADAPTER).to(value)  # type: ignore[attr-defined]
        state[plain] = value
    return state


def save_adapter(model: nn.Module, rank: int, folder: Path) -> None:
    """The adapter alone, in peft's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in adapter_state(model).items()}
    save_file(state, folder / "adapter_model.safetensors")
    config = {
        key: sorted(value) if isinstance(value, set) else value
        for key, value in _config(rank).to_dict().items()
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
