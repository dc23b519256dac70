"""ace-mini's output head: paints pixels and mixes them with what can be copied.

Each pixel of the picture is a mixture of six sources:
- the base image: what an edit leaves alone;
- the base image in other colours, by a colour map for every cell of 2 x 2 pixels (arXiv 1707.02880): what an edit
  recolours;
- the frames of the prefix, warped by the pointer (`pointer.py`) and recoloured: what an edit moves, brings back or
  borrows;
- the surroundings of the change, grown over it in two ways: what a removal uncovers;
- the head's own paint.
It is a pointer-generator network (arXiv 1704.04368) for pictures: what can be copied need not be memorised.

Letters: T targets, N tokens, C width, M prefix tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ace_agent.engines.ace.packing import RequestLayout, pad_ranges, rows_of, turns_of
from ace_agent.engines.mini.conv_unet import FINE, Decoder, Film
from ace_agent.engines.mini.pointer import FrameTable, Pointer, frame_table
from ace_agent.engines.mini.push_pull_fill import fill_from_kept
from ace_agent.engines.mini.text_encoder import TASK_NUMBERS
from ace_agent.plan.tasks import TASKS

DATA_SPREAD = 0.6
"""Standard deviation of pictures in -1..1."""


def precondition(t: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the noisy picture and of the network's output in the clean estimate (EDM, arXiv 2206.00364, table 1).

    Without them the network has to learn to pass a nearly clean picture through: after 7,500 samples its error at
    t = 0.1 was still above that of the noisy picture itself, and those samples dominated the loss. `t` [T] in 0..1.
    """
    variance = t.square() + DATA_SPREAD**2 * (1 - t).square()
    return DATA_SPREAD**2 * (1 - t) / variance, DATA_SPREAD * t / variance.sqrt()


def input_scale(t: Tensor) -> Tensor:
    """Scale of the noisy picture at the network's input: 1 at t = 0, and 0 at t = 1, where it is pure noise.

    Without it the output of ace-mini's first run followed that noise instead of the text. `t` [T] in 0..1.
    """
    return (1 - t).clamp_min(0).sqrt()


TINT = 12
"""Numbers of a colour map: a matrix of three by three, and three offsets."""


def tinted(pixels: Tensor, maps: Tensor) -> Tensor:
    """Pictures [T, 3, h, w] recoloured by `maps` [T, 12, h / 2, w / 2], one for each cell; a map of zeros changes
    nothing."""
    cells = F.pixel_unshuffle(pixels, FINE).unflatten(1, (3, -1))
    matrix, added = maps[:, :9].unflatten(1, (3, 3)), maps[:, 9:]
    moved = cells + (matrix[:, :, :, None] * cells[:, None]).sum(2) + added[:, :, None]
    return F.pixel_shuffle(moved.flatten(1, 2), FINE)


def bounded(pixels: Tensor) -> Tensor:
    """Clamped to -1..1, with the gradient of the unclamped value, so that a tint that overshot can come back."""
    return pixels.detach().clamp(-1, 1) + (pixels - pixels.detach())


SKETCH = 4
"""Cells a side of the coarse paint of each token: it reaches pixels before the decoder has learned."""


SURELY = 4
"""Power applied to a pixel's share of the base image before surroundings are grown: a pixel at a thing's edge, of which
half is kept, is still half the thing and should count for little."""


NEAR = 16
"""Pixels around a copied thing in a new picture over which its surroundings are grown. Without it the paint there,
which was learned from things that no pointer found, stood around the thing as a grey square."""


def _around(mass: Tensor) -> Tensor:
    """The maximum of `mass` within `NEAR` pixels, [T, 1, h, w]."""
    wide = F.max_pool2d(mass, (1, 2 * NEAR + 1), stride=1, padding=(0, NEAR))
    return F.max_pool2d(wide, (2 * NEAR + 1, 1), stride=1, padding=(NEAR, 0))


