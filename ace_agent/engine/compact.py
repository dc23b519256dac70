"""Weights in half the space of float16: large matrices as 8-bit integers, with a scale for every row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FILE = "diffusion_pytorch_model.safetensors"
SCALE = "|scale"
"""After the name of a matrix: float32 [rows], what one of its integers is worth."""
LARGE = 2**16
"""Numbers of a tensor from which it is written as integers. The small ones at the ends of ace-mini, which pixels are
made with, stay float16."""
_MARK = {"format": "pt", "large": "int8"}

_Model = TypeVar("_Model", bound=ModelMixin)


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state as it is written; what is read differs from it by half a step of a row, its largest number being 127."""
    written = {}
    for name, value in state.items():
        if value.ndim < 2 or value.numel() < LARGE:
            written[name] = value.half().contiguous()
            continue
        rows = value.detach().float().flatten(1)
        scale = rows.abs().amax(1).clamp_min(1e-12) / 127
        written[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(value).contiguous()
        written[name + SCALE] = scale
    return written


def unpacked(written: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state in float32."""
    state = {}
    for name, value in written.items():
        if name.endswith(SCALE):
            continue
        scale = written.get(name + SCALE)
        rows = value.float()
        state[name] = rows if scale is None else rows * scale.view(-1, *[1] * (value.ndim - 1))
    return state


def read_state(file: Path) -> dict[str, Tensor]:
    """The state in float32 that a file of weights holds, written by `write` or otherwise."""
    with safe_open(file, "pt") as weights:
        written = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    return unpacked(written)


def write(model: ModelMixin, folder: Path) -> None:
    """Configuration and compact weights, where `read` and the configuration's own readers expect them."""
    assert isinstance(model, ConfigMixin)
    model.save_config(folder)
    save_file(packed(model.state_dict()), folder / FILE, _MARK)


def read(kind: type[_Model], folder: Path) -> _Model:
    """A model from a folder of `write`, or of its own `save_pretrained`, in float32.

    Raises:
        ValueError: the file is damaged, or of a model with other parameters.
    """
    try:
        with safe_open(folder / FILE, "pt") as file:
            if (file.metadata() or {}).get("large") != "int8":
                return kind.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True)
        assert issubclass(kind, ConfigMixin)
        model = kind.from_config(kind.load_config(folder))
        model.load_state_dict(read_state(folder / FILE))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{folder / FILE}: {str(error).splitlines()[0]}") from error
    return model.eval()
