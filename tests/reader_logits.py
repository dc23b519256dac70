"""Logits of the scene reader that say exactly what labels say."""

from __future__ import annotations

import torch

from ace_agent.evaluation.reader_network import Readings
from ace_agent.training.scene_reader.scenes import scene_words

WORDS = scene_words()


def perfect(labels: list) -> Readings:
    """Logits that say exactly what the labels say."""

    def one_hot(count: int, index: int) -> torch.Tensor:
        return torch.full((count,), -9.0).index_fill(0, torch.tensor([max(index, 0)]), 9.0)

    counts = WORDS.counts()
    size = len(labels)
    centers = torch.full((size, 1, 16, 16), -9.0)
    nouns = torch.zeros(size, counts["nouns"], 16, 16)
    colors = torch.zeros(size, counts["colors"], 16, 16)
    styles = torch.zeros(size, counts["styles"], 16, 16)
    for index, one in enumerate(labels):
        for noun, row, column, color, style in one.centers:
            centers[index, 0, row, column] = 9.0
            around = (
                index,
                slice(None),
                slice(max(row - 1, 0), row + 2),
                slice(max(column - 1, 0), column + 2),
            )
            for said, name, wanted in (
                (nouns, "nouns", noun),
                (colors, "colors", color),
                (styles, "styles", style),
            ):
                said[around] = one_hot(counts[name], wanted)[:, None, None]
    whole = (
        torch.stack([one_hot(counts[f"{name}s"], getattr(one, name)) for one in labels])
        for name in ("place", "time", "weather", "filter")
    )
    return Readings(centers, nouns, colors, styles, *whole)
