"""Gate and residual in plain torch: the oracle of the other implementations, and what torch.compile fuses on a CPU."""

from __future__ import annotations

from torch import Tensor

from ace_kernels.dtypes import accumulation_dtype


def gate_residual(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    """See `ace_kernels.gate_residual`."""
    wide = accumulation_dtype(x.dtype)
    return (x.to(wide) + gate.to(wide)[index] * y.to(wide)).to(x.dtype)
