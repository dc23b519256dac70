"""ace-mini's output head: a pointer to the frames of the prefix, and the way up to pixels with a copy gate.

The picture is a mixture, per pixel, of six sources: the base image (what an edit leaves alone), the base image in
other colours (what an edit repaints: a map of colours for every cell of 2 x 2 pixels, as in arXiv 1707.02880), the
frames of the prefix seen through a learned warp and such a map (what an edit moves, brings back or borrows), what
surrounds the change, or what is copied into a new picture, grown over it in two ways (what a removal uncovers), and
paint of the head's own. It is a pointer-generator network (arXiv 1704.04368) for pictures: what can be copied need not
be memorised.

Letters: T targets, R requests, F frames, N tokens, C width, P patch side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ace_agent.engine.packing import RequestLayout, pad_ranges, rows_of
from ace_agent.engine.surroundings import surroundings
from ace_agent.engine.unet import FINE, Decoder, Film


@dataclass(frozen=True)
class Pointing:
    """Where target tokens look in the frames of their prefix.

    weight [T, N, M] is the attention of each target token over the (padded) prefix tokens of its request; its rows sum
    to less than one, the rest pointing nowhere. shift [T, N, 2] is added to the mean place that it attends to, (x, y)
    in frame pixels; scale [T, N, 2] is the local magnification in frame pixels per target pixel, negative when
    mirrored.
    """

    weight: Tensor
    shift: Tensor
    scale: Tensor


SHIFT = 16.0
"""Frame pixels of one unit of the layer that shifts."""


class Pointer(nn.Module):
    """Attention of target tokens over prefix tokens that yields coordinates instead of values."""

    def __init__(self, width: int, inner: int = 64) -> None:
        super().__init__()
        self.q = nn.Linear(width, inner)
        self.k = nn.Linear(width, inner)
        self.nowhere = nn.Linear(width, 1)
        self.shift = nn.Linear(width, 2)
        self.scale = nn.Linear(width, 2)
        for layer in (self.shift, self.scale):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.nowhere.weight)
        nn.init.constant_(self.nowhere.bias, 2.0)

    def forward(self, target: Tensor, prefix: Tensor, rows: Tensor, valid: Tensor) -> Pointing:
        """target [T, N, C]; prefix [P, C], of which target t reads `rows` int64 [T, M] where `valid` bool [T, M]."""
        queries = self.q(target)
        keys = F.embedding(rows, self.k(F.layer_norm(prefix, prefix.shape[-1:], eps=1e-6)))
        logits = queries @ keys.transpose(1, 2) * queries.shape[-1] ** -0.5
        logits = logits.masked_fill(~valid[:, None, :], float("-inf"))
        logits = torch.cat([logits, self.nowhere(target)], dim=-1)
        weight = logits.softmax(-1)[..., :-1]
        return Pointing(weight, SHIFT * self.shift(target), 1 + self.scale(target))


@dataclass(frozen=True)
class FrameTable:
    """Every (target, frame) pair of a call, host-built: what the warp samples from.

    target int64 [F]; layers [F, 4, h, w] (`PreparedFrame.layer`) padded to the largest frame; size float [F, 2] (width,
    height in pixels); columns int64 [F, m] index a target's padded prefix tokens, `valid` bool [F, m]; centres float
    [F, m, 2] are those tokens' centres (x, y) in frame pixels.
    """

    target: Tensor
    layers: Tensor
    size: Tensor
    columns: Tensor
    valid: Tensor
    centres: Tensor


def frame_table(
    requests: Sequence[RequestLayout], target_request: Sequence[int], layers: Sequence[Tensor], patch: int
) -> FrameTable | None:
    """Table for targets of `target_request`; `layers` are those of all requests' frames in packing order."""
    first_frame = [0]
    for request in requests:
        first_frame.append(first_frame[-1] + len(request.frames))
    targets, picked, grids, starts = [], [], [], []
    for number, index in enumerate(target_request):
        start = 0
        for offset, slot in enumerate(requests[index].frames):
            targets.append(number)
            picked.append(layers[first_frame[index] + offset])
            grids.append(slot.grid)
            starts.append(start)
            start += rows_of(slot.grid)
    if not targets:
        return None
    height, width = max(p.shape[1] for p in picked), max(p.shape[2] for p in picked)
    padded = torch.stack([F.pad(p, (0, width - p.shape[2], 0, height - p.shape[1])) for p in picked])
    longest = max(rows_of(grid) for grid in grids)
    columns = torch.zeros(len(targets), longest, dtype=torch.long)
    valid = torch.zeros(len(targets), longest, dtype=torch.bool)
    centres = torch.zeros(len(targets), longest, 2)
    for i, (grid, start) in enumerate(zip(grids, starts, strict=True)):
        n = rows_of(grid)
        columns[i, :n] = torch.arange(start, start + n)
        valid[i, :n] = True
        y, x = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
        centres[i, :n] = (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * patch
    size = torch.tensor([[p.shape[2], p.shape[1]] for p in picked], dtype=torch.float32)
    device = padded.device
    return FrameTable(
        torch.tensor(targets, device=device),
        padded,
        size.to(device),
        columns.to(device),
        valid.to(device),
        centres.to(device),
    )


def pointed_coordinates(pointing: Pointing, table: FrameTable) -> tuple[Tensor, Tensor]:
    """Attention mass and place per (target, frame) pair: `(mass [F, N], position [F, N, 2] in pixels)`."""
    weight = pointing.weight[table.target]
    index = table.columns[:, None, :].expand(-1, weight.shape[1], -1)
    weight = weight.gather(2, index) * table.valid[:, None, :]
    mass = weight.sum(-1)
    position = weight @ table.centres / mass.clamp_min(1e-6)[..., None]
    return mass, position + pointing.shift[table.target]


AGREEMENT = 8.0
"""Pixels of a frame within which tokens agree where one of them points."""


def agreed(mass: Tensor, position: Tensor, scale: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of tokens, each averaged with those that say nearly the same about its place: `(position, scale)`.

    A thing is moved as one piece, but every token finds its place alone; on the way they differed by pixels. mass
    [F, N], position and scale [F, N, 2], centre [N, 2] in target pixels. Maps that agree stay as they are.
    """
    apart = centre[:, None] - centre
    said = position[:, None] + scale[:, None] * apart
    distance = (said - position[:, :, None]).square().sum(-1)
    weight = mass[:, None] * (-distance / (2 * AGREEMENT**2)).exp()
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    return (weight[..., None] * said).sum(2), weight @ scale


def warp(
    pointing: Pointing, table: FrameTable, grid: tuple[int, int], patch: int, targets: int
) -> tuple[Tensor, Tensor]:
    """Pictures that the targets' tokens point at: `(colour [T, 3, h, w], mass [T, 1, h, w])`.

    Each token holds an affine map from target pixels to frame pixels, after `agreed`; maps are interpolated between
    tokens with their mass as weight (a partition of unity), so that neighbouring tokens that agree give an exact
    affine copy. Where a frame has nothing to copy there is no mass.
    """
    rows, columns = grid
    height, width = rows * patch, columns * patch
    mass, position = pointed_coordinates(pointing, table)
    scale = pointing.scale[table.target]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    centre = ((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * patch).to(position)
    position, scale = agreed(mass, position, scale, centre)
    offset = position - scale * centre
    maps = torch.cat([mass[..., None], mass[..., None] * offset, mass[..., None] * scale], -1)
    maps = maps.transpose(1, 2).unflatten(2, grid)
    maps = F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
    weight = maps[:, :1]
    affine = maps[:, 1:] / weight.clamp_min(1e-6)
    px = torch.arange(width, device=affine.device) + 0.5
    py = torch.arange(height, device=affine.device) + 0.5
    at_x = affine[:, 0] + affine[:, 2] * px[None, None, :]
    at_y = affine[:, 1] + affine[:, 3] * py[None, :, None]
    full = torch.tensor([table.layers.shape[3], table.layers.shape[2]], device=affine.device)
    limit = table.size[:, :, None, None]
    at_x = torch.minimum(at_x.clamp_min(0.5), limit[:, 0] - 0.5) / full[0] * 2 - 1
    at_y = torch.minimum(at_y.clamp_min(0.5), limit[:, 1] - 0.5) / full[1] * 2 - 1
    seen = F.grid_sample(
        table.layers, torch.stack([at_x, at_y], -1), padding_mode="border", align_corners=False
    )
    together = seen.new_zeros(targets, 4, height, width).index_add(0, table.target, seen * weight)
    colour, total = together.split([3, 1], 1)
    return colour / total.clamp_min(1e-6), total


DATA_SPREAD = 0.6
"""Standard deviation of pictures in -1..1."""


def precondition(t: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the noisy picture and of the network's output in a clean estimate (EDM, arXiv 2206.00364, table 1).

    Without them the network had to learn to pass a nearly clean picture through: after 7,500 samples its error at
    t = 0.1 was still above that of the noisy picture itself, and those samples dominated the loss. `t` [T] in 0..1.
    """
    variance = t.square() + DATA_SPREAD**2 * (1 - t).square()
    return DATA_SPREAD**2 * (1 - t) / variance, DATA_SPREAD * t / variance.sqrt()


def input_scale(t: Tensor) -> Tensor:
    """What the network sees of the noisy picture: all of it at t = 0, nothing at t = 1, where it says nothing.

    There the output of ace-mini's first run followed the noise and not the text. `t` [T] in 0..1.
    """
    return (1 - t).clamp_min(0).sqrt()


TINT = 12
"""Numbers of a map of colours: three by three, and three to add."""


def tinted(pixels: Tensor, maps: Tensor) -> Tensor:
    """Pictures [T, 3, h, w] with their colours changed by `maps` [T, 12, h / 2, w / 2], one of each cell; a map of
    zeros changes nothing."""
    cells = F.pixel_unshuffle(pixels, FINE).unflatten(1, (3, -1))
    matrix, added = maps[:, :9].unflatten(1, (3, 3)), maps[:, 9:]
    moved = cells + (matrix[:, :, :, None] * cells[:, None]).sum(2) + added[:, :, None]
    return F.pixel_shuffle(moved.flatten(1, 2), FINE)


def bounded(pixels: Tensor) -> Tensor:
    """Within a picture's range, with the gradient of what is beyond it: a tint that overshot could not come back."""
    return pixels.detach().clamp(-1, 1) + (pixels - pixels.detach())


SKETCH = 4
"""Cells a side of a token's own part of the paint: what words ask for reaches pixels before the way up has learned."""


SURELY = 4
"""Power of a pixel's share of the base image with which it counts among what surrounds a change: a pixel at the edge
of a thing, kept by half, is still half the thing."""


NEAR = 16
"""Pixels around what is copied into a new picture that its surroundings are grown over: there paint is what was learned
of things that no pointer found, and stood around them as a grey square."""


def _around(mass: Tensor) -> Tensor:
    """The most [T, 1, h, w] of `mass` within `NEAR` pixels."""
    wide = F.max_pool2d(mass, (1, 2 * NEAR + 1), stride=1, padding=(0, NEAR))
    return F.max_pool2d(wide, (2 * NEAR + 1, 1), stride=1, padding=(NEAR, 0))


def _on_grid(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """[T, N, c] -> [T, c, rows, columns]."""
    return tokens.transpose(1, 2).unflatten(2, grid)


@dataclass(frozen=True)
class Mixture:
    """What a picture is mixed of: shares [T, 6, h, w], which sum to one, and sources [T, 6, 3, h, w]; which of them
    have something to show, there [T, 6, h, w] in 0..1."""

    shares: Tensor
    sources: Tensor
    there: Tensor


class CopyHead(nn.Module):
    """Tokens, what the encoder saw of noise and base image, and the warped picture in; clean picture out.

    x0 = s * base + w * tinted warped + r * tinted base + g * grown + h * grown along rows + (1 - s - w - r - g - h) *
    paint + (1 - s) * correction, with (s, w, r, g, h) per pixel; without a base image s = r = 0 and it is paint that
    grows.
    What is tinted stays within a picture's range: without that bound tints grew until a twentieth of one was all the
    head wanted of it, and nothing was copied. The correction mends what the mixture gets nearly right: a source learns
    by its share alone, and of single edits an ablation without copying learned several faster (docs/ablations.md).
    """

    def __init__(self, width: int, levels: Sequence[int], tasks: int) -> None:
        super().__init__()
        self.pointer = Pointer(width)
        self.borrow = nn.Conv2d(4 * FINE**2, levels[0], 3, padding=1)
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
        has_base: Tensor,
        warped: Tensor,
        mass: Tensor,
        grid: tuple[int, int],
    ) -> tuple[Tensor, Mixture]:
        """tokens [T, N, C], the encoder's levels, t [T], noisy/base/warped [T, 3, h, w], mass [T, 1, h, w] and
        has_base [T].

        Returns `(x0 [T, 3, h, w], mixture)`, its sources being base, warped picture, tinted base, paint and what
        surrounds the change, from all around and along rows.
        """
        borrowed = F.pixel_unshuffle(torch.cat([warped, mass], dim=1).to(tokens.dtype), FINE)
        finest, *others = levels
        top = self.decoder(tokens, grid, (finest + self.borrow(borrowed), *others), film)
        out = F.pixel_shuffle(self.leave(top), FINE).to(noisy.dtype)
        colour, source, copied, painted, correction = out.split([3, 1, 1, 1, 3], 1)
        maps, recoloured = self.tint(top).split([2 * TINT, FINE**2], 1)
        broad = F.interpolate(_on_grid(self.tint_tokens(tokens), grid), size=maps.shape[2:], mode="bilinear")
        sketch = F.pixel_shuffle(_on_grid(self.sketch(tokens), grid), SKETCH)
        sketch = F.interpolate(sketch.to(noisy.dtype), size=noisy.shape[2:], mode="bilinear")
        repaint, retouch = (maps + broad).to(noisy.dtype).chunk(2, dim=1)
        recoloured = F.pixel_shuffle(recoloured, FINE).to(noisy.dtype)
        skipped, gain = (factor[:, None, None, None] for factor in precondition(t))
        paint = skipped * noisy + gain * (colour + sketch)
        unknown = ~has_base[:, None, None, None]
        source = (source + 1.0).masked_fill(unknown, -1e4)
        copied = copied + (mass + 1e-4).log()
        recoloured = (recoloured - 1.0).masked_fill(unknown, -1e4)
        grown = F.pixel_shuffle(self.grow(top), FINE).to(noisy.dtype) - 1.0
        logits = torch.cat([source, copied, recoloured, painted], dim=1)
        kept = torch.where(unknown, 1 - _around(mass), logits.softmax(1)[:, :1] ** SURELY)
        grown_over = surroundings(torch.where(unknown, paint, base), kept)
        shares = torch.cat([logits, grown], dim=1).softmax(1)
        copies = bounded(tinted(warped, retouch)), bounded(tinted(base, repaint))
        sources = torch.stack([base, *copies, paint, *grown_over], dim=1)
        clean = (shares[:, :, None] * sources).sum(1)
        based, always = (~unknown).to(mass).expand_as(mass), torch.ones_like(mass)
        there = torch.cat([based, mass, based, always, always, always], dim=1)
        return clean + (1 - shares[:, :1]) * gain * correction, Mixture(shares, sources, there)


@dataclass(frozen=True)
class HeadGroup:
    """Targets of one grid, host-built. numbers are their places among all targets, as members int64 [T] on the device;
    rows int64 [T, N] into the packed target rows; prefix int64 [T, M] into the packed prefix rows, with prefix_valid;
    table is the group's own."""

    grid: tuple[int, int]
    numbers: tuple[int, ...]
    members: Tensor
    rows: Tensor
    prefix: Tensor
    prefix_valid: Tensor
    table: FrameTable | None


def head_groups(
    requests: Sequence[RequestLayout],
    target_request: Sequence[int],
    layers: Sequence[Tensor],
    patch: int,
    device: torch.device | str = "cpu",
) -> list[HeadGroup]:
    """Group targets by grid, so that each group runs through the head as one batch."""
    prefix, prefix_valid = pad_ranges([request.prefix_rows for request in requests])
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
                frame_table(requests, own, layers, patch),
            )
        )
    return groups
