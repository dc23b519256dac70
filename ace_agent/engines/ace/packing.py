"""Frames of many requests packed end to end, and who may read what (docs/design.md, "LCU and packing").

Letters: R requests, F frames, N tokens (rows), P patch side in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ace_kernels import RangePlan, Segment

REFERENCE_INDICATOR = 10
"""Indicators 0-9 are `{image}`, `{image1}` ...; reference pictures take 10, 11 ... in the order of their nouns."""
MAX_REFERENCES = 6


@dataclass(frozen=True)
class FrameSlot:
    """A conditioning frame's place in its request: all that its rows may depend on beside its pixels and mask."""

    grid: tuple[int, int]
    ordinal: int  # running frame count since the anchor turn: RoPE's frame axis
    indicator: int  # number within its turn, or REFERENCE_INDICATOR + k


@dataclass(frozen=True)
class RequestLayout:
    """One request: the frames of each prefix turn, oldest first, and the grid of its target."""

    turns: tuple[tuple[FrameSlot, ...], ...]
    target: tuple[int, int]
    text_rows: int  # rows of text that the target reads

    @property
    def frames(self) -> tuple[FrameSlot, ...]:
        return tuple(slot for turn in self.turns for slot in turn)

    @property
    def prefix_rows(self) -> int:
        return sum(rows_of(slot.grid) for slot in self.frames)


def rows_of(grid: tuple[int, int]) -> int:
    return grid[0] * grid[1]


TURNS = 8
"""Turns that are distinguished, counted from the newest and from the oldest."""


def turns_of(request: RequestLayout) -> torch.Tensor:
    """For each prefix row, how many turns before the current one and after the oldest one its frame came, both capped
    at `TURNS` - 1. Returns int64 [N, 2]."""
    rows = torch.tensor(
        [sum(rows_of(slot.grid) for slot in turn) for turn in request.turns], dtype=torch.long
    )
    number = torch.arange(len(rows)).repeat_interleave(rows)
    return torch.stack([len(rows) - 1 - number, number], dim=1).clamp_max(TURNS - 1)


def layout_turns(grids: Sequence[Sequence[tuple[tuple[int, int], int]]]) -> tuple[tuple[FrameSlot, ...], ...]:
    """Slots of a prefix from each turn's `(grid, indicator)` pairs; ordinals run on across turns."""
    turns = []
    ordinal = 0
    for turn in grids:
        slots = []
        for grid, indicator in turn:
            slots.append(FrameSlot(grid, ordinal, indicator))
            ordinal += 1
        turns.append(tuple(slots))
    return tuple(turns)


def grid_positions(grid: tuple[int, int], ordinal: int) -> torch.Tensor:
    """Positions `(frame, row, column)` of a frame's tokens, row-major. Returns int64 [N, 3]."""
    rows, columns = grid
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    frame = torch.full((rows * columns,), ordinal)
    return torch.stack([frame, y.flatten(), x.flatten()], dim=1)


@dataclass(frozen=True)
class PackedFrames:
    """Positions, indicators and the self-attention plan of one call over packed rows, built on the host."""

    positions: torch.Tensor  # int64 [N, 3]
    indicators: torch.Tensor  # int64 [N]
    sample: torch.Tensor  # int64 [N]: which modulation row a token takes
    plan: RangePlan

    def to(self, device: torch.device | str) -> PackedFrames:
        return PackedFrames(
            self.positions.to(device),
            self.indicators.to(device),
            self.sample.to(device),
            self.plan.to(device),
        )


def _frames(slots: Sequence[FrameSlot]) -> tuple[torch.Tensor, torch.Tensor]:
    positions = [grid_positions(slot.grid, slot.ordinal) for slot in slots]
    indicators = [torch.full((rows_of(slot.grid),), slot.indicator) for slot in slots]
    return torch.cat(positions), torch.cat(indicators)


