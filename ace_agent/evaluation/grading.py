"""Grades answered samples, and combines many grades into one figure.

Grades use 8-bit pictures only, so a dumped folder gives the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ace_agent.data.scenes.sketch import LABELS
from ace_agent.evaluation import baselines
from ace_agent.evaluation.metrics import (
    Picture,
    Region,
    as_picture,
    as_region,
    changed_region,
    class_overlap,
    error,
    f1,
    keep_psnr,
    mean_iou,
)
from ace_agent.plan.tasks import TASKS

Measure = Literal["score", "f1", "miou", "reader", "still"]
LINE_TASKS = frozenset({"edge", "contour", "scribble", "pose"})
SEGMENT_TASKS = frozenset({"segment"})
CLASS_COLORS = np.array(list(LABELS.values()), np.float32) / 255.0

_REDRAWN = frozenset({"generation", "analysis", "control"})
"""Families whose answer is a new picture: pixels that happen to agree were not kept."""

STILL = 32.0
"""PSNR in dB from which a picture counts as unchanged."""

_EXACT_TRIVIAL = (0.5 / 255.0) ** 2
"""Below this error a trivial answer equals the target up to rounding (a negative is an affine recolour): the sample has
no score of its own, but its error still counts in its task's."""


@dataclass(frozen=True)
class Answered:
    """A sample and its output.

    Args:
        base: the picture that is edited, or None.
        mask: white where it may change, or None.
        exact: whether ``target`` is the one right answer.
        unchanged: whether that answer is to leave the picture alone.
    """

    task: str
    base: Image.Image | None
    mask: Image.Image | None
    target: Image.Image
    output: Image.Image
    exact: bool
    unchanged: bool = False

    @property
    def measure(self) -> Measure:
        if self.unchanged:
            return "still"
        if self.task in SEGMENT_TASKS:
            return "miou"
        if self.task in LINE_TASKS:
            return "f1"
        return "score" if self.exact else "reader"


@dataclass(frozen=True)
class Grade:
    """The grade of one sample.

    Args:
        value: its figure, 1 is best; None if a trivial answer is exact, or if the reader must grade it.
        error: for a score, the output's error; NaN for other measures.
        trivial: for a score the errors of the trivial answers, else their figures; by baseline.
        keep: PSNR outside the region, dB; None if nothing had to stay.
        overlaps: for mIoU, pixels in both and in either by class; of the output, then of each baseline.
    """

    measure: Measure
    value: float | None
    error: float
    trivial: dict[str, float]
    keep: float | None
    overlaps: dict[str, npt.NDArray[np.int64]]


def grade(sample: Answered) -> Grade:
    """Grade a sample; of a "reader" sample only the keep, since the reader gives its value.

    Raises:
        ValueError: the output's size is not the target's.
    """
    if sample.output.size != sample.target.size:
        raise ValueError(f"output: wanted {sample.target.size}, got {sample.output.size}")
    output, target = as_picture(sample.output), as_picture(sample.target)
    base = as_picture(sample.base) if sample.base is not None else None
    if base is not None and base.shape != target.shape:
        base = None
    if sample.measure == "still":
        likeness = keep_psnr(output, target, np.zeros(target.shape[:2], bool)) or 0.0
        figures = {"input": 1.0, "constant": 0.0}
        return Grade("still", float(likeness >= STILL), float("nan"), figures, likeness, {})
    region = _region(sample, base, target)
    keep = None
    if base is not None and (TASKS[sample.task].family not in _REDRAWN or sample.mask is not None):
        keep = keep_psnr(output, base, region)
    if sample.measure == "score":
        return _score_grade(output, base, target, region, keep)
    if sample.measure == "reader":
        return Grade("reader", None, float("nan"), {}, keep, {})
    where = as_region(sample.mask) if sample.mask is not None else np.ones(target.shape[:2], bool)
    answers = {"": output, **_trivial_pictures(base, target, where)}
    if sample.measure == "f1":
        figures = {name: f1(answer, target, where) for name, answer in answers.items()}
        inked = np.broadcast_to(_far_from_paper(target, where), target.shape)
        figures["constant"] = max(figures["constant"], f1(inked, target, where))
        return Grade("f1", figures.pop(""), float("nan"), figures, None, {})
    overlaps = {name: class_overlap(answer, target, CLASS_COLORS, where) for name, answer in answers.items()}
    figures = {name: mean_iou(overlap) for name, overlap in overlaps.items()}
    return Grade("miou", figures.pop(""), float("nan"), figures, None, overlaps)


def _region(sample: Answered, base: Picture | None, target: Picture) -> Region:
    """The changed region, or all of the picture without a base or a change; where many answers are right,
    whatever the mask allows may change too."""
    if base is not None:
        region = changed_region(base, target)
        if not sample.exact and sample.mask is not None:
            region |= as_region(sample.mask)
        if region.any():
            return region
    return np.ones(target.shape[:2], bool)


def _score_grade(
    output: Picture, base: Picture | None, target: Picture, region: Region, keep: float | None
) -> Grade:
    err = error(output, target, region)
    trivial = baselines.trivial_errors(base, target, region)
    errors = {
        name: value for name in (*baselines.NAMES, "matrix") if (value := getattr(trivial, name)) is not None
    }
    value = 1.0 - err / trivial.best if trivial.best > _EXACT_TRIVIAL else None
    return Grade("score", value, err, errors, keep, {})


def _trivial_pictures(base: Picture | None, target: Picture, where: Region) -> dict[str, Picture]:
    pictures = {"constant": baselines.best_constant(target, where)}
    if base is not None:
        pictures["input"] = base
        pictures["affine"] = np.clip(baselines.best_affine(base, target, where), 0.0, 1.0)
    return pictures


def _far_from_paper(target: Picture, where: Region) -> Picture:
    paper = np.median(target[where], axis=0)
    return (paper < 0.5).astype(np.float32)


# ---- many grades


def figure(grades: Sequence[Grade]) -> float:
    """The figure of a task: for a score 1 - mean error / mean best trivial error, so that a sample with
    hardly anything to change weighs hardly anything; mIoU over all pixels of all samples; else the mean."""
    return _combined(grades, "")


def trivial_figure(grades: Sequence[Grade], name: str) -> float | None:
    """The same figure for a trivial answer; None where it has no meaning."""
    if any(name not in one.trivial for one in grades):
        return None
    return _combined(grades, name)


def _combined(grades: Sequence[Grade], name: str) -> float:
    measure = grades[0].measure
    if measure == "score":
        wanted = [one.trivial[name] if name else one.error for one in grades]
        best = [min(one.trivial[b] for b in baselines.NAMES if b in one.trivial) for one in grades]
        return 1.0 - sum(wanted) / max(sum(best), 1e-12)
    if measure == "miou":
        return mean_iou(np.sum([one.overlaps[name] for one in grades], axis=0))
    values = [one.trivial[name] if name else one.value for one in grades]
    return float(np.mean([value for value in values if value is not None]))


def standard_error(
    grades: Sequence[Grade], combine: Callable[[Sequence[Grade]], float] = figure
) -> float | None:
    """Jackknife standard error of a figure over its samples; None for fewer than two."""
    count = len(grades)
    if count < 2:
        return None
    left_out = [combine([*grades[:index], *grades[index + 1 :]]) for index in range(count)]
    return float(np.sqrt((count - 1) * np.var(left_out)))
