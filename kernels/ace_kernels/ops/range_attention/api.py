"""The public entry of range attention: checks, backend choice, autograd and registration with torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ace_kernels.backend import as_fake, choose, traced
from ace_kernels.errors import ArgumentError
from ace_kernels.ops.range_attention import cpu, reference
from ace_kernels.range_plan import RangePlan, Tables

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
MIN_WIDTH, MAX_WIDTH = 8, 128
# Inside a tile of up to 128 rows addresses have 32 bits.
MAX_ROW_STRIDE = 2**24


def range_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    plan: RangePlan,
    *,
    scale: float | None = None,
    backend: str | None = None,
) -> Tensor:
    """Softmax attention over packed tokens, each query row reading the key ranges of its segment.

    No padding, no mask, and no buffer that grows with tokens times tokens. Gradients are deterministic.

    Args:
        q: `[Nq, H, D]`; float16, bfloat16, float32 or (not in Triton) float64. D from 8 to 128. The last two
            axes must be contiguous; rows may be spaced, as in a slice of a joint projection.
        k, v: `[Nk, H, D]`, dtype and device of `q`.
        plan: the segments, built for `Nq` and `Nk` on the device of `q`.
        scale: of the scores, more than 0; default `D ** -0.5`.
        backend: "reference", "cpu" or "triton"; default `ACE_KERNELS_BACKEND`, else the fastest.

    Returns:
        `[Nq, H, D]`, zero for a row without keys.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape, or a plan of another batch.
        BackendError: a backend that cannot run here.
    """
    _check(q, k, v, plan, scale)
    chosen = choose(q, backend)
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    if chosen == "reference":
        return reference.range_attention(q, k, v, plan, factor)
    if traced():
        tables = [as_fake(t, q) for t in plan.tables[:4]]
        return torch.ops.ace_kernels.range_attention(q, k, v, *tables, plan.block, factor, chosen)[0]
    if torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad):
        return _Attention.apply(q, k, v, plan.tables, factor, _module(chosen))
    if chosen == "cpu":
        return cpu.attend(q, k, v, plan.tables, factor)
    return _module(chosen).forward(q, k, v, plan.tables, factor)[0]


def _check(q: Tensor, k: Tensor, v: Tensor, plan: RangePlan, scale: float | None) -> None:
    if q.dim() != 3 or not MIN_WIDTH <= q.shape[2] <= MAX_WIDTH or not q.shape[1]:
        raise ArgumentError(f"q: wanted shape [Nq, H, D] with D from 8 to 128, got {list(q.shape)}")
    if q.dtype not in DTYPES:
        raise ArgumentError(f"q: wanted float16, bfloat16, float32 or float64, got {q.dtype}")
    for name, x in (("k", k), ("v", v)):
        if x.dim() != 3 or x.shape[1:] != q.shape[1:] or x.shape[0] != k.shape[0]:
            raise ArgumentError(
                f"{name}: wanted shape [Nk, {q.shape[1]}, {q.shape[2]}], got {list(x.shape)}"
                + (f" beside k of {list(k.shape)}" if name == "v" else "")
            )
        if x.dtype is not q.dtype or x.device != q.device:
            raise ArgumentError(f"{name}: wanted {q.dtype} on {q.device} like q, got {x.dtype} on {x.device}")
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.stride(2) != 1 or x.stride(1) != x.shape[2]:
            raise ArgumentError(
                f"{name}: wanted heads and their channels contiguous (strides [any, {x.shape[2]}, 1]), "
                f"got strides {list(x.stride())}; call .contiguous()"
            )
        if x.stride(0) > MAX_ROW_STRIDE:
            raise ArgumentError(f"{name}: wanted rows at most {MAX_ROW_STRIDE} apart, got {x.stride(0)}")
    if plan.num_queries != q.shape[0] or plan.num_keys != k.shape[0]:
        raise ArgumentError(
            f"plan: wanted one for {q.shape[0]} queries and {k.shape[0]} keys, "
            f"got one for {plan.num_queries} and {plan.num_keys}"
        )
    if plan.tiles.device != q.device:
        raise ArgumentError(f"plan: wanted its tensors on {q.device}, got {plan.tiles.device}; call .to()")
    if scale is not None and not scale > 0:
        raise ArgumentError(f"scale: wanted more than 0, got {scale}")


def _module(backend: str) -> ModuleType:
    if backend == "cpu":
        return cpu
    from ace_kernels.ops.range_attention import triton

    return triton


class _Attention(torch.autograd.Function):
    """The eager path: a fraction of the overhead per call of a registered operation."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, tables: Tables, scale: float, module: ModuleType
    ) -> Tensor:
        out, lse = module.forward(q, k, v, tables, scale)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.rest = tables, scale
        ctx.module = module
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (*ctx.module.backward(grad.contiguous(), *ctx.saved_tensors, *ctx.rest), None, None, None)


@torch.library.custom_op("ace_kernels::range_attention", mutates_args=())
def _forward_op(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    layout: Tensor,
    tiles: Tensor,
    key_tiles: Tensor,
    readers: Tensor,
    block: int,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor]:
    tables = Tables(layout, tiles, key_tiles, readers, block)
    out, lse = _module(backend).forward(q, k, v, tables, scale)
    return out, lse


@_forward_op.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    wide = torch.float64 if q.dtype is torch.float64 else torch.float32
    return q.new_empty(q.shape), q.new_empty((q.shape[1], q.shape[0]), dtype=wide)


@torch.library.custom_op("ace_kernels::range_attention_backward", mutates_args=())
def _backward_op(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    layout: Tensor,
    tiles: Tensor,
    key_tiles: Tensor,
    readers: Tensor,
    block: int,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    tables = Tables(layout, tiles, key_tiles, readers, block)
    dq, dk, dv = _module(backend).backward(grad.contiguous(), q, k, v, out, lse, tables, scale)
    return dq, dk, dv


@_backward_op.register_fake
def _(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:3], *output, *inputs[3:7])
    ctx.rest = inputs[7:]


def _differentiate(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    grads = torch.ops.ace_kernels.range_attention_backward(grad, *ctx.saved_tensors, *ctx.rest)
    return (*grads, *[None] * 7)


_forward_op.register_autograd(_differentiate, setup_context=_save)
