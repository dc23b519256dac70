# mypy: allow-untyped-defs, allow-incomplete-defs
"""The Triton kernels of range attention: forward and deterministic backward.

A program takes one tile of query rows (for the gradients of k and v, of key rows) of one head and loops over the ranges
that the plan lists. Programs share nothing, so there are no atomics and gradients are deterministic. A head of width D
is split into D0 + D1 columns, powers of two of at least 16: 72 is 64 + 16 (11 % padding), where one block of 128 would
waste 44 % and spill registers.

Products have `input_precision="ieee"`: exact for float32, and for half formats the same as the default, which AMD's
compiler refuses for them on most chips.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2_E: tl.constexpr = tl.constexpr(1.4426950408889634)


@triton.jit
def _load(
    base, start, count, stride, FIRST: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
    MASKED: tl.constexpr,
):  # fmt: skip
    """Load columns FIRST to FIRST + WIDTH of `count` rows from `start`, zeros beyond the rows and beyond D."""
    row = tl.arange(0, ROWS)
    column = FIRST + tl.arange(0, WIDTH)
    # The address of the tile is 64-bit; inside it 32 bits are enough and save registers.
    address = base + start.to(tl.int64) * stride + row[:, None] * stride + column[None, :]
    if FIRST + WIDTH > D:
        if MASKED:
            x = tl.load(address, mask=(row < count)[:, None] & (column < D)[None, :], other=0.0)
        else:
            x = tl.load(address, mask=(row >= 0)[:, None] & (column < D)[None, :], other=0.0)
    else:
        if MASKED:
            x = tl.load(address, mask=(row < count)[:, None], other=0.0)
        else:
            x = tl.load(address)
    return x


@triton.jit
def _store(
    base, start, count, stride, x, FIRST: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr,
    ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.arange(0, ROWS)
    column = FIRST + tl.arange(0, WIDTH)
    address = base + start.to(tl.int64) * stride + row[:, None] * stride + column[None, :]
    mask = (row < count)[:, None]
    if FIRST + WIDTH > D:
        mask = mask & (column < D)[None, :]
    tl.store(address, x.to(base.dtype.element_ty), mask=mask)


@triton.jit
def _forward_step(
    q0, q1, acc0, acc1, total, highest, K, V, k0_desc, k1_desc, v0_desc, v1_desc, start, count, head,
    k_stride, v_stride, scale_log2, D: tl.constexpr, D0: tl.constexpr, D1: tl.constexpr, BN: tl.constexpr,
    MASKED: tl.constexpr, TMA: tl.constexpr, ONES: tl.constexpr,
):  # fmt: skip
    """One tile of keys: scores, running maximum and sum, and the weighted values."""
    if TMA:
        k0 = tl.reshape(k0_desc.load([start, head, 0]), [BN, D0])
    else:
        k0 = _load(K, start, count, k_stride, 0, D0, D, BN, MASKED)
    scores = tl.dot(q0, tl.trans(k0), input_precision="ieee")
    if D1 > 0:
        if TMA:
            k1 = tl.reshape(k1_desc.load([start, head, D0]), [BN, D1])
        else:
            k1 = _load(K, start, count, k_stride, D0, D1, D, BN, MASKED)
        scores = tl.dot(q1, tl.trans(k1), scores, input_precision="ieee")
    if MASKED:
        scores = tl.where((tl.arange(0, BN) < count)[None, :], scores, -float("inf"))
    new_highest = tl.maximum(highest, tl.max(scores, 1) * scale_log2)
    p = tl.exp2(scores * scale_log2 - new_highest[:, None])
    shrink = tl.exp2(highest - new_highest)
    if TMA:
        v0 = tl.reshape(v0_desc.load([start, head, 0]), [BN, D0])
    else:
        v0 = _load(V, start, count, v_stride, 0, D0, D, BN, MASKED)
    weights = p.to(v0.dtype)
    acc0 = tl.dot(weights, v0, acc0 * shrink[:, None], input_precision="ieee")
    if D1 > 0:
        if TMA:
            v1 = tl.reshape(v1_desc.load([start, head, D0]), [BN, D1])
        else:
            v1 = _load(V, start, count, v_stride, D0, D1, D, BN, MASKED)
        if ONES:
            v1 = tl.where((D0 + tl.arange(0, D1) == D)[None, :], 1.0, v1).to(v1.dtype)
        acc1 = tl.dot(weights, v1, acc1 * shrink[:, None], input_precision="ieee")
    if not ONES:
        total = total * shrink + tl.sum(p, 1)
    return acc0, acc1, total, new_highest


@triton.jit
def range_attention_fwd_kernel(
    Q, K, V, k0_desc, k1_desc, v0_desc, v1_desc, OUT, LSE, TILES, q_stride, k_stride, v_stride, num_queries,
    scale_log2, H: tl.constexpr, D: tl.constexpr, D0: tl.constexpr, D1: tl.constexpr, BM: tl.constexpr,
    BN: tl.constexpr, TAIL: tl.constexpr, PARTS: tl.constexpr, STAGES: tl.constexpr, TMA: tl.constexpr,
    WARP_SPECIALIZE: tl.constexpr, ONES: tl.constexpr,
):  # fmt: skip
    """One program: BM rows of one query tile, one head.

    The stride of a head is the constexpr D: as a runtime argument it would turn 16-byte loads into 2-byte ones. ONES
    puts a column of ones into the padding of the values, so the matrix unit also computes the sum of the softmax.
    """
    program = tl.program_id(0)
    head = program % H
    tile = TILES + (program // (H * PARTS)).to(tl.int64) * 6
    first = tl.load(tile) + (program // H) % PARTS * BM
    count = tl.load(tile + 1) - first
    if count <= 0:
        return
    a_begin = tl.load(tile + 2)
    a_rows = tl.load(tile + 3) - a_begin
    b_begin = tl.load(tile + 4)
    b_rows = tl.load(tile + 5) - b_begin
    K += head * D
    V += head * D

    q0 = _load(Q + head * D, first, count, q_stride, 0, D0, D, BM, True)
    q1 = q0
    if D1 > 0:
        q1 = _load(Q + head * D, first, count, q_stride, D0, D1, D, BM, True)
    acc0 = tl.zeros([BM, D0], tl.float32)
    acc1 = tl.zeros([BM, D1 if D1 > 0 else 16], tl.float32)
    total = tl.zeros([BM], tl.float32)
    highest = tl.full([BM], -float("inf"), tl.float32)

    a_tiles = a_rows // BN
    b_tiles = b_rows // BN
    # First the rests of both ranges, in small masked tiles. They never come through TMA, which would also load rows of
    # the next segment: their weight is 0, but 0 * NaN is NaN. After the main loop instead of before it, this loop
    # crashes the compiler (triton 3.9, sm_100) once the main loop is warp-specialised.
    a_rest = tl.cdiv(a_rows - a_tiles * BN, TAIL)
    b_rest = tl.cdiv(b_rows - b_tiles * BN, TAIL)
    for i in tl.range(0, a_rest + b_rest, num_stages=1):
        start = tl.where(i < a_rest, a_tiles * BN + i * TAIL, b_tiles * BN + (i - a_rest) * TAIL)
        rest = tl.where(i < a_rest, a_rows, b_rows) - start
        start += tl.where(i < a_rest, a_begin, b_begin)
        acc0, acc1, total, highest = _forward_step(
            q0, q1, acc0, acc1, total, highest, K, V, k0_desc, k1_desc, v0_desc, v1_desc, start, rest, head,
            k_stride, v_stride, scale_log2, D, D0, D1, TAIL, True, False, ONES,
        )  # fmt: skip

    for i in tl.range(0, a_tiles + b_tiles, num_stages=STAGES, warp_specialize=WARP_SPECIALIZE):
        start = tl.where(i < a_tiles, a_begin + i * BN, b_begin + (i - a_tiles) * BN)
        acc0, acc1, total, highest = _forward_step(
            q0, q1, acc0, acc1, total, highest, K, V, k0_desc, k1_desc, v0_desc, v1_desc, start, BN, head,
            k_stride, v_stride, scale_log2, D, D0, D1, BN, False, TMA, ONES,
        )  # fmt: skip
    if ONES:
        total = tl.sum(tl.where((D0 + tl.arange(0, D1) == D)[None, :], acc1, 0.0), 1)
    empty = total == 0.0
    total = tl.where(empty, 1.0, total)
    lse = tl.where(empty, float("inf"), highest + tl.log2(total))
    row = tl.arange(0, BM)
    tl.store(LSE + head.to(tl.int64) * num_queries + first + row, lse, mask=row < count)
    inverse = (1.0 / total)[:, None]
    _store(OUT + head * D, first, count, H * D, acc0 * inverse, 0, D0, D, BM)
    if D1 > 0:
        _store(OUT + head * D, first, count, H * D, acc1 * inverse, D0, D1, D, BM)


@triton.jit
def range_attention_delta_kernel(
    OUT, GRAD, DELTA, num_queries, H: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr, BM: tl.constexpr
):  # fmt: skip
    """Row sums of out * grad, `[H, Nq]`, which the gradient of the softmax subtracts."""
    first = tl.program_id(0) // H * BM
    head = tl.program_id(0) % H
    count = num_queries - first
    out = _load(OUT + head * D, first, count, H * D, 0, WIDTH, D, BM, True).to(tl.float32)
    grad = _load(GRAD + head * D, first, count, H * D, 0, WIDTH, D, BM, True).to(tl.float32)
    row = tl.arange(0, BM)
    tl.store(DELTA + head.to(tl.int64) * num_queries + first + row, tl.sum(out * grad, 1), mask=row < count)


@triton.jit
def _dq_step(
    q0, q1, g0, g1, lse, delta, acc0, acc1, K, V, start, count, k_stride, v_stride, scale_log2,
    D: tl.constexpr, D0: tl.constexpr, D1: tl.constexpr, BN: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    """One tile of keys: its part of the gradient of the queries, without the scale."""
    k0 = _load(K, start, count, k_stride, 0, D0, D, BN, MASKED)
    v0 = _load(V, start, count, v_stride, 0, D0, D, BN, MASKED)
    scores = tl.dot(q0, tl.trans(k0), input_precision="ieee")
    dp = tl.dot(g0, tl.trans(v0), input_precision="ieee")
    if D1 > 0:
        k1 = _load(K, start, count, k_stride, D0, D1, D, BN, MASKED)
        v1 = _load(V, start, count, v_stride, D0, D1, D, BN, MASKED)
        scores = tl.dot(q1, tl.trans(k1), scores, input_precision="ieee")
        dp = tl.dot(g1, tl.trans(v1), dp, input_precision="ieee")
    p = tl.exp2(scores * scale_log2 - lse[:, None])
    if MASKED:
        p = tl.where((tl.arange(0, BN) < count)[None, :], p, 0.0)
    ds = (p * (dp - delta[:, None])).to(k0.dtype)
    acc0 = tl.dot(ds, k0, acc0, input_precision="ieee")
    if D1 > 0:
        acc1 = tl.dot(ds, k1, acc1, input_precision="ieee")
    return acc0, acc1


@triton.jit
def range_attention_dq_kernel(
    Q, K, V, GRAD, LSE, DELTA, DQ, TILES, q_stride, k_stride, v_stride, num_queries, scale_log2, scale,
    H: tl.constexpr, D: tl.constexpr, D0: tl.constexpr, D1: tl.constexpr, BM: tl.constexpr,
    BN: tl.constexpr, TAIL: tl.constexpr, PARTS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """One program: the gradient of BM rows of one query tile, one head."""
    program = tl.program_id(0)
    head = program % H
    tile = TILES + (program // (H * PARTS)).to(tl.int64) * 6
    first = tl.load(tile) + (program // H) % PARTS * BM
    count = tl.load(tile + 1) - first
    if count <= 0:
        return
    a_begin = tl.load(tile + 2)
    a_rows = tl.load(tile + 3) - a_begin
    b_begin = tl.load(tile + 4)
    b_rows = tl.load(tile + 5) - b_begin
    K += head * D
    V += head * D

    q0 = _load(Q + head * D, first, count, q_stride, 0, D0, D, BM, True)
    g0 = _load(GRAD + head * D, first, count, H * D, 0, D0, D, BM, True)
    q1 = q0
    g1 = g0
    if D1 > 0:
        q1 = _load(Q + head * D, first, count, q_stride, D0, D1, D, BM, True)
        g1 = _load(GRAD + head * D, first, count, H * D, D0, D1, D, BM, True)
    row = tl.arange(0, BM)
    at = head.to(tl.int64) * num_queries + first
    lse = tl.load(LSE + at + row, mask=row < count, other=float("inf"))
    delta = tl.load(DELTA + at + row, mask=row < count, other=0.0)
    acc0 = tl.zeros([BM, D0], tl.float32)
    acc1 = tl.zeros([BM, D1 if D1 > 0 else 16], tl.float32)

    # First the rests of both ranges in small masked tiles, then full tiles without masks, as in the forward kernel.
    a_tiles = a_rows // BN
    b_tiles = b_rows // BN
    a_rest = tl.cdiv(a_rows - a_tiles * BN, TAIL)
    b_rest = tl.cdiv(b_rows - b_tiles * BN, TAIL)
    for i in tl.range(0, a_rest + b_rest, num_stages=1):
        start = tl.where(i < a_rest, a_tiles * BN + i * TAIL, b_tiles * BN + (i - a_rest) * TAIL)
        rest = tl.where(i < a_rest, a_rows, b_rows) - start
        start += tl.where(i < a_rest, a_begin, b_begin)
        acc0, acc1 = _dq_step(
            q0, q1, g0, g1, lse, delta, acc0, acc1, K, V, start, rest, k_stride, v_stride, scale_log2,
            D, D0, D1, TAIL, True,
        )  # fmt: skip
    for i in tl.range(0, a_tiles + b_tiles, num_stages=STAGES):
        start = tl.where(i < a_tiles, a_begin + i * BN, b_begin + (i - a_tiles) * BN)
        acc0, acc1 = _dq_step(
            q0, q1, g0, g1, lse, delta, acc0, acc1, K, V, start, BN, k_stride, v_stride, scale_log2,
            D, D0, D1, BN, False,
        )  # fmt: skip
    _store(DQ + head * D, first, count, H * D, acc0 * scale, 0, D0, D, BM)
    if D1 > 0:
        _store(DQ + head * D, first, count, H * D, acc1 * scale, D0, D1, D, BM)


@triton.jit
def _dkdv_step(
    k0, k1, v0, v1, dk0, dk1, dv0, dv1, Q, GRAD, LSE, DELTA, start, count, q_stride, scale_log2,
    H: tl.constexpr, D: tl.constexpr, D0: tl.constexpr, D1: tl.constexpr, BM: tl.constexpr,
    MASKED: tl.constexpr,
):  # fmt: skip
    """One tile of query rows: its part of the gradients of keys (without the scale) and values."""
    row = tl.arange(0, BM)
    q0 = _load(Q, start, count, q_stride, 0, D0, D, BM, MASKED)
    g0 = _load(GRAD, start, count, H * D, 0, D0, D, BM, MASKED)
    if MASKED:
        # The log-sum-exp of a row beyond the range is infinite, so its weights are zero.
        lse = tl.load(LSE + start + row, mask=row < count, other=float("inf"))
        delta = tl.load(DELTA + start + row, mask=row < count, other=0.0)
    else:
        lse = tl.load(LSE + start + row)
        delta = tl.load(DELTA + start + row)
    scores = tl.dot(k0, tl.trans(q0), input_precision="ieee")
    if D1 > 0:
        q1 = _load(Q, start, count, q_stride, D0, D1, D, BM, MASKED)
        g1 = _load(GRAD, start, count, H * D, D0, D1, D, BM, MASKED)
        scores = tl.dot(k1, tl.trans(q1), scores, input_precision="ieee")
    p = tl.exp2(scores * scale_log2 - lse[None, :])
    weights = p.to(g0.dtype)
    dv0 = tl.dot(weights, g0, dv0, input_precision="ieee")
    dp = tl.dot(v0, tl.trans(g0), input_precision="ieee")
    if D1 > 0:
        dv1 = tl.dot(weights, g1, dv1, input_precision="ieee")
        dp = tl.dot(v1, tl.trans(g1), dp, input_precision="ieee")
    ds = (p * (dp - delta[None, :])).to(q0.dtype)
    dk0 = tl.dot(ds, q0, dk0, input_precision="ieee")
    if D1 > 0:
        dk1 = tl.dot(ds, q1, dk1, input_precision="ieee")
    return dk0, dk1, dv0, dv1


@triton.jit
def range_attention_dkdv_kernel(
    Q, K, V, GRAD, LSE, DELTA, DK, DV, KEY_TILES, READERS, q_stride, k_stride, v_stride, num_queries,
    scale_log2, scale, H: tl.constexpr, D: tl.constexpr, D0: tl.constexpr, D1: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, PARTS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """One program: the gradients of BN rows of one key tile, one head, from all query rows that read them."""
    program = tl.program_id(0)
    head = program % H
    tile = KEY_TILES + (program // (H * PARTS)).to(tl.int64) * 4
    first = tl.load(tile) + (program // H) % PARTS * BN
    count = tl.load(tile + 1) - first
    if count <= 0:
        return
    k0 = _load(K + head * D, first, count, k_stride, 0, D0, D, BN, True)
    v0 = _load(V + head * D, first, count, v_stride, 0, D0, D, BN, True)
    k1 = k0
    v1 = v0
    if D1 > 0:
        k1 = _load(K + head * D, first, count, k_stride, D0, D1, D, BN, True)
        v1 = _load(V + head * D, first, count, v_stride, D0, D1, D, BN, True)
    dk0 = tl.zeros([BN, D0], tl.float32)
    dv0 = tl.zeros([BN, D0], tl.float32)
    dk1 = tl.zeros([BN, D1 if D1 > 0 else 16], tl.float32)
    dv1 = tl.zeros([BN, D1 if D1 > 0 else 16], tl.float32)
    Q += head * D
    GRAD += head * D
    LSE += head.to(tl.int64) * num_queries
    DELTA += head.to(tl.int64) * num_queries

    for reader in tl.range(tl.load(tile + 2), tl.load(tile + 3), num_stages=1):
        begin = tl.load(READERS + reader * 2)
        rows = tl.load(READERS + reader * 2 + 1) - begin
        full = rows // BM * BM
        for offset in tl.range(0, full, BM, num_stages=STAGES):
            dk0, dk1, dv0, dv1 = _dkdv_step(
                k0, k1, v0, v1, dk0, dk1, dv0, dv1, Q, GRAD, LSE, DELTA, begin + offset, BM, q_stride,
                scale_log2, H, D, D0, D1, BM, False,
            )  # fmt: skip
        for offset in tl.range(full, rows, BM, num_stages=1):
            dk0, dk1, dv0, dv1 = _dkdv_step(
                k0, k1, v0, v1, dk0, dk1, dv0, dv1, Q, GRAD, LSE, DELTA, begin + offset, rows - offset,
                q_stride, scale_log2, H, D, D0, D1, BM, True,
            )  # fmt: skip
    _store(DK + head * D, first, count, H * D, dk0 * scale, 0, D0, D, BN)
    _store(DV + head * D, first, count, H * D, dv0, 0, D0, D, BN)
    if D1 > 0:
        _store(DK + head * D, first, count, H * D, dk1 * scale, D0, D1, D, BN)
        _store(DV + head * D, first, count, H * D, dv1, D0, D1, D, BN)
