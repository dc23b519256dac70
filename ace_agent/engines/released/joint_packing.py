"""The `joint` layout: the released model's packed samples, in which every frame sees every other.

Letters: S samples, F frames (target first), N packed rows, C width, n valid rows of a text, P patch side, h, w latent
sizes, L = h * w of the longest target of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ace_agent.engines.ace.packing import PackedFrames, grid_positions, rows_of
from ace_kernels import RangePlan, Segment


@dataclass(frozen=True)
class JointSample:
    """One sample but for its noise.

    shape: (h, w) of the target's latents, both even. mask [1, h, w] of the target and edit_masks [1, h, w] of the
    conditioning latents `edits` [4, h, w]; None means all ones. texts: rows [n, text width] that each frame reads.
    """

    shape: tuple[int, int]
    mask: Tensor | None
    edits: tuple[Tensor, ...]
    edit_masks: tuple[Tensor | None, ...]
    texts: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        frames = len(self.edits) + 1
        if len(self.edit_masks) != len(self.edits):
            raise ValueError(
                f"edit_masks: wanted one per image ({len(self.edits)}), got {len(self.edit_masks)}"
            )
        if len(self.texts) != frames:
            raise ValueError(f"texts: wanted one per frame ({frames}), got {len(self.texts)}")
        for name, (height, width) in (
            ("shape", self.shape),
            *((f"edits[{k}]", (e.shape[-2], e.shape[-1])) for k, e in enumerate(self.edits)),
        ):
            if height % 2 or width % 2 or not height or not width:
                raise ValueError(f"{name}: wanted even latent sizes, got {height}x{width}")

    def grids(self, patch: int) -> list[tuple[int, int]]:
        """Token grids of the frames, target first."""
        sizes = [self.shape, *((e.shape[-2], e.shape[-1]) for e in self.edits)]
        return [(height // patch, width // patch) for height, width in sizes]


@dataclass(frozen=True)
class JointPack:
    """Host-built: rows of all frames end to end, sample after sample, target first.

    `frames.indicators` hold the indicator of each row: the target takes the number of images N, image k (from 1)
    takes k - 1. So the target is "the next image". `text_indicators` say the same of the packed text rows.
    `targets` int64 lists the rows of the targets, `target_plan` and `target_cross_plan` say what these alone read.
    """

    frames: PackedFrames
    cross_plan: RangePlan
    text_indicators: Tensor
    targets: Tensor
    target_plan: RangePlan
    target_cross_plan: RangePlan

    def to(self, device: torch.device | str) -> JointPack:
        return JointPack(
            self.frames.to(device),
            self.cross_plan.to(device),
            self.text_indicators.to(device),
            self.targets.to(device),
            self.target_plan.to(device),
            self.target_cross_plan.to(device),
        )


def pack_joint(samples: Sequence[JointSample], patch: int) -> JointPack:
    """Positions, indicators and who reads whom, for a batch of samples of any sizes."""
    positions, indicators, owner, text_indicators, targets = [], [], [], [], []
    own: list[Segment] = []
    cross: list[Segment] = []
    target_own: list[Segment] = []
    target_cross: list[Segment] = []
    row = text_row = target_row = 0
    for number, sample in enumerate(samples):
        first = row
        end = first + sum(rows_of(grid) for grid in sample.grids(patch))
        images = len(sample.edits)
        for frame, (grid, text) in enumerate(zip(sample.grids(patch), sample.texts, strict=True)):
            rows = rows_of(grid)
            indicator = frame - 1 if frame else images
            positions.append(grid_positions(grid, frame))
            indicators.append(torch.full((rows,), indicator))
            text_indicators.append(torch.full((len(text),), indicator))
            cross.append(Segment((row, row + rows), (text_row, text_row + len(text))))
            if frame == 0:
                targets.append(torch.arange(row, row + rows))
                queries = (target_row, target_row + rows)
                target_own.append(Segment(queries, (first, end)))
                target_cross.append(Segment(queries, cross[-1].k1))
                target_row += rows
            row += rows
            text_row += len(text)
        owner.append(torch.full((row - first,), number))
        own.append(Segment((first, row), (first, row)))
    frames = PackedFrames(
        torch.cat(positions), torch.cat(indicators), torch.cat(owner), RangePlan.build(own, row, row)
    )
    return JointPack(
        frames,
        RangePlan.build(cross, row, text_row),
        torch.cat(text_indicators),
        torch.cat(targets),
        RangePlan.build(target_own, target_row, row),
        RangePlan.build(target_cross, target_row, text_row),
    )


def pad_targets(latents: Sequence[Tensor]) -> Tensor:
    """[4, h, w] each -> [S, 4, L], row-major, zero padded to the longest."""
    flat = [latent.flatten(1) for latent in latents]
    longest = max(f.shape[1] for f in flat)
    return torch.stack([F.pad(f, (0, longest - f.shape[1])) for f in flat])


def unpad_target(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """One sample's [4, L] -> [4, h, w]."""
    return x[:, : shape[0] * shape[1]].unflatten(1, shape)
