"""How the fused kernels lay a row of C channels over powers of two."""

from __future__ import annotations

import triton


def column_blocks(channels: int) -> dict[str, int]:
    """C as C0 + C1, powers of two (C1 may be 0): 1152 is 1024 + 128, where one of 2048 would waste 44 %."""
    first = 2
    while first * 2 <= channels:
        first *= 2
    rest = channels - first
    return {"C": channels, "C0": first, "C1": max(2, triton.next_power_of_2(rest)) if rest else 0}


def warps(channels: int) -> int:
    """One warp for every 256 channels: a thread then loads 16 bytes of bfloat16 at a time."""
    return min(16, triton.next_power_of_2(triton.cdiv(channels, 256)))
