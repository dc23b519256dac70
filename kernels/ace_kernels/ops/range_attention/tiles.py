"""Tile sizes of range attention for each chip: measured ones from `tiles/<chip>.json`, otherwise defaults."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch
import triton

from ace_kernels.errors import KernelError

FORWARD, GRAD_Q, GRAD_KV = "forward", "grad_q", "grad_kv"
KERNELS = (FORWARD, GRAD_Q, GRAD_KV)

# A folder of measured tiles in place of the one that ships with the package.
VARIABLE = "ACE_KERNELS_TILES"
SHIPPED = Path(__file__).parents[2] / "tiles"


@dataclass(frozen=True)
class Tile:
    """How one kernel is compiled: query rows, key rows, warps, pipeline stages."""

    rows: int
    keys: int
    warps: int
    stages: int
    tma: bool = False
    warp_specialize: bool = False
    ones: bool = False


# The padded width up to which a tile is used, and the tile.
Table = tuple[tuple[int, Tile], ...]

# Compiled without a spilled register, not timed (`python -m ace_kernels.compile_report`).
DEFAULTS: dict[str, dict[str, Table]] = {
    "sm_80": {
        FORWARD: (
            (32, Tile(128, 64, 8, 2)),
            (48, Tile(64, 64, 4, 2)),
            (80, Tile(128, 64, 8, 2)),
            (128, Tile(128, 32, 8, 2)),
        ),
        GRAD_Q: ((80, Tile(128, 64, 8, 2)), (128, Tile(128, 32, 8, 1))),
        GRAD_KV: ((80, Tile(32, 64, 8, 2)), (128, Tile(32, 32, 8, 1))),
    },
    "sm_90": {
        FORWARD: ((128, Tile(128, 64, 8, 3, tma=True)),),
        GRAD_Q: ((128, Tile(128, 64, 8, 2)),),
        GRAD_KV: ((96, Tile(32, 128, 8, 2)), (128, Tile(32, 64, 8, 2))),
    },
    # Not warp-specialised: with triton 3.5 to 3.7 a specialised 128 x 128 tile compiles to a trap or stores nothing.
    "sm_100": {
        FORWARD: ((128, Tile(128, 64, 8, 2, tma=True)),),
        GRAD_Q: ((128, Tile(128, 64, 8, 2)),),
        GRAD_KV: ((96, Tile(32, 128, 8, 2)), (128, Tile(32, 64, 8, 2))),
    },
    "gfx942": {
        FORWARD: ((128, Tile(128, 64, 4, 2)),),
        GRAD_Q: ((32, Tile(64, 64, 4, 1)), (80, Tile(128, 64, 8, 1)), (128, Tile(64, 64, 4, 1))),
        GRAD_KV: ((128, Tile(32, 64, 4, 1)),),
    },
    "interpreter": {
        FORWARD: ((128, Tile(64, 64, 4, 1)),),
        GRAD_Q: ((128, Tile(64, 64, 4, 1)),),
        GRAD_KV: ((128, Tile(64, 64, 4, 1)),),
    },
}
# float32 products are exact, without matrix instructions, so the tiles are small.
EXACT = {FORWARD: Tile(16, 16, 2, 1), GRAD_Q: Tile(16, 16, 2, 1), GRAD_KV: Tile(16, 32, 4, 1)}


def split_width(width: int) -> tuple[int, int]:
    """A head width as a sum of two powers of two of at least 16, or one and 0: 72 is 64 + 16."""
    first = 16
    while first * 2 <= width:
        first *= 2
    rest = width - first
    return first, 0 if rest <= 0 else max(16, triton.next_power_of_2(rest))


def tile_for(kernel: str, chip: str, width: int, dtype: torch.dtype, *, aligned: bool = True) -> Tile:
    """The tile for heads of `width`; where rows are not `aligned` to 16 bytes, one without TMA."""
    if dtype is torch.float32 and chip != "interpreter":
        return EXACT[kernel]
    tile = measured_tiles(chip).get((kernel, width)) or _default(kernel, family(chip), width)
    return tile if aligned or not tile.tma else _default(kernel, "sm_80", width)


def family(chip: str) -> str:
    """The chip whose default tiles a chip uses.

    sm_86, sm_89 and sm_120 have the matrix instructions of sm_80 and enough shared memory for its tiles.
    """
    if chip in DEFAULTS:
        return chip
    if chip.startswith("gfx"):
        return "gfx942"
    return "sm_100" if chip.startswith("sm_10") else "sm_80"


def _default(kernel: str, chip: str, width: int) -> Tile:
    columns = sum(split_width(width))
    return next(tile for most, tile in DEFAULTS[chip][kernel] if columns <= most)


@cache
def measured_tiles(chip: str) -> dict[tuple[str, int], Tile]:
    """The tiles of `<chip>.json` by kernel and head width; none where the file was measured with another Triton.

    The file is `{"triton": "3.9.0", "tiles": {"forward": {"72": {"rows": 128, "keys": 64, "warps": 8, "stages": 3,
    "tma": true}}}}`. A tile that one release of Triton compiles well can trap with the next.

    Raises:
        KernelError: a file that is not like this.
    """
    path = Path(os.environ.get(VARIABLE) or SHIPPED) / f"{chip}.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if _minor(content["triton"]) != _minor(triton.__version__):
            return {}
        return {
            (_known(kernel), int(width)): _tile(entry)
            for kernel, entries in content["tiles"].items()
            for width, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KernelError(
            f"{path}: not a file of measured tiles ({error}); delete it to use the defaults"
        ) from error


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _known(kernel: str) -> str:
    if kernel not in KERNELS:
        raise ValueError(f"wanted one of {', '.join(KERNELS)}, got {kernel!r}")
    return kernel


def _tile(entry: dict[str, Any]) -> Tile:
    unknown = set(entry) - {field.name for field in fields(Tile)}
    if unknown:
        raise ValueError(f"a tile has no {min(unknown)!r}")
    tile = Tile(**entry)
    if any(size & (size - 1) or not 16 <= size <= 256 for size in (tile.rows, tile.keys)):
        raise ValueError(
            f"rows and keys must be powers of two from 16 to 256, got {tile.rows} and {tile.keys}"
        )
    return tile