def pack_prefix(requests: Sequence[RequestLayout]) -> PackedFrames | None:
    """All conditioning frames of all requests in one call (training). None when there is no frame at all.

    The rows of turn m read the rows of turns 0..m of their own request.
    """
    slots = [slot for request in requests for slot in request.frames]
    if not slots:
        return None
    segments = []
    row = 0
    for request in requests:
        first = row
        for turn in request.turns:
            start = row
            row += sum(rows_of(slot.grid) for slot in turn)
            if row > start:
                segments.append(Segment((start, row), (first, row)))
    positions, indicators = _frames(slots)
    plan = RangePlan.build(segments, row, row)
    return PackedFrames(positions, indicators, torch.zeros(row, dtype=torch.long), plan)


def pack_turn(slots: Sequence[FrameSlot], earlier_rows: int) -> PackedFrames:
    """One turn of one request in a call of its own (inference): reads `earlier_rows` cached rows, then its own."""
    positions, indicators = _frames(slots)
    rows = len(positions)
    total = earlier_rows + rows
    plan = RangePlan.build([Segment((0, rows), (0, total))], rows, total)
    return PackedFrames(positions, indicators, torch.zeros(rows, dtype=torch.long), plan)


@dataclass(frozen=True)
class PackedTargets:
    """Targets of all requests and draws: `draws[r]` targets share the prefix and the texts of request r."""

    frames: PackedFrames
    cross_plan: RangePlan
    request: tuple[int, ...]  # of each target
    grids: tuple[tuple[int, int], ...]  # of each target
    runs: torch.Tensor  # int64 [T]: which text run each target reads

    def to(self, device: torch.device | str) -> PackedTargets:
        return PackedTargets(
            self.frames.to(device), self.cross_plan.to(device), self.request, self.grids, self.runs.to(device)
        )


def pack_targets(
    requests: Sequence[RequestLayout], targets: Sequence[tuple[int, int]], text_rows: Sequence[int]
) -> PackedTargets:
    """Plan of a denoising pass.

    `targets` holds `(request, text run)` for each target: both guidance branches, seeds and noise draws of a request
    name the same request and so share its prefix. `text_rows` are the rows of each text run, packed end to end. Keys
    of self-attention are `[prefix rows of all requests, target rows]`.
    """
    prefix_start = [0]
    for request in requests:
        prefix_start.append(prefix_start[-1] + request.prefix_rows)
    text_start = [0]
    for rows in text_rows:
        text_start.append(text_start[-1] + rows)
    prefix_rows = prefix_start[-1]
    positions, segments, cross, sample = [], [], [], []
    row = 0
    for number, (index, text) in enumerate(targets):
        request = requests[index]
        rows = rows_of(request.target)
        positions.append(grid_positions(request.target, len(request.frames)))
        sample.append(torch.full((rows,), number))
        own = (prefix_rows + row, prefix_rows + row + rows)
        segments.append(Segment((row, row + rows), (prefix_start[index], prefix_start[index + 1]), own))
        cross.append(Segment((row, row + rows), (text_start[text], text_start[text + 1])))
        row += rows
    frames = PackedFrames(
        torch.cat(positions),
        torch.zeros(row, dtype=torch.long),
        torch.cat(sample),
        RangePlan.build(segments, row, prefix_rows + row),
    )
    grids = tuple(requests[index].target for index, _ in targets)
    cross_plan = RangePlan.build(cross, row, text_start[-1])
    runs = torch.tensor([text for _, text in targets])
    return PackedTargets(frames, cross_plan, tuple(r for r, _ in targets), grids, runs)


def pad_ranges(lengths: Sequence[int], device: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Index that turns packed rows into a padded `[R, max]` block: `(index int64, valid bool)`, both [R, max]."""
    longest = max(lengths, default=0)
    starts = torch.tensor([0, *lengths], dtype=torch.long).cumsum(0)[:-1]
    offsets = torch.arange(longest)
    valid = offsets[None, :] < torch.tensor(list(lengths), dtype=torch.long)[:, None]
    index = torch.where(valid, starts[:, None] + offsets[None, :], 0)
    return index.to(device), valid.to(device)
