"""Which keys every query row reads, computed on the host once per batch.

A batch is packed end to end, and its query rows are cut into segments. All rows of a segment read the same keys, at
most two contiguous ranges: for example a shared prefix and the segment's own rows. That covers self-attention inside a
sample, turn-causal attention, cross-attention to a run of texts, and several targets that share a prefix.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ace_kernels.errors import ArgumentError

Range = tuple[int, int]

# Row numbers are int32 on the device; addresses are computed from them in 64 bits.
MAX_ROWS = 2**31 - 1


@dataclass(frozen=True)
class Segment:
    """Query rows `q` that read key rows `k1` and `k2`; all three are half-open ranges of row numbers."""

    q: Range
    k1: Range
    k2: Range = (0, 0)


class Tables(NamedTuple):
    """The part of a plan that the operation takes; see `RangePlan`."""

    layout: Tensor
    tiles: Tensor
    key_tiles: Tensor
    readers: Tensor
    block: int


@dataclass(frozen=True, eq=False)
class RangePlan:
    """The key ranges of one packed batch; create it with `RangePlan.build`.

    Its tensors are inputs of the operation, so a captured graph reads the offsets of the plan that it is given, never
    those of an earlier batch.

    Attributes (tables with fewer than two rows are padded with empty rows):
        segments: in query order; ranges ascending and disjoint, an unused range is `(0, 0)`.
        num_queries, num_keys: the number of rows of `q`, and of `k` and `v`.
        block: rows of one tile; a multiple of the tile of every kernel.
        layout: int64 `[S, 6]` on the CPU: q, k1 and k2 of every segment, for the CPU path.
        tiles: int32 `[T, 6]`: q, k1 and k2 of every query tile, most keys first.
        key_tiles: int32 `[U, 4]`: first and last row (exclusive) of a key tile, and the same of its readers; most
            readers first. Every key row is in exactly one tile, even if nothing reads it.
        readers: int32 `[E, 2]`: ranges of query rows that read all keys of a key tile.
    """

    segments: tuple[Segment, ...]
    num_queries: int
    num_keys: int
    block: int
    layout: Tensor
    tiles: Tensor
    key_tiles: Tensor
    readers: Tensor

    @classmethod
    def build(
        cls,
        segments: Sequence[Segment],
        num_queries: int,
        num_keys: int,
        *,
        block: int = 128,
        device: torch.device | str = "cpu",
    ) -> RangePlan:
        """Check the segments and lay out the tiles.

        The order of the segments does not matter. Where the two ranges of a segment overlap, each key counts once; a
        segment without keys yields zeros.

        Args:
            segments: must cover every query row exactly once; segments without query rows are dropped.
            num_queries, num_keys: the number of rows of `q`, and of `k` and `v`.
            block: rows of one tile, a power of two from 16 to 256.
            device: of the tile tensors.

        Raises:
            ArgumentError: a row covered twice or not at all, or a range outside the rows.
        """
        if block not in (16, 32, 64, 128, 256):
            raise ArgumentError(f"block: wanted a power of two from 16 to 256, got {block}")
        for name, rows in (("num_queries", num_queries), ("num_keys", num_keys)):
            if not 0 <= rows <= MAX_ROWS:
                raise ArgumentError(f"{name}: wanted 0 to {MAX_ROWS}, got {rows}")
        ordered = _normalise(segments, num_queries, num_keys)
        key_tiles, readers = _key_tiles(ordered, num_keys, block)
        return cls(
            segments=ordered,
            num_queries=num_queries,
            num_keys=num_keys,
            block=block,
            layout=_table([(*s.q, *s.k1, *s.k2) for s in ordered], 6, torch.int64),
            tiles=_table(_query_tiles(ordered, block), 6, torch.int32).to(device),
            key_tiles=_table(key_tiles, 4, torch.int32).to(device),
            readers=_table(readers, 2, torch.int32).to(device),
        )

    @property
    def tables(self) -> Tables:
        """The operands of `range_attention`, in its order."""
        return Tables(self.layout, self.tiles, self.key_tiles, self.readers, self.block)

    def to(self, device: torch.device | str) -> RangePlan:
        """A copy whose tile tensors are on `device`."""
        return RangePlan(
            segments=self.segments,
            num_queries=self.num_queries,
            num_keys=self.num_keys,
            block=self.block,
            layout=self.layout,
            tiles=self.tiles.to(device),
            key_tiles=self.key_tiles.to(device),
            readers=self.readers.to(device),
        )

    def to_dense(self, device: torch.device | str = "cpu") -> Tensor:
        """The plan as an attention mask, bool `[num_queries, num_keys]`: True where a query row reads a key row.

        For tests, debugging and comparison with other kernels; it grows with queries times keys.
        """
        mask = torch.zeros((self.num_queries, self.num_keys), dtype=torch.bool, device=device)
        for segment in self.segments:
            for begin, end in (segment.k1, segment.k2):
                mask[slice(*segment.q), begin:end] = True
        return mask


def _table(rows: Sequence[tuple[int, ...]], width: int, dtype: torch.dtype) -> Tensor:
    """Padded to at least two rows: torch.compile would recompile for a length of 0 or 1."""
    return torch.tensor([*rows, *[(0,) * width] * (2 - len(rows))], dtype=dtype)


def _normalise(segments: Sequence[Segment], num_queries: int, num_keys: int) -> tuple[Segment, ...]:
    for index, segment in enumerate(segments):
        for name, (begin, end), rows in (
            ("q", segment.q, num_queries),
            ("k1", segment.k1, num_keys),
            ("k2", segment.k2, num_keys),
        ):
            if not 0 <= begin <= end <= rows:
                raise ArgumentError(
                    f"segments[{index}].{name}: wanted a range inside 0..{rows}, got {begin}..{end}"
                )
    ordered = sorted((s for s in segments if s.q[0] < s.q[1]), key=lambda s: s.q)
    row = 0
    for segment in ordered:
        if segment.q[0] != row:
            what = "covered twice" if segment.q[0] < row else "not covered"
            raise ArgumentError(
                f"segments: wanted every query row exactly once, row {min(row, segment.q[0])} is {what}"
            )
        row = segment.q[1]
    if row != num_queries:
        raise ArgumentError(f"segments: wanted every query row exactly once, row {row} is not covered")
    return tuple(Segment(s.q, *_union(s.k1, s.k2)) for s in ordered)


def _union(first: Range, second: Range) -> tuple[Range, Range]:
    """Two ranges as ascending ranges with a gap between them; an empty range is `(0, 0)` and comes last."""
    full = sorted(r for r in (first, second) if r[0] < r[1])
    if not full:
        return (0, 0), (0, 0)
    if len(full) == 1:
        return full[0], (0, 0)
    (a, b), (c, d) = full
    return ((a, max(b, d)), (0, 0)) if c <= b else ((a, b), (c, d))


def _query_tiles(segments: Sequence[Segment], block: int) -> list[tuple[int, ...]]:
    tiles: list[tuple[int, ...]] = [
        (row, min(row + block, s.q[1]), *s.k1, *s.k2)
        for s in segments
        for row in range(s.q[0], s.q[1], block)
    ]
    # Longest first: a long tile that starts last would run alone.
    tiles.sort(key=lambda t: (t[2] - t[3]) + (t[4] - t[5]))
    return tiles


def _key_tiles(
    segments: Sequence[Segment], num_keys: int, block: int
) -> tuple[list[tuple[int, int, int, int]], list[Range]]:
    """Cut the keys wherever a range begins or ends, so that all keys of a tile have the same readers."""
    ranges = [(r, s.q) for s in segments for r in (s.k1, s.k2) if r[0] < r[1]]
    cuts = sorted({0, num_keys, *(edge for r, _ in ranges for edge in r)})
    reading: list[list[Range]] = [[] for _ in cuts[1:]]
    for (begin, end), q in ranges:  # in query order, so adjacent readers are joined on the fly
        for piece in range(bisect_left(cuts, begin), bisect_left(cuts, end)):
            rows = reading[piece]
            if rows and rows[-1][1] == q[0]:
                rows[-1] = (rows[-1][0], q[1])
            else:
                rows.append(q)

    tiles: list[tuple[int, int, int, int]] = []
    readers: list[Range] = []
    piece = 0
    while piece < len(reading):
        first = piece
        while piece < len(reading) and reading[piece] == reading[first]:
            piece += 1
        begin, end = cuts[first], cuts[piece]
        span = (len(readers), len(readers) + len(reading[first]))
        readers += reading[first]
        tiles += [(row, min(row + block, end), *span) for row in range(begin, end, block)]
    work = [sum(b - a for a, b in readers[t[2] : t[3]]) for t in tiles]
    order = sorted(range(len(tiles)), key=lambda i: -work[i])
    return [tiles[i] for i in order], readers