COMMITTED = frozenset(
    {row.id for row in TASKS.values() if row.family in ("control", "repainting")} - {"demosaic", "restore"}
    | {"subject_reference", "face_reference", "multi_control", "text_to_image", "replace"}
    | {"segment", "render_text"}
)
"""Tasks with many right answers, or with flat colours, for which the likelier source gets more than its share: half a
copy and half paint is no thing, and no letter. Of 312 validation samples .65 instead of .61 followed their
instruction; of 48 per task, mIoU was .707 instead of .697 and lettering scored .74 instead of .71. Eleven other tasks
lost by it, up to .13. Flattening the shares gained nothing on average."""
RECALLING = "add"
"""A task that belongs to them once there are earlier turns, because an earlier picture and the reference picture are
then two sources. Of 144 validation samples .66 instead of .59 brought back the right thing; additions to a single
picture lost .13 of their score, because their place is uncertain too."""
COMMITMENT = 2.0
"""Power applied to the shares in these tasks."""
_COMMITTED = tuple(TASK_NUMBERS[task] for task in sorted(COMMITTED))
_HOLED = tuple(TASK_NUMBERS[row.id] for row in TASKS.values() if row.family == "repainting")


def committed(logits: Tensor, task: Tensor, recalls: Tensor) -> Tensor:
    """Logits [T, S, h, w] of the shares for inference; task int64 [T]; recalls bool [T]: whether there are earlier
    turns."""
    sure = _among(task, _COMMITTED) | (recalls & (task == TASK_NUMBERS[RECALLING]))
    power = torch.where(sure, COMMITMENT, 1.0)
    return logits * power[:, None, None, None].to(logits)


def holes(mask: Tensor, task: Tensor) -> Tensor:
    """Where the base image is blank because it is to be repainted, bool [T, 1, h, w]; task int64 [T]."""
    return (mask > 0.5) & _among(task, _HOLED)[:, None, None, None]


def _among(task: Tensor, tasks: Sequence[int]) -> Tensor:
    return torch.isin(task, torch.tensor(tasks, device=task.device))


