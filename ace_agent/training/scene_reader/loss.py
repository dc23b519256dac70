"""The training loss of the scene reader."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ace_agent.evaluation.reader_network import Readings
from ace_agent.training.scene_reader.scenes import Labels

_NEAR = 0.8
"""Grid cells: standard deviation of the bump around a centre within which a wrong peak costs less."""


def reader_loss(readings: Readings, labels: Sequence[Labels]) -> Tensor:
    """Focal loss of centres (arXiv 1904.07850, eq. 1) plus cross-entropies of the rest.

    Noun, colour and style are classified at an object's centre and the eight cells around it, where its peak may fall.
    """
    total = _center_loss(readings.centers, labels)
    spots = [(index, *center) for index, one in enumerate(labels) for center in one.centers]
    if spots:
        picture, noun, row, column, color, style = torch.tensor(spots).unbind(1)
        bottom, right = readings.nouns.shape[2] - 1, readings.nouns.shape[3] - 1
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                y, x = (row + down).clamp(0, bottom), (column + across).clamp(0, right)
                share = 1 / 3 if down == across == 0 else 1 / 12
                total = total + share * _class_loss(readings.nouns[picture, :, y, x], noun)
                total = total + share * _class_loss(readings.colors[picture, :, y, x], color)
                total = total + share * _class_loss(readings.styles[picture, :, y, x], style)
    for name, logits in (
        ("place", readings.places),
        ("time", readings.times),
        ("weather", readings.weathers),
        ("filter", readings.filters),
    ):
        total = total + 0.5 * _class_loss(logits, torch.tensor([getattr(one, name) for one in labels]))
    return total


def _class_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    known = wanted >= 0
    if not known.any():
        return logits.sum() * 0
    return functional.cross_entropy(logits[known], wanted[known])


def _center_loss(logits: Tensor, labels: Sequence[Labels]) -> Tensor:
    """Focal loss that penalises cells beside a centre less."""
    rows, columns = torch.arange(logits.shape[2])[:, None], torch.arange(logits.shape[3])[None]
    wanted = torch.zeros_like(logits[:, 0])
    near = torch.zeros_like(wanted)
    for index, one in enumerate(labels):
        for _, row, column, _, _ in one.centers:
            wanted[index, row, column] = 1
            bump = torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * _NEAR**2))
            near[index] = torch.maximum(near[index], bump)
    sure = logits[:, 0].sigmoid()
    missed = wanted * (1 - sure) ** 2 * functional.softplus(-logits[:, 0])
    false = (1 - wanted) * (1 - near) ** 4 * sure**2 * functional.softplus(logits[:, 0])
    return (missed + false).sum() / wanted.sum().clamp(min=1)
