"""The public entry of gate and residual."""

from __future__ import annotations

from torch import Tensor

from ace_kernels.backend import choose_backend, is_traced
from ace_kernels.ops.gate_residual import reference
from ace_kernels.registration import Operation
from ace_kernels.validation import check_index, check_like, check_parameter, check_tokens


def gate_residual(x: Tensor, y: Tensor, gate: Tensor, index: Tensor, *, backend: str | None = None) -> Tensor:
    """`x + gate[index] * y`: adds a branch of a DiT block to its residual stream (arXiv 2212.09748).

    On a GPU the gate is not copied to every token.

    Args:
        x, y: `[N, C]`.
        gate: `[S, C]`, dtype of `x` or float32: one row per sample.
        index: int32 or int64 `[N]`, the sample of every token, 0 to S - 1 (not checked on a GPU).
        backend: as for `range_attention`.

    Returns:
        `[N, C]` in the dtype of `x`.

    Raises:
        ArgumentError: a wrong dtype, device, stride or shape.
        BackendError: a forced backend that cannot run here.
    """
    check_tokens("x", x)
    check_like("y", y, x)
    check_parameter("gate", gate, x, ("S", x.shape[1]))
    check_index(index, x)
    chosen = choose_backend(x, backend)
    if chosen in ("reference", "sdpa") or (chosen == "cpu" and is_traced()):
        return reference.gate_residual(x, y, gate, index)
    return _operation(chosen, x, y, gate, index)


_operation = Operation(
    "gate_residual",
    __package__,
    "Tensor x, Tensor y, Tensor gate, Tensor index",
    outputs="out",
    reads="y gate index",
    gradients="y gate",
    passes_through="x",
    fake=lambda x, y, gate, index: (x.new_empty(x.shape),),
)
