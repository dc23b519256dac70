"""Range attention on a GPU: how the kernels are launched."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from ace_kernels.ops.range_attention.tiles import FORWARD, GRAD_KV, GRAD_Q, Tile, split_width, tile_for
from ace_kernels.ops.range_attention.triton_kernels import (
    LOG2_E,
    range_attention_delta_kernel,
    range_attention_dkdv_kernel,
    range_attention_dq_kernel,
    range_attention_fwd_kernel,
)
from ace_kernels.row_layout import OPTIONS
from ace_kernels.triton_support import chip_name

DELTA_ROWS = 32
# Keys of a masked tile at the end of a range: a short text costs 32 keys instead of 128, and few registers.
TAIL = 32
NARROWEST_COLUMNS = 16


def constants(tile: Tile, heads: int, width: int, block: int) -> dict[str, Any]:
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
    }


def tail_rows(tile: Tile, chip: str, block: int) -> int:
    """Keys of a masked tile, enough for each thread to load two neighbours of a block of 16 columns."""
    threads = tile.warps * (64 if chip.startswith("gfx") else 32)
    return min(max(TAIL, 2 * threads // NARROWEST_COLUMNS), tile.keys, block)


def forward_constants(tile: Tile, shared: dict[str, Any]) -> dict[str, Any]:
    """The constexprs that only the forward kernel has."""
    spare = shared["D1"] > 0 and shared["D"] < shared["D0"] + shared["D1"]
    return {
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


def _is_aligned(x: Tensor) -> bool:
    """Whether every row and head starts at a multiple of 16 bytes, as TMA requires."""
    return x.data_ptr() % 16 == 0 and all(s * x.element_size() % 16 == 0 for s in x.stride()[:2])


def _descriptors(x: Tensor, keys: int) -> tuple[Any, Any]:
    """TMA descriptors of both column blocks of `keys` rows."""
    from triton.tools.tensor_descriptor import TensorDescriptor

    first, second = (
        TensorDescriptor.from_tensor(x, [keys, 1, width]) if width else None
        for width in split_width(x.shape[2])
    )
    return first, second


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float,
    layout: Tensor | None,
    tiles: Tensor,
    key_tiles: Tensor,
    readers: Tensor,
    block: int,
) -> tuple[Tensor, Tensor]:
    """Returns the output `[Nq, H, D]` and the base-2 log-sum-exp of the scores `[H, Nq]`, infinite without keys."""
    num_queries, heads, width = q.shape
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = torch.empty((heads, num_queries), dtype=torch.float32, device=q.device)
    aligned = len(k) > 0 and _is_aligned(k) and _is_aligned(v)
    chip = chip_name(q.device)
    tile = tile_for(FORWARD, chip, width, q.dtype, aligned=aligned)
    k_desc = v_desc = (None, None)
    if tile.tma:
        keys = min(tile.keys, block)
        k_desc, v_desc = _descriptors(k, keys), _descriptors(v, keys)
    shared = constants(tile, heads, width, block)
    parts = block // shared["BM"]
    range_attention_fwd_kernel[(len(tiles) * parts * heads,)](
        q, k, v, *k_desc, *v_desc, out, lse, tiles,
        q.stride(0), k.stride(0), v.stride(0), num_queries, scale * LOG2_E.value,
        TAIL=tail_rows(tile, chip, block), PARTS=parts, **forward_constants(tile, shared), **shared, **options(tile),
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
    layout: Tensor | None,
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
            out, grad, delta, num_queries, H=heads, D=width, WIDTH=padded(width), BM=DELTA_ROWS,
            **OPTIONS,
        )  # fmt: skip
    chip = chip_name(q.device)
    tile = tile_for(GRAD_Q, chip, width, q.dtype)
    shared = constants(tile, heads, width, block)
    parts = block // shared["BM"]
    range_attention_dq_kernel[(len(tiles) * parts * heads,)](
        q, k, v, grad, lse, delta, dq, tiles, *strides, num_queries, *scales,
        TAIL=tail_rows(tile, chip, block), PARTS=parts, **shared, **options(tile),
    )  # fmt: skip
    tile = tile_for(GRAD_KV, chip, width, q.dtype)
    shared = constants(tile, heads, width, block)
    parts = block // shared["BN"]
    range_attention_dkdv_kernel[(len(key_tiles) * parts * heads,)](
        q, k, v, grad, lse, delta, dk, dv, key_tiles, readers, *strides, num_queries,
        *scales, PARTS=parts, **shared, **options(tile),
    )  # fmt: skip
    return dq, dk, dv
