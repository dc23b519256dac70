"""How the fused kernels split rows of C channels into powers of two, and rows over programs."""

from __future__ import annotations

import triton
from torch import Tensor

WARPS = 4
# Fusion of multiply and add is explicit because newer versions of Triton have another default.
OPTIONS = {"num_warps": WARPS, "enable_fp_fusion": True}


def row_constants(channels: int) -> dict[str, int]:
    """The constexprs of a kernel that works on rows of C channels.

    C is split into C0 + C1, powers of two (C1 may be 0): 1152 is 1024 + 128, where one block of 2048 would waste 44 %.
    A program takes several ROWS, so that its four warps load 8 to 16 bytes a thread even where C1 is short.
    """
    first = 2
    while first * 2 <= channels:
        first *= 2
    rest = channels - first
    rows = 1
    while rows < 16 and rows * 2 * channels <= 8192:
        rows *= 2
    second = max(2, int(triton.next_power_of_2(rest))) if rest else 0
    return {"C": channels, "C0": first, "C1": second, "ROWS": rows}


def row_grid(x: Tensor) -> tuple[int]:
    """The grid that covers all rows of `x`, `[N, C]`."""
    return (-(-x.shape[0] // row_constants(x.shape[1])["ROWS"]),)
