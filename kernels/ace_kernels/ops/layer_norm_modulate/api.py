"""The public entry of LayerNorm and modulation."""

from __future__ import annotations

from torch import Tensor

from ace_kernels.backend import choose_backend, is_traced
from ace_kernels.dtypes import accumulation_dtype
from ace_kernels.ops.layer_norm_modulate import reference
from ace_kernels.registration import Operation
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

    Accumulates in float32 (float64 for float64). On a GPU shift and scale are not copied to every token.

    Args:
        x: `[N, C]`.
        shift, scale: `[S, C]`, dtype of `x` or float32: one row per sample.
        index: int32 or int64 `[N]`, the sample of every token, 0 to S - 1 (not checked on a GPU).
        eps: added to the variance.
        backend: as for `range_attention`.

    Returns:
        `[N, C]` in the dtype of `x`.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape.
        BackendError: a forced backend that cannot run here.
    """
    check_tokens("x", x)
    check_parameter("shift", shift, x, ("S", x.shape[1]))
    check_parameter("scale", scale, x, (shift.shape[0], x.shape[1]))
    check_index(index, x)
    chosen = choose_backend(x, backend)
    if chosen in ("reference", "sdpa") or (chosen == "cpu" and is_traced()):
        return reference.layer_norm_modulate(x, shift, scale, index, eps)
    return _operation(chosen, x, shift, scale, index, eps)


def _fake(x: Tensor, *_: object) -> tuple[Tensor, Tensor, Tensor]:
    mean, inverse_deviation = (x.new_empty(x.shape[:1], dtype=accumulation_dtype(x.dtype)) for _ in range(2))
    return x.new_empty(x.shape), mean, inverse_deviation


_operation = Operation(
    "layer_norm_modulate",
    __package__,
    "Tensor x, Tensor shift, Tensor scale, Tensor index, float eps",
    outputs="out mean inverse_deviation",
    reads="x shift scale index mean inverse_deviation",
    gradients="x shift scale",
    fake=_fake,
)
