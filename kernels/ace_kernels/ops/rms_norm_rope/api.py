"""The public entry of RMSNorm, head split and rotation: checks, backend choice, autograd, registration."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ace_kernels.arithmetic import wide
from ace_kernels.backend import as_fake, choose, traced
from ace_kernels.errors import ArgumentError
from ace_kernels.ops.rms_norm_rope import cpu, reference
from ace_kernels.ops.rms_norm_rope.table import RopeTable
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
    """RMSNorm over all C channels, split into heads, then each pair of channels turned by its angle.

    Sums are float32 (float64 for float64) and the result is rounded once, at the end.

    Args:
        x: `[N, C]`, a query or key projection.
        weight: `[C]`, dtype of `x` or float32; None: no norm.
        rope: angles of the N tokens, on the device of `x`; None: no rotation.
        num_heads: H; divides C into heads of an even width D.
        backend: as for `range_attention`.

    Returns:
        `[N, H, D]`, contiguous, in the dtype of `x`.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape.
        BackendError: a backend that cannot run here.
    """
    _check(x, weight, rope, num_heads)
    chosen = choose(x, backend)
    cos = sin = None
    if rope is not None:
        cos, sin = as_fake(rope.cos, x), as_fake(rope.sin, x)
    if chosen == "reference" or (chosen == "cpu" and traced()):
        return reference.rms_norm_rope(x, weight, cos, sin, num_heads, eps)
    if traced():
        return torch.ops.ace_kernels.rms_norm_rope(x, weight, cos, sin, num_heads, eps)[0]
    if torch.is_grad_enabled() and (x.requires_grad or (weight is not None and weight.requires_grad)):
        return _Rotate.apply(x, weight, cos, sin, num_heads, eps, _module(chosen))
    return _module(chosen).forward(x, weight, cos, sin, num_heads, eps)[0]


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


def _module(backend: str) -> ModuleType:
    if backend == "cpu":
        return cpu
    from ace_kernels.ops.rms_norm_rope import triton

    return triton


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        cos: Tensor | None,
        sin: Tensor | None,
        num_heads: int,
        eps: float,
        module: ModuleType,
    ) -> Tensor:
        out, inverse = module.forward(x, weight, cos, sin, num_heads, eps)
        ctx.save_for_backward(x, weight, cos, sin, inverse)
        ctx.module = module
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        dx, dweight = ctx.module.backward(grad.contiguous(), *ctx.saved_tensors)
        weight = ctx.saved_tensors[1]
        return dx, None if weight is None else dweight.to(weight.dtype), None, None, None, None, None


@torch.library.custom_op("ace_kernels::rms_norm_rope", mutates_args=())
def _forward_op(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    out, inverse = _module("triton").forward(x, weight, cos, sin, num_heads, eps)
    return out, inverse


@_forward_op.register_fake
def _(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    heads = x.new_empty((x.shape[0], num_heads, x.shape[1] // num_heads))
    return heads, x.new_empty(x.shape[:1], dtype=wide(x.dtype))


@torch.library.custom_op("ace_kernels::rms_norm_rope_backward", mutates_args=())
def _backward_op(
    grad: Tensor, x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, inverse: Tensor
) -> tuple[Tensor, Tensor]:
    dx, dweight = _module("triton").backward(grad.contiguous(), x, weight, cos, sin, inverse)
    return dx, x.new_empty(0) if dweight is None else dweight


@_backward_op.register_fake
def _(
    grad: Tensor, x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, inverse: Tensor
) -> tuple[Tensor, Tensor]:
    none = x.new_empty(0)
    return x.new_empty(x.shape), none if weight is None else weight.new_empty(
        weight.shape, dtype=wide(x.dtype)
    )


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, cos, sin, *_ = inputs
    ctx.save_for_backward(x, weight, cos, sin, output[1])
    ctx.dtype = None if weight is None else weight.dtype


def _differentiate(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    dx, dweight = torch.ops.ace_kernels.rms_norm_rope_backward(grad, *ctx.saved_tensors)
    return dx, None if ctx.dtype is None else dweight.to(ctx.dtype), None, None, None, None


_forward_op.register_autograd(_differentiate, setup_context=_save)
