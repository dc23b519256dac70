"""The scene reader's network: a small fully convolutional detector with whole-picture heads.

Legend: B pictures, H, W their sides, h, w = H / 8, W / 8 the grid on which objects are found.
Objects are found at their centres (after CenterNet, arXiv 1904.07850): each grid cell predicts whether
something is centred there, and its noun, colour and drawing style. Nouns compete for a cell
by a softmax, so that one threshold, the centre's, serves all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8
"""Pixels of a grid cell's side."""


class Readings(NamedTuple):
    """Logits of what the network sees."""

    centers: Tensor  # [B, 1, h, w], whether something is centred in a cell
    nouns: Tensor  # [B, nouns, h, w], of what stands at each cell
    colors: Tensor  # [B, colours, h, w]
    styles: Tensor  # [B, styles, h, w]
    places: Tensor  # [B, places]
    times: Tensor  # [B, times]
    weathers: Tensor  # [B, weathers]
    filters: Tensor  # [B, filters]


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, picture: Tensor) -> Tensor:
        return functional.relu(picture + self.second(self.first(picture)))


class ReaderNetwork(nn.Module):
    """About 4.7 M parameters; a 128 px picture costs some 0.26 G multiply-adds. Muon trains what is in "layers".

    Args:
        nouns: number of classes, as are the other counts.
    """

    def __init__(
        self, *, nouns: int, colors: int, styles: int, places: int, times: int, weathers: int, filters: int
    ) -> None:
        super().__init__()
        self.stem_layers = nn.Sequential(_convolution(3, 24, stride=2), _convolution(24, 48, stride=2))
        self.fine_layers = nn.Sequential(_convolution(48, 80, stride=2), _Residual(80))
        self.middle_layers = nn.Sequential(_convolution(80, 176, stride=2), _Residual(176), _Residual(176))
        self.coarse_layers = nn.Sequential(_convolution(176, 256, stride=2), _Residual(256), _Residual(256))
        self.joined_layers = nn.ModuleDict(
            {
                "coarse": _convolution(256, 144, 1),
                "middle": _convolution(176, 144, 1),
                "fine": _convolution(80, 144, 1),
                "both": _convolution(144, 144),
                "all": _convolution(144, 144),
            }
        )
        self.centers = nn.Conv2d(144, 1, 1)
        self.nouns = nn.Conv2d(144, nouns, 1)
        self.colors = nn.Conv2d(144, colors, 1)
        self.styles = nn.Conv2d(144, styles, 1)
        pooled = 48 + 176 + 256
        self.places = nn.Linear(pooled, places)
        self.times = nn.Linear(pooled, times)
        self.weathers = nn.Linear(pooled, weathers)
        self.filters = nn.Linear(pooled, filters)
        assert self.centers.bias is not None
        nn.init.constant_(self.centers.bias, -4.0)  # nearly no cell holds a centre

    def forward(self, pictures: Tensor) -> Readings:
        """Read float ``[B, 3, H, W]`` in 0..1, H and W multiples of 32."""
        shallow = self.stem_layers(pictures * 4.0 - 2.0)
        fine = self.fine_layers(shallow)
        middle = self.middle_layers(fine)
        coarse = self.coarse_layers(middle)
        join = self.joined_layers
        found = join["both"](join["middle"](middle) + _doubled(join["coarse"](coarse)))
        found = join["all"](join["fine"](fine) + _doubled(found))
        pooled = torch.cat([layer.mean((2, 3)) for layer in (shallow, middle, coarse)], -1)
        return Readings(
            self.centers(found),
            self.nouns(found),
            self.colors(found),
            self.styles(found),
            self.places(pooled),
            self.times(pooled),
            self.weathers(pooled),
            self.filters(pooled),
        )


def channels_last(network: ReaderNetwork) -> ReaderNetwork:
    """The network with its weights in channels-last layout, a quarter faster on CPUs."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def _doubled(grid: Tensor) -> Tensor:
    return functional.interpolate(grid, scale_factor=2.0, mode="nearest")
