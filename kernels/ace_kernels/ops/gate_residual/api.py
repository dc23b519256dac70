"""The public entry of gate and residual: checks, backend choice, autograd, registration with torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ace_kernels.arithmetic import wide
from ace_kernels.backend import choose, traced
from ace_kernels.ops.gate_residual import cpu, reference
from ace_kernels.validation import check_index, check_like, check_parameter, check_tokens


def gate_residual(x: Tensor, y: Tensor, gate: Tensor, index: Tensor, *, backend: str | None = None) -> Tensor:
    """`x + gate[index] * y`: a branch of a DiT block back into its residual stream (arXiv 2212.09748).

    On a GPU no per-token copy of the gate is made.

    Args:
        x, y: `[N, C]`.
        gate: `[S, C]`, dtype of `x` or float32: one row per sample.
        index: int32 or int64 `[N]`, the sample of every token, 0 to S - 1 (not checked on a GPU).
        backend: as for `range_attention`.

    Returns:
        `[N, C]` in the dtype of `x`.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape.
        BackendError: a backend that cannot run here.
    """
    check_tokens("x", x)
    check_like("y", y, x)
    check_parameter("gate", gate, x, ("S", x.shape[1]))
    check_index(index, x)
    chosen = choose(x, backend)
    if chosen == "reference" or (chosen == "cpu" and traced()):
        return reference.gate_residual(x, y, gate, index)
    if traced():
        return torch.ops.ace_kernels.gate_residual(x, y, gate, index)
    if torch.is_grad_enabled() and (x.requires_grad or y.requires_grad or gate.requires_grad):
        return _Gate.apply(x, y, gate, index, _module(chosen))
    return _module(chosen).forward(x, y, gate, index)


def _module(backend: str) -> ModuleType:
    if backend == "cpu":
        return cpu
    from ace_kernels.ops.gate_residual import triton

    return triton


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, gate: Tensor, index: Tensor, module: ModuleType) -> Tensor:
        ctx.save_for_backward(y, gate, index)
        ctx.module = module
        return module.forward(x, y, gate, index)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        dy, dgate = ctx.module.backward(grad.contiguous(), *ctx.saved_tensors)
        return grad, dy, dgate.to(ctx.saved_tensors[1].dtype), None, None


@torch.library.custom_op("ace_kernels::gate_residual", mutates_args=())
def _forward_op(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    out: Tensor = _module("triton").forward(x, y, gate, index)
    return out


@_forward_op.register_fake
def _(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@torch.library.custom_op("ace_kernels::gate_residual_backward", mutates_args=())
def _backward_op(grad: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    dy, dgate = _module("triton").backward(grad.contiguous(), y, gate, index)
    return dy, dgate


@_backward_op.register_fake
def _(grad: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    return y.new_empty(y.shape), gate.new_empty(gate.shape, dtype=wide(y.dtype))


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])
    ctx.dtype = inputs[2].dtype


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    dy, dgate = torch.ops.ace_kernels.gate_residual_backward(grad, *ctx.saved_tensors)
    return grad, dy, dgate.to(ctx.dtype), None


_forward_op.register_autograd(_differentiate, setup_context=_save)
