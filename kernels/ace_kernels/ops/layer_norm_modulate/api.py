"""The public entry of LayerNorm and modulation: checks, backend choice, autograd, registration with torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ace_kernels.arithmetic import wide
from ace_kernels.backend import choose, traced
from ace_kernels.ops.layer_norm_modulate import cpu, reference
from ace_kernels.validation import check_index, check_parameter, check_tokens


def layer_norm_modulate(
    x: Tensor,
    shift: Tensor,
    scale: Tensor,
    index: Tensor,
    *,
    eps: float = 1e-6,
    backend: str | None = None,
) -> Tensor:
    """`LN(x) * (1 + scale[index]) + shift[index]`, LN without weights (DiT's adaLN, arXiv 2212.09748).

    Sums are float32 (float64 for float64). On a GPU no per-token copy of shift or scale is made.

    Args:
        x: `[N, C]`.
        shift, scale: `[S, C]`, dtype of `x` or float32: one row per sample.
        index: int32 or int64 `[N]`, the sample of every token, 0 to S - 1 (not checked on a GPU).
        backend: as for `range_attention`.

    Returns:
        `[N, C]` in the dtype of `x`.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape.
        BackendError: a backend that cannot run here.
    """
    check_tokens("x", x)
    check_parameter("shift", shift, x, ("S", x.shape[1]))
    check_parameter("scale", scale, x, (shift.shape[0], x.shape[1]))
    check_index(index, x)
    chosen = choose(x, backend)
    if chosen == "reference" or (chosen == "cpu" and traced()):
        return reference.layer_norm_modulate(x, shift, scale, index, eps)
    if traced():
        return torch.ops.ace_kernels.layer_norm_modulate(x, shift, scale, index, eps)[0]
    if torch.is_grad_enabled() and (x.requires_grad or shift.requires_grad or scale.requires_grad):
        return _Modulate.apply(x, shift, scale, index, eps, _module(chosen))
    return _module(chosen).forward(x, shift, scale, index, eps)[0]


def _module(backend: str) -> ModuleType:
    if backend == "cpu":
        return cpu
    from ace_kernels.ops.layer_norm_modulate import triton

    return triton


class _Modulate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float, module: ModuleType
    ) -> Tensor:
        out, mean, inverse = module.forward(x, shift, scale, index, eps)
        ctx.save_for_backward(x, scale, index, mean, inverse)
        ctx.module, ctx.shift_dtype = module, shift.dtype
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        dx, dshift, dscale = ctx.module.backward(grad.contiguous(), *ctx.saved_tensors)
        return dx, dshift.to(ctx.shift_dtype), dscale.to(ctx.saved_tensors[1].dtype), None, None, None


@torch.library.custom_op("ace_kernels::layer_norm_modulate", mutates_args=())
def _forward_op(
    x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    out, mean, inverse = _module("triton").forward(x, shift, scale, index, eps)
    return out, mean, inverse


@_forward_op.register_fake
def _(x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    mean, inverse = (x.new_empty(x.shape[:1], dtype=wide(x.dtype)) for _ in range(2))
    return x.new_empty(x.shape), mean, inverse


@torch.library.custom_op("ace_kernels::layer_norm_modulate_backward", mutates_args=())
def _backward_op(
    grad: Tensor, x: Tensor, scale: Tensor, index: Tensor, mean: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    dx, dshift, dscale = _module("triton").backward(grad.contiguous(), x, scale, index, mean, inverse)
    return dx, dshift, dscale


@_backward_op.register_fake
def _(grad: Tensor, x: Tensor, scale: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    dshift, dscale = (scale.new_empty(scale.shape, dtype=wide(x.dtype)) for _ in range(2))
    return x.new_empty(x.shape), dshift, dscale


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, shift, scale, index, _ = inputs
    ctx.save_for_backward(x, scale, index, *output[1:])
    ctx.dtypes = shift.dtype, scale.dtype


def _differentiate(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    dx, *rest = torch.ops.ace_kernels.layer_norm_modulate_backward(grad, *ctx.saved_tensors)
    return dx, *(d.to(dtype) for d, dtype in zip(rest, ctx.dtypes, strict=True)), None, None


_forward_op.register_autograd(_differentiate, setup_context=_save)
