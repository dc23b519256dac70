"""Samplers of the rectified flow `x_t = (1 - t) x0 + t noise`, as free functions with one signature.

`denoise(x, t, step) -> x0` takes the packed state (any shape), the time as a float in 0..1 (1 = noise) and the step's
number; `callback(step, x0)` gets every step's clean estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from torch import Tensor

Denoise = Callable[[Tensor, float, int], Tensor]
SamplerCallback = Callable[[int, Tensor], None]


def shifted_times(steps: int, shift: float = 1.0) -> list[float]:
    """`steps + 1` times from 1 to 0; `shift` above 1 spends more of them on noise (arXiv 2403.03206, section 5.3)."""
    if steps < 1:
        raise ValueError(f"steps: wanted at least 1, got {steps}")
    uniform = [1 - i / steps for i in range(steps + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in uniform]


def euler(denoise: Denoise, x: Tensor, times: list[float], callback: SamplerCallback | None = None) -> Tensor:
    """First-order steps along the velocity (x - x0) / t."""
    for step, (t, after) in enumerate(pairwise(times)):
        clean = denoise(x, t, step)
        if callback is not None:
            callback(step, clean)
        x = clean + (x - clean) * (after / t)
    return x


def dpm_solver_2m(
    denoise: Denoise, x: Tensor, times: list[float], callback: SamplerCallback | None = None
) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2) with alpha = 1 - t, sigma = t: second order, one evaluation a
    step. The first step (from pure noise, infinite log-SNR change) and the last are of first order."""
    previous: Tensor | None = None
    last_h = math.inf
    for step, (t, after) in enumerate(pairwise(times)):
        clean = denoise(x, t, step)
        if callback is not None:
            callback(step, clean)
        if after == 0:
            return clean
        h = math.inf if t >= 1 else math.log((1 - after) / after) - math.log((1 - t) / t)
        estimate = clean
        if previous is not None and math.isfinite(last_h):
            ratio = h / (2 * last_h)
            estimate = (1 + ratio) * clean - ratio * previous
        x = x * (after / t) + (1 - after) * (1 - math.exp(-h)) * estimate
        previous, last_h = clean, h
    return x


SAMPLERS = {"dpm_solver_2m": dpm_solver_2m, "euler": euler}
