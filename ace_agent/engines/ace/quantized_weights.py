"""Weights at a quarter of float16's size: large matrices as 4-bit integers with a scale for every 64 in a row."""

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
"""Suffix of a matrix's scales, float16 [rows, groups]."""
GROUP = 64
"""Neighbours in a row that share a scale."""
LARGE = 2**16
"""Elements from which a tensor is written as integers. The small ones at both ends of ace-mini, which touch pixels,
stay float16."""
_TOP = 7
_CLIPS = (1.0, 0.9, 0.8, 0.7)
"""Candidate clipping ranges, as shares of a group's largest value; the one with the smallest error is taken."""
_SHAPES = "shapes"


def packed(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    """A state dict packed with two integers to a byte, and the shapes of its large matrices."""
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
    """The state dict of a weights file in float32, whether `write_state` wrote it or not."""
    return unpacked(load_file(file), _shapes(file) or {})


def write_state(state: Mapping[str, Tensor], file: Path) -> None:
    """Write a state dict packed, for `read_state`."""
    written, shapes = packed(state)
    save_file(written, file, {"format": "pt", _SHAPES: json.dumps(shapes)})
