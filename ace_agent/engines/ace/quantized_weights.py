"""Weights in a quarter of the space of float16: large matrices as 4-bit integers, a scale for every 64 of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

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
    """Shapes of the large matrices of a file; None where `write_state` did not write it."""
    with safe_open(file, "pt") as weights:
        facts = weights.metadata() or {}
    if facts.get("large") == "int8":
        raise ValueError(f"{file} holds 8-bit integers, as an earlier version wrote them; export it again")
    return json.loads(facts[_SHAPES]) if _SHAPES in facts else None


def read_state(file: Path) -> dict[str, Tensor]:
    """The state in float32 that a file of weights holds, written by `write_state` or otherwise."""
    return unpacked(load_file(file), _shapes(file) or {})


def write_state(state: Mapping[str, Tensor], file: Path) -> None:
    """Write a state compactly, for `read_state`."""
    written, shapes = packed(state)
    save_file(written, file, {"format": "pt", _SHAPES: json.dumps(shapes)})
