"""Measured differences between two pictures of one subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ace_agent.images import operators
from ace_agent.images.types import Pixels


@dataclass(frozen=True)
class ImagePair:
    """Two pictures of one subject, a source and a target.

    Args:
        source: uint8 [H, W, 3].
        target: uint8 [H', W', 3].
        source_caption: or "".
        target_caption: or "".
        similarity: cosine of their embeddings.
        aligned: whether they have the same size, so that the target can be an edit of the source.
    """

    source: Pixels
    target: Pixels
    source_caption: str
    target_caption: str
    similarity: float
    aligned: bool


def tones(pair: ImagePair) -> list[str]:
    """How the target's tones differ, as keys of `ADJUST_PHRASES`, largest difference first."""
    before, after = _measured(pair.source), _measured(pair.target)
    found = []
    for k, (more, less, threshold) in enumerate(_AXES):
        change = (after[k] - before[k]) / threshold
        if abs(change) >= 1:
            found.append((abs(change), more if change > 0 else less))
    return [name for _, name in sorted(found, reverse=True)]


# Thresholds are about a quarter of the spread among photographs of one subject: people would not mention smaller
# differences.
_AXES = (
    ("brighter", "darker", 28.0),
    ("more contrast", "less contrast", 18.0),
    ("more colorful", "less colorful", 22.0),
    ("warmer", "cooler", 20.0),
)


def _measured(pixels: Pixels) -> tuple[float, float, float, float]:
    """Mean and spread of brightness, colourfulness, and red less blue, in grey levels."""
    small = np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BOX))
    plane = operators.gray(small).astype(np.float32)
    values = small.astype(np.float32)
    colorful = float((values.max(-1) - values.min(-1)).mean())
    return (
        float(plane.mean()),
        float(plane.std()),
        colorful,
        float((values[..., 0] - values[..., 2]).mean()),
    )