def _on_grid(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """[T, N, c] -> [T, c, rows, columns]."""
    return tokens.transpose(1, 2).unflatten(2, grid)


@dataclass(frozen=True)
class Mixture:
    """How a picture is mixed: shares [T, S, h, w], which sum to one, of S sources [T, 3, h, w]; the pointer's mass
    [T, 1, h, w]; and which targets have a base image, based bool [T].

    Sources are not stacked because half of them need no gradient, and stacking would copy them.
    """

    shares: Tensor
    sources: tuple[Tensor, ...]
    mass: Tensor
    based: Tensor


class CopyHead(nn.Module):
    """From tokens, the encoder's levels and the warped picture to the clean picture.

    x0 = s * base + w * tinted warped + r * tinted base + g * grown + h * grown along rows + (1 - s - w - r - g - h) *
    paint + (1 - s) * correction, with (s, w, r, g, h) per pixel; without a base image s = r = 0 and it is paint that
    grows. At inference s = r = 0 also in holes that are to be repainted; in training their grey is a source like any
    other.

    Tinted pixels are bounded: without that, tints grew until the head wanted only a twentieth of one, and nothing was
    copied. The correction mends what the mixture gets nearly right, because a source learns through its share alone:
    without it, an ablation that copied nothing learned several single edits faster.
    """

    def __init__(self, width: int, levels: Sequence[int], tasks: int) -> None:
        super().__init__()
        self.pointer = Pointer(width)
        self.borrow = nn.Conv2d(5 * FINE**2, levels[0], 3, padding=1)
        self.decoder = Decoder(width, levels, tasks)
        self.leave = nn.Conv2d(levels[0], 9 * FINE**2, 3, padding=1)
        self.tint = nn.Conv2d(levels[0], 2 * TINT + FINE**2, 3, padding=1)
        self.tint_tokens = nn.Linear(width, 2 * TINT)
        self.sketch = nn.Linear(width, 3 * SKETCH**2)
        self.grow = nn.Conv2d(levels[0], 2 * FINE**2, 3, padding=1)
        for layer in (self.leave, self.tint, self.tint_tokens, self.sketch, self.grow):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(
        self,
        tokens: Tensor,
        levels: Sequence[Tensor],
        film: Film,
        t: Tensor,
        noisy: Tensor,
        base: Tensor,
        mask: Tensor,
        recalls: Tensor,
        has_base: Tensor,
        warped: Tensor,
        mass: Tensor,
        matte: Tensor,
        grid: tuple[int, int],
    ) -> tuple[Tensor, Mixture]:
        """tokens [T, N, C], the encoder's levels, t [T], noisy/base/warped [T, 3, h, w], mask/mass/matte
        [T, 1, h, w], recalls and has_base [T].

        Returns `(x0 [T, 3, h, w], mixture)`, its sources being base, warped picture, tinted base, paint and what
        surrounds the change, from all around and along rows.
        """
        borrowed = F.pixel_unshuffle(torch.cat([warped, mass, matte], dim=1).to(tokens.dtype), FINE)
        finest, *others = levels
        top = self.decoder(tokens, grid, (finest + self.borrow(borrowed), *others), film)
        out = F.pixel_shuffle(self.leave(top), FINE).to(noisy.dtype)
        colour, kept_share, copied, painted, correction = out.split([3, 1, 1, 1, 3], 1)
        maps, recoloured = self.tint(top).split([2 * TINT, FINE**2], 1)
        broad = F.interpolate(_on_grid(self.tint_tokens(tokens), grid), size=maps.shape[2:], mode="bilinear")
        sketch = F.pixel_shuffle(_on_grid(self.sketch(tokens), grid), SKETCH)
        sketch = F.interpolate(sketch.to(noisy.dtype), size=noisy.shape[2:], mode="bilinear")
        repaint, retouch = (maps + broad).to(noisy.dtype).chunk(2, dim=1)
        recoloured = F.pixel_shuffle(recoloured, FINE).to(noisy.dtype)
        skipped, gain = (factor[:, None, None, None] for factor in precondition(t))
        paint = skipped * noisy + gain * (colour + sketch)
        unknown = ~has_base[:, None, None, None]
        nothing = unknown if self.training else unknown | holes(mask, film.task)
        kept_share = (kept_share + 1.0).masked_fill(nothing, -1e4)
        copied = copied + (mass + 1e-4).log() + matte
        recoloured = (recoloured - 1.0).masked_fill(nothing, -1e4)
        grown = F.pixel_shuffle(self.grow(top), FINE).to(noisy.dtype) - 1.0
        logits = torch.cat([kept_share, copied, recoloured, painted], dim=1)
        kept = torch.where(unknown, 1 - _around(mass), logits.softmax(1)[:, :1] ** SURELY)
        grown_over = fill_from_kept(torch.where(unknown, paint, base), kept)
        every = torch.cat([logits, grown], dim=1)
        shares = (every if self.training else committed(every, film.task, recalls)).softmax(1)
        copies = bounded(tinted(warped, retouch)), bounded(tinted(base, repaint))
        sources = base, *copies, paint, *grown_over
        clean = (1 - shares[:, :1]) * gain * correction
        for share, source in zip(shares.split(1, dim=1), sources, strict=True):
            clean = torch.addcmul(clean, share, source)
        return clean, Mixture(shares, sources, mass, has_base)


@dataclass(frozen=True)
class HeadGroup:
    """Targets of one grid, host-built. numbers are their places among all targets, as members int64 [T] on the device;
    rows int64 [T, N] into the packed target rows; prefix int64 [T, M] into the packed prefix rows, with prefix_valid
    and the `turns_of` them [T, M, 2]; table is the group's own."""

    grid: tuple[int, int]
    numbers: tuple[int, ...]
    members: Tensor
    rows: Tensor
    prefix: Tensor
    prefix_valid: Tensor
    turns: Tensor
    table: FrameTable | None

    @property
    def recalls(self) -> Tensor:
        """Whether there are earlier turns, bool [T]."""
        return ((self.turns[..., 0] > 0) & self.prefix_valid).any(1)


def head_groups(
    requests: Sequence[RequestLayout],
    target_request: Sequence[int],
    layers: Sequence[Tensor],
    patch: int,
    device: torch.device | str = "cpu",
) -> list[HeadGroup]:
    """Group targets by grid, so that each group runs through the head as one batch."""
    prefix, prefix_valid = pad_ranges([request.prefix_rows for request in requests])
    turns = torch.cat([turns_of(request) for request in requests])[prefix]
    row_start = [0]
    for index in target_request:
        row_start.append(row_start[-1] + rows_of(requests[index].target))
    groups = []
    for grid in dict.fromkeys(requests[index].target for index in target_request):
        members = [n for n, index in enumerate(target_request) if requests[index].target == grid]
        own = [target_request[n] for n in members]
        rows = torch.tensor([row_start[n] for n in members])[:, None] + torch.arange(rows_of(grid))
        groups.append(
            HeadGroup(
                grid,
                tuple(members),
                torch.tensor(members, device=device),
                rows.to(device),
                prefix[own].to(device),
                prefix_valid[own].to(device),
                turns[own].to(device),
                frame_table(requests, own, layers, patch),
            )
        )
    return groups
