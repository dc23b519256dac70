"""Condition units as tensors, as pipeline and trainer feed them to the transformer.

Letters: N packed rows, P patch side, M texts, L tokens of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ace_agent.engines.ace.packing import REFERENCE_INDICATOR, FrameSlot, RequestLayout, layout_turns, rows_of
from ace_agent.engines.ace.patches import patchify
from ace_agent.engines.mini.states import TargetInputs
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, Tokens, pad_tokens


@dataclass(frozen=True)
class PreparedFrame:
    """pixels float [3, h, w] in -1..1; mask float [1, h, w] in 0..1, 1 where the picture is to change or, in a
    reference picture, where the thing is; sides are whole patches."""

    pixels: Tensor
    mask: Tensor
    indicator: int

    def grid(self, patch: int) -> tuple[int, int]:
        return self.pixels.shape[1] // patch, self.pixels.shape[2] // patch

    @property
    def layer(self) -> Tensor:
        """What the pointer may copy of the frame, [4, h, w]: colours premultiplied by their alpha, and the alpha. A
        reference picture gives the thing without its white ground, another frame all of it."""
        if self.indicator < REFERENCE_INDICATOR:
            return torch.cat([self.pixels, torch.ones_like(self.mask)])
        return torch.cat([self.pixels - (1 - self.mask), self.mask])


@dataclass(frozen=True)
class PreparedUnit:
    """One turn: its text and its frames (images first, then reference pictures)."""

    tokens: Tokens
    frames: tuple[PreparedFrame, ...]


@dataclass(frozen=True)
class PreparedRequest:
    """Prefix turns oldest first (the last is the current one), the target's size, its base frame if there is one."""

    units: tuple[PreparedUnit, ...]
    height: int
    width: int
    base: PreparedFrame | None

    @property
    def frames(self) -> tuple[PreparedFrame, ...]:
        return tuple(frame for unit in self.units for frame in unit.frames)

    def turns(self, patch: int) -> tuple[tuple[FrameSlot, ...], ...]:
        return layout_turns([[(f.grid(patch), f.indicator) for f in unit.frames] for unit in self.units])

    def layout(self, patch: int) -> RequestLayout:
        text_rows = sum(len(unit.tokens.ids) for unit in self.units)
        return RequestLayout(self.turns(patch), (self.height // patch, self.width // patch), text_rows)


def frame_pictures(frames: Sequence[PreparedFrame]) -> list[Tensor]:
    """Frames with their masks, each [4, h, w]."""
    return [torch.cat([frame.pixels, frame.mask]) for frame in frames]


@dataclass(frozen=True)
class TextBatch:
    """Texts of all runs, host-built: ids int64 [M, L] of the distinct texts, one block for every length that is rounded
    up to 16 tokens; rows int64 [N] into the blocks' flattened states end to end; indicators and turn tags int64 [N];
    `current` float [runs, N] averages the current turn's rows of each run, tasks int64 [runs] are the current turns'
    (0: unknown)."""

    ids: tuple[Tensor, ...]
    rows: Tensor
    indicators: Tensor
    tags: Tensor
    current: Tensor
    tasks: Tensor
    lengths: tuple[int, ...]

    def encode(self, encoder: MiniTextEncoder) -> Tensor:
        """Text states [N, text width]; each distinct text is encoded once, alone."""
        device = encoder.device
        states = [encoder(block.to(device)).flatten(0, 1) for block in self.ids]
        return torch.cat(states)[self.rows.to(device)]


def text_batch(runs: Sequence[Sequence[Tokens]]) -> TextBatch:
    """Pack text runs; a run is the texts of a request's prefix turns, oldest first, the current one last."""
    blocks: dict[int, list[Tokens]] = {}
    for text in dict.fromkeys(text for run in runs for text in run):
        blocks.setdefault(-(-len(text.ids) // 16), []).append(text)
    ids = tuple(pad_tokens(block) for block in blocks.values())
    first: dict[Tokens, int] = {}
    row = 0
    for block, padded in zip(blocks.values(), ids, strict=True):
        for text in block:
            first[text] = row
            row += padded.shape[1]
    rows: list[int] = []
    indicators: list[int] = []
    tags: list[int] = []
    lengths = []
    spans = []
    for run in runs:
        start = len(rows)
        for ago, text in zip(range(len(run) - 1, -1, -1), run, strict=True):
            rows += range(first[text], first[text] + len(text.ids))
            indicators += text.indicators
            tags += [ago] * len(text.ids)
        lengths.append(len(rows) - start)
        spans.append((len(rows) - len(run[-1].ids), len(rows)))
    current = torch.zeros(len(runs), len(rows))
    for i, (start, stop) in enumerate(spans):
        current[i, start:stop] = 1 / (stop - start)
    tasks = torch.tensor([run[-1].task for run in runs])
    return TextBatch(
        ids, torch.tensor(rows), torch.tensor(indicators), torch.tensor(tags), current, tasks, tuple(lengths)
    )


def target_inputs(
    requests: Sequence[PreparedRequest], target_request: Sequence[int], patch: int
) -> TargetInputs:
    """Masks and base images of packed targets; the prefix rows are those of all requests, end to end."""
    starts = [0]
    for request in requests:
        starts.append(starts[-1] + request.layout(patch).prefix_rows)
    masks, bases, known, base_rows = [], [], [], []
    for index in target_request:
        request = requests[index]
        if request.base is None:
            rows = rows_of((request.height // patch, request.width // patch))
            masks.append(torch.ones(rows, patch * patch))
            bases.append(torch.zeros(rows, 3 * patch * patch))
            base_rows.append(torch.zeros(rows, dtype=torch.long))
        else:
            masks.append(patchify(request.base.mask, patch))
            bases.append(patchify(request.base.pixels, patch))
            base_rows.append(starts[index] + _rows_before(request, patch) + torch.arange(len(bases[-1])))
        known.append(request.base is not None)
    return TargetInputs(torch.cat(masks), torch.cat(bases), torch.tensor(known), torch.cat(base_rows))


def _rows_before(request: PreparedRequest, patch: int) -> int:
    """Prefix rows of a request before its base image, which is a frame of its last turn."""
    *earlier, current = (unit.frames for unit in request.units)
    number = next(number for number, frame in enumerate(current) if frame is request.base)
    before = [frame for frames in (*earlier, current[:number]) for frame in frames]
    return sum(rows_of(frame.grid(patch)) for frame in before)
