"""Argument checks of the fused operations."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.dtypes import DTYPES
from ace_kernels.errors import ArgumentError

MAX_CHANNELS = 8192


def check_tokens(name: str, x: Tensor) -> None:
    """`x`: floating point `[N, C]`, channels contiguous, C even and at most 8192."""
    if x.dim() != 2 or not 0 < x.shape[1] <= MAX_CHANNELS or x.shape[1] % 2:
        raise ArgumentError(f"{name}: wanted shape [N, C] with an even C of 2 to 8192, got {list(x.shape)}")
    if x.dtype not in DTYPES:
        raise ArgumentError(f"{name}: wanted float16, bfloat16, float32 or float64, got {x.dtype}")
    _check_contiguous_channels(name, x)


def check_like(name: str, y: Tensor, x: Tensor) -> None:
    """`y`: shape, dtype and device of `x`, channels contiguous."""
    if y.shape != x.shape:
        raise ArgumentError(f"{name}: wanted shape {list(x.shape)} like x, got {list(y.shape)}")
    if y.dtype is not x.dtype or y.device != x.device:
        raise ArgumentError(f"{name}: wanted {x.dtype} on {x.device} like x, got {y.dtype} on {y.device}")
    _check_contiguous_channels(name, y)


def check_parameter(name: str, p: Tensor, x: Tensor, shape: tuple[int | str, ...]) -> None:
    """`p`: of `shape` (a string stands for any length), dtype of `x` or float32, device of `x`."""
    fits = p.dim() == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, p.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(str(n) for n in shape)
        raise ArgumentError(f"{name}: wanted shape [{wanted}], got {list(p.shape)}")
    if p.dtype not in (x.dtype, torch.float32) or p.device != x.device:
        raise ArgumentError(
            f"{name}: wanted {x.dtype} or torch.float32 on {x.device}, got {p.dtype} on {p.device}"
        )
    _check_contiguous_channels(name, p)


def check_index(index: Tensor, x: Tensor) -> None:
    """`index`: int32 or int64 `[N]`. Its values are not checked: reading them would stall a GPU."""
    if index.shape != x.shape[:1]:
        raise ArgumentError(f"index: wanted shape [{x.shape[0]}], got {list(index.shape)}")
    if index.dtype not in (torch.int32, torch.int64) or index.device != x.device:
        raise ArgumentError(
            f"index: wanted torch.int32 or torch.int64 on {x.device}, got {index.dtype} on {index.device}"
        )
    if index.stride(0) != 1:
        raise ArgumentError(f"index: wanted a contiguous tensor, got strides {list(index.stride())}")


def _check_contiguous_channels(name: str, x: Tensor) -> None:
    if x.stride(-1) != 1:
        raise ArgumentError(
            f"{name}: wanted contiguous channels, got strides {list(x.stride())}; call .contiguous()"
        )
