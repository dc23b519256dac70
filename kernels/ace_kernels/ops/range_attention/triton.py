"""Range attention on a GPU: tile sizes of each chip, and the launches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor

from ace_kernels.backend import is_interpreted
from ace_kernels.ops.range_attention.triton_kernels import (
    LOG2_E,
    range_attention_delta_kernel,
    range_attention_dkdv_kernel,
    range_attention_dq_kernel,
    range_attention_fwd_kernel,
)


@dataclass(frozen=True)
class Tile:
    """How one kernel is compiled for one chip: query rows, key rows, warps, pipeline stages."""

    rows: int
    keys: int
    warps: int
    stages: int
    tma: bool = False
    warp_specialize: bool = False
    ones: bool = False


# For each chip: the padded width up to which a tile is used, and the tile, the largest that compiles without spilling a
# register (`python -m ace_kernels.compile_report`). sm_86, sm_89 and sm_120 have the matrix instructions of sm_80 and
# enough shared memory for its tiles.
Tiles = dict[str, tuple[tuple[int, Tile], ...]]
FORWARD: Tiles = {
    "sm_80": (
        (32, Tile(128, 64, 8, 2)),
        (48, Tile(64, 64, 4, 2)),
        (80, Tile(128, 64, 8, 2)),
        (128, Tile(128, 32, 8, 2)),
    ),
    "sm_90": ((128, Tile(128, 128, 8, 2, tma=True, ones=True)),),
    "sm_100": ((128, Tile(128, 128, 8, 2, tma=True, warp_specialize=True)),),
    "gfx942": ((128, Tile(128, 64, 4, 2)),),
    "interpreter": ((128, Tile(64, 64, 4, 1)),),
}
GRAD_Q: Tiles = {
    "sm_80": ((80, Tile(128, 64, 8, 2)), (128, Tile(128, 32, 8, 2))),
    "sm_90": ((128, Tile(128, 64, 8, 2)),),
    "sm_100": ((128, Tile(128, 64, 8, 2)),),
    "gfx942": ((80, Tile(128, 64, 8, 1)), (128, Tile(64, 64, 4, 1))),
    "interpreter": ((128, Tile(64, 64, 4, 1)),),
}
GRAD_KV: Tiles = {
    "sm_80": ((48, Tile(32, 64, 8, 1)), (80, Tile(32, 64, 4, 1)), (128, Tile(32, 32, 8, 1))),
    "sm_90": ((96, Tile(64, 128, 8, 1)), (128, Tile(32, 64, 4, 1))),
    "sm_100": ((128, Tile(64, 128, 8, 1)),),
    "gfx942": ((128, Tile(32, 64, 4, 1)),),
    "interpreter": ((128, Tile(64, 64, 4, 1)),),
}
# float32 products are exact, without matrix instructions, so the tiles are small.
EXACT = Tile(16, 16, 2, 1)
DELTA_ROWS = 32
# Keys of a masked tile at the end of a range: a short text costs 32 keys instead of 128, and few registers.
TAIL = 32


def split_width(width: int) -> tuple[int, int]:
    """A head width as a sum of two powers of two of at least 16, or one and 0: 72 is 64 + 16."""
    first = 16
    while first * 2 <= width:
        first *= 2
    rest = width - first
    return first, 0 if rest <= 0 else max(16, triton.next_power_of_2(rest))


def tile_family(device: torch.device) -> str:
    """The key of the tile tables for a device."""
    if is_interpreted():
        return "interpreter"
    if torch.version.hip is not None:
        return "gfx942"
    return {9: "sm_90", 10: "sm_100"}.get(torch.cuda.get_device_capability(device)[0], "sm_80")


def constants(tile: Tile, heads: int, width: int, dtype: torch.dtype, block: int) -> dict[str, Any]:
    """The constexprs that all three kernels share, except PARTS."""
    first, second = split_width(width)
    return {
        "H": heads,
        "D": width,
        "D0": first,
        "D1": second,
        "BM": min(tile.rows, block),
        "BN": min(tile.keys, block),
        "STAGES": tile.stages,
        "PRECISION": "ieee" if dtype is torch.float32 else "tf32",
    }


def forward_constants(tile: Tile, shared: dict[str, Any]) -> dict[str, Any]:
    """The constexprs that only the forward kernel has."""
    spare = shared["D1"] > 0 and shared["D"] < shared["D0"] + shared["D1"]
    return {
        "TAIL": min(TAIL, shared["BN"]),
        "TMA": tile.tma,
        "WARP_SPECIALIZE": tile.warp_specialize,
        "ONES": tile.ones and spare,
    }


def padded(width: int) -> int:
    """The power of two that holds a head, for the kernel without matrix products."""
    return int(triton.next_power_of_2(width))


def options(tile: Tile) -> dict[str, Any]:
    # Explicit because newer versions of Triton have another default.
    return {"num_warps": tile.warps, "num_stages": tile.stages, "enable_fp_fusion": True}


def tile_for(table: Tiles, chip: str, width: int, dtype: torch.dtype) -> Tile:
    """The tile for heads of `width`."""
    if dtype is torch.float32 and chip != "interpreter":
        return EXACT
    columns = sum(split_width(width))
    return next(tile for most, tile in table[chip] if columns <= most)


def _descriptors(x: Tensor, keys: int) -> list[Any] | None:
    """TMA descriptors of both column blocks, or None where the rows are not aligned to 16 bytes."""
    aligned = x.data_ptr() % 16 == 0 and all(s * x.element_size() % 16 == 0 for s in x.stride()[:2])
    if not aligned or not x.shape[0]:
        return None
    from triton.tools.tensor_descriptor import TensorDescriptor

    return [
        TensorDescriptor.from_tensor(x, [keys, 1, width]) if width else None
        for width in split_width(x.shape[2])
    ]


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float,
    layout: Tensor,
    tiles: Tensor,
    key_tiles: Tensor,
    readers: Tensor,
    block: int,
) -> tuple[Tensor, Tensor]:
    """Returns the output `[Nq, H, D]` and the log-sum-exp of the scores `[H, Nq]`, infinite without keys."""
    num_queries, heads, width = q.shape
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = torch.empty((heads, num_queries), dtype=torch.float32, device=q.device)
    chip = tile_family(q.device)
    tile = tile_for(FORWARD, chip, width, q.dtype)
    k_desc = v_desc = None
    if tile.tma:
        keys = min(tile.keys, block)
        k_desc, v_desc = _descriptors(k, keys), _descriptors(v, keys)
        if k_desc is None or v_desc is None:
            tile, k_desc, v_desc = tile_for(FORWARD, "sm_80", width, q.dtype), None, None
    shared = constants(tile, heads, width, q.dtype, block)
    parts = block // shared["BM"]
    range_attention_fwd_kernel[(len(tiles) * parts * heads,)](
        q, k, v, *(k_desc or (None, None)), *(v_desc or (None, None)), out, lse, tiles,
        q.stride(0), k.stride(0), v.stride(0), num_queries, scale * LOG2_E.value,
        PARTS=parts, **forward_constants(tile, shared), **shared, **options(tile),
    )  # fmt: skip
    return out, lse


def backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    scale: float,
    layout: Tensor,
    tiles: Tensor,
    key_tiles: Tensor,
    readers: Tensor,
    block: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v; `grad`, `out` and `lse` are contiguous."""
    num_queries, heads, width = q.shape
    dq = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    dk = torch.empty(k.shape, dtype=k.dtype, device=k.device)
    dv = torch.empty(v.shape, dtype=v.dtype, device=v.device)
    delta = torch.empty_like(lse)
    strides = (q.stride(0), k.stride(0), v.stride(0))
    scales = (scale * LOG2_E.value, scale)
    if num_queries:
        range_attention_delta_kernel[(triton.cdiv(num_queries, DELTA_ROWS) * heads,)](
            out, grad, delta, num_queries, H=heads, D=width, WIDTH=padded(width), BM=DELTA_ROWS
        )
    chip = tile_family(q.device)
    tile = tile_for(GRAD_Q, chip, width, q.dtype)
    shared = constants(tile, heads, width, q.dtype, block)
    parts = block // shared["BM"]
    range_attention_dq_kernel[(len(tiles) * parts * heads,)](
        q, k, v, grad, lse, delta, dq, tiles, *strides, num_queries, *scales,
        PARTS=parts, **shared, **options(tile),
    )  # fmt: skip
    tile = tile_for(GRAD_KV, chip, width, q.dtype)
    shared = constants(tile, heads, width, q.dtype, block)
    parts = block // shared["BN"]
    range_attention_dkdv_kernel[(len(key_tiles) * parts * heads,)](
        q, k, v, grad, lse, delta, dk, dv, key_tiles, readers, *strides, num_queries,
        *scales, PARTS=parts, **shared, **options(tile),
    )  # fmt: skip
    return dq, dk, dv
