"""The public entry of range attention."""

from __future__ import annotations

from torch import Tensor

from ace_kernels.backend import choose_backend, is_traced
from ace_kernels.dtypes import DTYPES, accumulation_dtype
from ace_kernels.errors import ArgumentError
from ace_kernels.ops.range_attention import cpu, reference
from ace_kernels.range_plan import RangePlan
from ace_kernels.registration import Operation, needs_gradient

MIN_WIDTH, MAX_WIDTH = 8, 128
# Addresses inside a tile of up to 128 rows are 32-bit.
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
    """Softmax attention over packed tokens: every query row reads the key ranges of its segment.

    No padding, no mask, and no buffer that grows with tokens times tokens. Gradients are deterministic.

    Args:
        q: `[Nq, H, D]`; float16, bfloat16, float32 or (not in Triton) float64. D from 8 to 128. The last two axes
            must be contiguous; rows may be spaced apart, as in a slice of a joint projection.
        k, v: `[Nk, H, D]`, dtype and device of `q`.
        plan: the segments, built for `Nq` and `Nk`, on the device of `q`.
        scale: factor of the scores, greater than 0; default `D ** -0.5`.
        backend: "reference", "cpu", "sdpa" or "triton"; default `ACE_KERNELS_BACKEND`, else the fastest that can run.

    Returns:
        `[Nq, H, D]`, zero for a row without keys.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape, or a plan of another batch.
        BackendError: a forced backend that cannot run here.
    """
    _check(q, k, v, plan, scale)
    chosen = choose_backend(q, backend)
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    if chosen == "reference":
        return reference.range_attention(q, k, v, plan, factor)
    if chosen == "sdpa":
        # It is kept out of compiled graphs, and saying so imports torch's compiler: longer than a picture takes.
        from ace_kernels.ops.range_attention import sdpa

        return sdpa.range_attention(q, k, v, factor, plan.layout)
    if chosen == "cpu" and not is_traced() and not needs_gradient(q, k, v):
        return cpu.attend(q, k, v, factor, plan.layout)
    # Only the CPU path reads the layout; on a GPU it would be a CPU operand, which CUDA graphs refuse.
    layout = plan.layout if chosen == "cpu" else None
    return _operation(chosen, q, k, v, factor, layout, *plan.tables[1:])


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
        raise ArgumentError(f"scale: wanted a number above 0, got {scale}")


def _fake(q: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    return q.new_empty(q.shape), q.new_empty((q.shape[1], q.shape[0]), dtype=accumulation_dtype(q.dtype))


_operation = Operation(
    "range_attention",
    __package__,
    "Tensor q, Tensor k, Tensor v, float scale, "
    "Tensor? layout, Tensor tiles, Tensor key_tiles, Tensor readers, int block",
    outputs="out lse",
    reads="q k v out lse scale layout tiles key_tiles readers block",
    gradients="q k v",
    fake=_fake,
)
