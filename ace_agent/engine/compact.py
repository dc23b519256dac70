"""Weights in a quarter of the space of float16: large matrices as 4-bit integers, a scale for every 64 of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

FILE = "diffusion_pytorch_model.safetensors"
SCALE = "|scale"
"""After the name of a matrix: float16 [rows, groups], what one of a group's integers is worth."""
GROUP = 64
"""Neighbours in a row that share a scale."""
LARGE = 2**16
"""Numbers of a tensor from which it is written as integers. The small ones at the ends of ace-mini, which pixels are
made with, stay float16."""
_TOP = 7
_CLIPS = (1.0, 0.9, 0.8, 0.7)
"""Shares of a group's largest number that its scale may reach: what is cut off at the top may be gained below."""
_SHAPES = "shapes"

_Model = TypeVar("_Model", bound=ModelMixin)


def packed(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    """A state as it is written, two integers a byte, and the shapes of its large matrices."""
    written: dict[str, Tensor] = {}
    shapes = {}
    for name, value in state.items():
        if value.ndim < 2 or value.numel() < LARGE:
            written[name] = value.half().contiguous()
            continue
        shapes[name] = list(value.shape)
        rows = value.detach().float().flatten(1)
        groups = F.pad(rows, (0, -rows.shape[1] % GROUP)).unflatten(1, (-1, GROUP))
        largest = groups.abs().amax(2).clamp_min(1e-6)
        scales = [(largest * clip / _TOP).half() for clip in _CLIPS]
        errors = torch.stack([(_integers(groups, s) * s[..., None] - groups).square().sum(2) for s in scales])
        scale = torch.stack(scales).gather(0, errors.argmin(0)[None])[0]
        numbers = (_integers(groups, scale) + _TOP + 1).to(torch.uint8).flatten(1)
        written[name] = (numbers[:, ::2] * 16 + numbers[:, 1::2]).contiguous()
        written[name + SCALE] = scale
    return written, shapes


def _integers(groups: Tensor, scale: Tensor) -> Tensor:
    return (groups / scale[..., None].float()).round().clamp(-_TOP - 1, _TOP)


def unpacked(written: Mapping[str, Tensor], shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """The state in float32."""
    state = {}
    for name, value in written.items():
        if name.endswith(SCALE):
            continue
        if name not in shapes:
            state[name] = value.float()
            continue
        shape = shapes[name]
        numbers = torch.stack([value // 16, value % 16], dim=2).flatten(1).float() - (_TOP + 1)
        groups = numbers.unflatten(1, (-1, GROUP)) * written[name + SCALE].float()[..., None]
        columns = torch.Size(shape[1:]).numel()
        state[name] = groups.flatten(1)[:, :columns].reshape(shape)
    return state


def _shapes(file: Path) -> dict[str, list[int]] | None:
    """Shapes of the large matrices of a file; None where `write` did not write it."""
    with safe_open(file, "pt") as weights:
        facts = weights.metadata() or {}
    if facts.get("large") == "int8":
        raise ValueError(f"{file} holds 8-bit integers, as an earlier version wrote them; export it again")
    return json.loads(facts[_SHAPES]) if _SHAPES in facts else None


def read_state(file: Path) -> dict[str, Tensor]:
    """The state in float32 that a file of weights holds, written by `write` or otherwise."""
    return unpacked(load_file(file), _shapes(file) or {})


def write(model: ModelMixin, folder: Path) -> None:
    """Configuration and compact weights, where `read` and the configuration's own readers expect them."""
    assert isinstance(model, ConfigMixin)
    model.save_config(folder)
    written, shapes = packed(model.state_dict())
    save_file(written, folder / FILE, {"format": "pt", _SHAPES: json.dumps(shapes)})


def read(kind: type[_Model], folder: Path) -> _Model:
    """A model from a folder of `write`, or of its own `save_pretrained`, in float32.

    Raises:
        ValueError: the file is damaged, of an earlier version, or of a model with other parameters.
    """
    try:
        shapes = _shapes(folder / FILE)
        if shapes is None:
            return kind.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True)
        assert issubclass(kind, ConfigMixin)
        model = kind.from_config(kind.load_config(folder))
        state = unpacked(load_file(folder / FILE), shapes)
        wanted = {name: value.shape for name, value in model.state_dict().items()}
        if other := wanted.items() ^ {(name, value.shape) for name, value in state.items()}:
            name = min(name for name, _ in other)
            raise ValueError(f"{folder / FILE} is not of the model that its config.json describes, by {name}")
        model.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{folder / FILE}: {str(error).splitlines()[0]}") from error
    return model.eval()
