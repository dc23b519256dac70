"""Answers that need no model: doing nothing, the best constant colour, the best affine recolour.

The best ones are chosen with the target in hand, sample by sample, so a model that beats them has understood the
request. The affine recolour has a gain and an offset per channel; it includes the other two, so its error is never
above theirs. A full 3 x 4 colour matrix is reported as well (`matrix`) but is no part of a score, since it is the exact
answer to grayscale and sepia.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ace_agent.evaluation.metrics import Picture, Region, error, error_terms

NAMES = ("input", "constant", "affine")
"""The baselines that a score is measured against, in the order they are printed."""


@dataclass(frozen=True)
class Trivial:
    """Errors of the trivial answers to one sample; None without an input picture."""

    input: float | None
    constant: float
    affine: float | None
    matrix: float | None

    @property
    def best(self) -> float:
        """The error that a score is measured against."""
        return min(err for err in (self.input, self.constant, self.affine) if err is not None)


def trivial_errors(source: Picture | None, target: Picture, region: Region) -> Trivial:
    """Errors of the trivial answers over ``region``.

    Args:
        source: the task's base image, ``[H, W, 3]`` like ``target``, or None.
    """
    constant = error(best_constant(target, region), target, region)
    if source is None:
        return Trivial(None, constant, None, None)
    return Trivial(
        input=error(source, target, region),
        constant=constant,
        affine=error(best_affine(source, target, region), target, region),
        matrix=error(best_matrix(source, target, region), target, region),
    )


def best_constant(target: Picture, region: Region) -> Picture:
    """The region's mean colour: gradients of a constant are nil, so the mean is the least error's."""
    return np.broadcast_to(target[region].mean(0), target.shape).astype(np.float32)


def best_affine(source: Picture, target: Picture, region: Region) -> Picture:
    """``gain * source + offset`` with a gain and an offset per channel that minimise `error`."""
    ones = error_terms(np.ones_like(source), region)
    terms, wanted = error_terms(source, region), error_terms(target, region)
    picture = np.empty_like(source)
    for channel in range(3):
        design = np.stack([terms[:, channel], ones[:, channel]], -1).astype(np.float64)
        (gain, offset), *_ = np.linalg.lstsq(design, wanted[:, channel].astype(np.float64), rcond=None)
        picture[..., channel] = gain * source[..., channel] + offset
    return picture


def best_matrix(source: Picture, target: Picture, region: Region) -> Picture:
    """``source @ M + offset`` with the 3 x 3 matrix and offset that minimise `error`."""
    ones = error_terms(np.ones_like(source), region)[:, :1]
    design = np.concatenate([error_terms(source, region), ones], -1).astype(np.float64)
    solution, *_ = np.linalg.lstsq(design, error_terms(target, region).astype(np.float64), rcond=None)
    return (source @ solution[:3] + solution[3]).astype(np.float32)
