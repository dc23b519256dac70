"""The public entry of RMSNorm, head split and rotation."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.backend import choose_backend, is_traced
from ace_kernels.dtypes import accumulation_dtype
from ace_kernels.errors import ArgumentError
from ace_kernels.ops.rms_norm_rope import reference
from ace_kernels.ops.rms_norm_rope.table import RopeTable
from ace_kernels.registration import Operation
from ace_kernels.validation import check_parameter, check_tokens


def rms_norm_rope(
    x: Tensor,
    weight: Tensor | None,
    rope: RopeTable | None,
    *,
    num_heads: int,
    eps: float = 1e-6,
    backend: str | None = None,
) -> Tensor:
    """RMSNorm over all C channels, the split into heads, then the rotation of each pair of channels.

    Computes in float32 (float64 for float64) and rounds once, at the end (RMSNorm, arXiv 1910.07467; RoPE, arXiv
    2104.09864).

    Args:
        x: `[N, C]`, a query or key projection.
        weight: `[C]`, dtype of `x` or float32; None skips the norm.
        rope: angles of the N tokens, on the device of `x`; None skips the rotation.
        num_heads: H; splits C into heads of an even width D.
        eps: added to the mean square.
        backend: as for `range_attention`.

    Returns:
        `[N, H, D]`, contiguous, in the dtype of `x`.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape.
        BackendError: a forced backend that cannot run here.
    """
    _check(x, weight, rope, num_heads)
    chosen = choose_backend(x, backend)
    cos, sin = (None, None) if rope is None else (rope.cos, rope.sin)
    if chosen in ("reference", "sdpa") or (chosen == "cpu" and is_traced()):
        return reference.rms_norm_rope(x, weight, cos, sin, num_heads, eps)
    return _operation(chosen, x, weight, cos, sin, num_heads, eps)


def _check(x: Tensor, weight: Tensor | None, rope: RopeTable | None, num_heads: int) -> None:
    check_tokens("x", x)
    if num_heads < 1 or x.shape[1] % (2 * num_heads):
        raise ArgumentError(f"num_heads: wanted heads of an even width from {x.shape[1]}, got {num_heads}")
    if weight is not None:
        check_parameter("weight", weight, x, (x.shape[1],))
    if rope is not None:
        wanted = (x.shape[0], x.shape[1] // num_heads // 2)
        for name, table in (("cos", rope.cos), ("sin", rope.sin)):
            if table.shape != wanted or not table.is_contiguous():
                raise ArgumentError(f"rope.{name}: wanted contiguous {list(wanted)}, got {list(table.shape)}")
            if table.dtype is not torch.float32 or table.device != x.device:
                raise ArgumentError(
                    f"rope.{name}: wanted torch.float32 on {x.device}, got {table.dtype} on {table.device}"
                )


def _fake(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    heads = x.new_empty((x.shape[0], num_heads, x.shape[1] // num_heads))
    return heads, x.new_empty(x.shape[:1], dtype=accumulation_dtype(x.dtype))


_operation = Operation(
    "rms_norm_rope",
    __package__,
    "Tensor x, Tensor? weight, Tensor? cos, Tensor? sin, int num_heads, float eps",
    outputs="out inverse_rms",
    reads="x weight cos sin inverse_rms",
    gradients="x weight",
    fake=_fake,
)
