"""The chips that the kernels are compiled for, and those that must fall back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A compilation target, its matrix instruction in the disassembly, and its shared memory in bytes."""

    backend: str
    arch: int | str
    warp: int
    matrix: str
    shared: int


TARGETS = {
    "sm_80": Target("cuda", 80, 32, "HMMA", 163 << 10),
    "sm_86": Target("cuda", 86, 32, "HMMA", 99 << 10),
    "sm_89": Target("cuda", 89, 32, "HMMA", 99 << 10),
    "sm_90": Target("cuda", 90, 32, "HGMMA", 227 << 10),
    "sm_100": Target("cuda", 100, 32, "UTCHMMA", 227 << 10),
    "sm_120": Target("cuda", 120, 32, "HMMA", 99 << 10),
    "gfx90a": Target("hip", "gfx90a", 64, "v_mfma", 64 << 10),
    "gfx942": Target("hip", "gfx942", 64, "v_mfma", 64 << 10),
    "gfx950": Target("hip", "gfx950", 64, "v_mfma", 160 << 10),
}

# Chips that run torch's attention instead.
FALLBACKS = ("sm_75", "gfx1100")

# One of each family, for a quick check.
QUICK = ("sm_80", "sm_90", "sm_100", "gfx942")
