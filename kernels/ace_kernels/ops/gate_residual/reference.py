"""Gate and residual in plain torch."""

from __future__ import annotations

from torch import Tensor

from ace_kernels.arithmetic import wide


def gate_residual(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    """See `ace_kernels.ops.gate_residual`."""
    to = wide(x.dtype)
    return (x.to(to) + gate.to(to)[index] * y.to(to)).to(x.dtype)
