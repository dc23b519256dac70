"""Distances between a picture and the right answer.

Legend: H, W picture; a *picture* is float32 ``[H, W, 3]`` in 0..1, a *region* bool ``[H, W]``.

``error`` of a picture is its mean squared error over the region plus the mean squared error of its
gradients at three scales. The gradients weigh structure, so a blur of the right colour pays for its
missing edges. Everything is linear in the picture for a given region, so the best picture of a
linear family (a constant, an affine recolour) is a least squares solution, see `baselines`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.float32]
Region = npt.NDArray[np.bool_]

SCALES = (1, 2, 4)
"""Sides, in pixels, of the blocks that the gradients are taken between."""

CHANGED_LEVELS = 6
"""A pixel belongs to the changed region when a channel moves by more than this many of 255 levels;
less is what antialiasing and rounding do to a picture that was drawn twice."""

KEEP_CEILING = 60.0
"""PSNR of bit-identical pixels, dB, so that means stay finite; one level of 255 everywhere is 48 dB."""

_LEAST_OUTSIDE = 0.01  # a smaller share of the picture is only a rim


def as_picture(image: Image.Image) -> Picture:
    """Any PIL image as a picture."""
    return np.asarray(image.convert("RGB"), np.float32) / 255.0


def as_region(mask: Image.Image) -> Region:
    """A mask (white = region) as a region."""
    return np.asarray(mask.convert("L")) > 127


def changed_region(source: Picture, target: Picture) -> Region:
    """Where ``target`` differs from ``source`` visibly; ``[H, W]``."""
    _check_same_shape(source, target)
    return np.abs(source - target).max(-1) > (CHANGED_LEVELS + 0.5) / 255.0


# ---- distance to an exact target


def error_terms(picture: Picture, region: Region) -> Picture:
    """The linear terms whose squared differences add up to `error`; float32 ``[M, 3]``.

    Rows are the region's pixels, then the gradients between neighbouring blocks inside the region at
    each scale, each group weighted by the root of its mean's divisor. Empty groups have no rows.
    """
    groups = [picture[region]]
    for scale in SCALES:
        blocks, inside = _blocks(picture, region, scale)
        across = (blocks[:, 1:] - blocks[:, :-1])[inside[:, 1:] & inside[:, :-1]]
        down = (blocks[1:] - blocks[:-1])[inside[1:] & inside[:-1]]
        groups.append(np.concatenate([across, down]))
    weighted = [rows / np.sqrt(3.0 * len(rows)) for rows in groups if len(rows)]
    return np.concatenate(weighted).astype(np.float32) if weighted else np.zeros((0, 3), np.float32)


def _blocks(picture: Picture, region: Region, scale: int) -> tuple[Picture, Region]:
    """Means of the region's pixels over blocks of ``scale``, and the blocks that hold any."""
    height, width = (side // scale * scale for side in region.shape)
    cropped = np.where(region[:height, :width, None], picture[:height, :width], 0.0)
    shape = (height // scale, scale, width // scale, scale)
    counts = region[:height, :width].reshape(shape).sum((1, 3))
    sums = cropped.reshape(*shape, 3).sum((1, 3))
    return (sums / np.maximum(counts, 1)[..., None]).astype(np.float32), counts > 0


def error(output: Picture, target: Picture, region: Region) -> float:
    """MSE plus the gradient MSE at the three `SCALES`, over ``region``; 0 is the target itself.

    Raises:
        ValueError: the shapes differ or the region is empty.
    """
    _check_same_shape(output, target)
    if region.shape != target.shape[:2]:
        raise ValueError(f"region: wanted the picture's shape {target.shape[:2]}, got {region.shape}")
    if not region.any():
        raise ValueError("region: wanted at least one pixel, got none")
    return float(np.square(error_terms(output - target, region), dtype=np.float64).sum())


def score(err: float, trivial: Sequence[float]) -> float:
    """1 - err / the best trivial error: 1 is exact, 0 is no better than a trivial answer.

    Raises:
        ValueError: a trivial answer is exact, so that the task is not a task.
    """
    best = min(trivial)
    if best <= 0:
        raise ValueError("trivial: an answer without a model is exact; nothing is left to score")
    return 1.0 - err / best


def keep_psnr(output: Picture, source: Picture, region: Region) -> float | None:
    """PSNR in dB outside ``region``, at most `KEEP_CEILING`; None when hardly anything is outside."""
    _check_same_shape(output, source)
    outside = ~region
    if outside.mean() < _LEAST_OUTSIDE:
        return None
    mse = float(np.square(output[outside] - source[outside], dtype=np.float64).mean())
    return min(KEEP_CEILING, -10.0 * np.log10(max(mse, 1e-12)))


# ---- lines and poses


def line_pixels(picture: Picture, background: npt.NDArray[np.float32]) -> Region:
    """Pixels further than half the colour range from ``background`` (``[3]``) in some channel."""
    reach = np.maximum(background, 1.0 - background).max()
    return np.abs(picture - background).max(-1) > 0.5 * reach


def line_background(target: Picture, region: Region) -> npt.NDArray[np.float32]:
    """The paper that a line drawing is drawn on: the median colour of the region, ``[3]``."""
    return np.median(target[region], axis=0).astype(np.float32)


@dataclass(frozen=True)
class LineMatch:
    """Line pixels of output and target, and how many of each lie within 1 px of one of the other's."""

    drawn: int
    drawn_right: int
    wanted: int
    wanted_found: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 when nothing was wanted and nothing drawn."""
        if not self.drawn and not self.wanted:
            return 1.0
        if not self.drawn_right or not self.wanted_found:
            return 0.0
        precision, recall = self.drawn_right / self.drawn, self.wanted_found / self.wanted
        return 2.0 * precision * recall / (precision + recall)


def match_lines(output: Region, target: Region) -> LineMatch:
    """Match line pixels within 1 px (the eight neighbours)."""
    _check_same_shape(output, target)
    return LineMatch(
        drawn=int(output.sum()),
        drawn_right=int((output & _grown(target)).sum()),
        wanted=int(target.sum()),
        wanted_found=int((target & _grown(output)).sum()),
    )


def _grown(region: Region) -> Region:
    padded = np.pad(region, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]


def f1(output: Picture, target: Picture, region: Region) -> float:
    """F1 at 1 px of the lines of ``output`` against those of ``target``, both on the target's paper."""
    paper = line_background(target, region)
    return match_lines(line_pixels(output, paper) & region, line_pixels(target, paper) & region).f1


# ---- segmentation


def nearest_class(picture: Picture, colours: Picture) -> npt.NDArray[np.intp]:
    """Index of the class colour nearest to each pixel; ``colours`` is ``[C, 3]``, the result ``[H, W]``."""
    distance = np.square(picture[:, :, None] - colours).sum(-1)
    return distance.argmin(-1)


def class_overlap(
    output: Picture, target: Picture, colours: Picture, region: Region
) -> npt.NDArray[np.int64]:
    """Pixels of each class in both and in either of two class maps; ``[C, 2]``, summable over samples."""
    found, wanted = nearest_class(output, colours)[region], nearest_class(target, colours)[region]
    classes = range(len(colours))
    both = [((found == c) & (wanted == c)).sum() for c in classes]
    either = [((found == c) | (wanted == c)).sum() for c in classes]
    return np.stack([both, either], -1).astype(np.int64)


def mean_iou(overlap: npt.NDArray[np.int64]) -> float:
    """Mean over the classes that occur in either map of pixels in both / pixels in either."""
    seen = overlap[:, 1] > 0
    if not seen.any():
        return 0.0
    return float((overlap[seen, 0] / overlap[seen, 1]).mean())


def _check_same_shape(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> None:
    if first.shape != second.shape:
        raise ValueError(f"pictures: wanted the same shape, got {first.shape} and {second.shape}")
