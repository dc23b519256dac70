"""The convolutions at both ends of ace-mini: a U-shaped network whose lowest level is the transformer, as in simple
diffusion (arXiv 2301.11093). What is local, such as lines, filters and colours, is learned there from every pixel;
what needs words, other frames or the whole picture is the transformer's.

Letters: B pictures, c channels, h and w sides in pixels, C the transformer's width, K numbers of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FINE = 2
"""Side in pixels of a cell of the finest level."""

SEEN = 8
"""Input channels of the encoder: noise, base image, mask, and ones where there is a base image."""


@dataclass(frozen=True)
class Film:
    """What modulates every convolutional block: vector [B, C] (time, task and the text's mean) and task int64 [B]
    (0: unknown)."""

    vector: Tensor
    task: Tensor


def channel_norm(x: Tensor) -> Tensor:
    """LayerNorm over the channels of every pixel, [B, c, h, w], without weights.

    In training on a CPU, GroupNorm's backward pass alone took a quarter of the convolutions' time.
    """
    return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], eps=1e-6).permute(0, 3, 1, 2)


class Modulation(nn.Module):
    """Scale and shift of channels: a linear map of the vector, and a vector of each task's own, which learns from its
    task's samples alone."""

    def __init__(self, channels: int, width: int, tasks: int) -> None:
        super().__init__()
        self.of_vector = nn.Linear(width, 2 * channels)
        self.of_task = nn.Embedding(tasks, 2 * channels)
        nn.init.zeros_(self.of_vector.weight)
        nn.init.zeros_(self.of_vector.bias)
        nn.init.normal_(self.of_task.weight, std=0.1)

    def forward(self, x: Tensor, film: Film) -> Tensor:
        both = self.of_vector(F.silu(film.vector)) + self.of_task(film.task)
        scale, shift = both[:, :, None, None].to(x.dtype).chunk(2, dim=1)
        return x * (1 + scale) + shift


class ModulatedBlock(nn.Module):
    """Norm, convolution, modulation, SiLU, convolution, with a skip."""

    def __init__(self, channels: int, width: int, tasks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = Modulation(channels, width, tasks)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(cast(Tensor, self.conv2.bias))

    def forward(self, x: Tensor, film: Film) -> Tensor:
        out: Tensor = x + self.conv2(F.silu(self.film(self.conv1(channel_norm(x)), film)))
        return out


@dataclass(frozen=True)
class Features:
    """Of pictures of one size: tokens [B, N, C], and each level above them, finest first, [B, c, h / 2, w / 2] ..."""

    tokens: Tensor
    levels: tuple[Tensor, ...]


class Encoder(nn.Module):
    """From pictures to tokens, halving the size at each level. Frames and targets share it: a frame is a base image
    without noise."""

    def __init__(self, width: int, levels: Sequence[int], tasks: int) -> None:
        super().__init__()
        sizes = (*levels, width)
        self.enter = nn.Conv2d(SEEN * FINE**2, sizes[0], 3, padding=1)
        self.blocks = nn.ModuleList(ModulatedBlock(size, width, tasks) for size in sizes)
        self.down_blocks = nn.ModuleList(
            nn.Conv2d(above, below, 3, padding=1, stride=2) for above, below in pairwise(sizes)
        )

    def forward(self, seen: Tensor, film: Film) -> Features:
        """seen [B, 8, h, w], sides whole patches."""
        x = F.pixel_unshuffle(seen, FINE).contiguous(memory_format=torch.channels_last)
        x = self.blocks[0](self.enter(x), film)
        levels = []
        for down, block in zip(self.down_blocks, list(self.blocks)[1:], strict=True):
            levels.append(x)
            x = block(down(F.silu(x)), film)
        # Otherwise what the transformer adds, words and places included, would be small beside the tokens themselves.
        tokens = F.layer_norm(x.flatten(2).transpose(1, 2), x.shape[1:2], eps=1e-6)
        return Features(tokens, tuple(levels))


MATTE_CELLS = 4
"""Cells a side of each token's part of a matte."""


class Matte(nn.Module):
    """How much of a frame's pixels stands out from its ground: a logit a pixel, summed over all levels (as in FCN-8s,
    arXiv 1411.4038). It is trained only through the pictures that things are copied into."""

    def __init__(self, width: int, levels: Sequence[int]) -> None:
        super().__init__()
        self.fine = nn.Conv2d(levels[0], FINE**2, 3, padding=1)
        self.coarse = nn.ModuleList(nn.Conv2d(size, 1, 1) for size in levels[1:])
        self.token = nn.Linear(width, MATTE_CELLS**2)
        for layer in (self.fine, *self.coarse, self.token):
            nn.init.zeros_(cast(Tensor, layer.weight))
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, tokens: Tensor, grid: tuple[int, int], levels: Sequence[Tensor]) -> Tensor:
        """tokens [B, N, C] on their grid, and the encoder's levels. Returns [B, 1, h, w]."""
        finest, *others = (F.silu(channel_norm(level)) for level in levels)
        matte = F.pixel_shuffle(self.fine(finest), FINE)
        of_tokens = self.token(tokens).transpose(1, 2).unflatten(2, grid)
        parts = [F.pixel_shuffle(of_tokens, MATTE_CELLS)]
        parts += [layer(level) for layer, level in zip(self.coarse, others, strict=True)]
        for part in parts:
            matte = matte + F.interpolate(part.to(matte), size=matte.shape[2:], mode="bilinear")
        return matte


class Decoder(nn.Module):
    """From tokens up to the finest level, joining the encoder's levels.

    Each of the four pixels that come of one has weights of its own: without a base image to copy, all detail has to
    come from the tokens.
    """

    def __init__(self, width: int, levels: Sequence[int], tasks: int) -> None:
        super().__init__()
        sizes = (*levels, width)
        self.up_blocks = nn.ModuleList(nn.Conv2d(below, 4 * above, 1) for above, below in pairwise(sizes))
        self.blocks = nn.ModuleList(ModulatedBlock(size, width, tasks) for size in levels)
        self.film = Modulation(levels[0], width, tasks)

    def forward(self, tokens: Tensor, grid: tuple[int, int], levels: Sequence[Tensor], film: Film) -> Tensor:
        """tokens [B, N, C] on their grid, and the encoder's levels. Returns [B, c, h / 2, w / 2]."""
        x = tokens.transpose(1, 2).unflatten(2, grid).contiguous(memory_format=torch.channels_last)
        for up, block, level in reversed(list(zip(self.up_blocks, self.blocks, levels, strict=True))):
            x = block(level + F.pixel_shuffle(up(x), 2), film)
        return F.silu(self.film(channel_norm(x), film))
