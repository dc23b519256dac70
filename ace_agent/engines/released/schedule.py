"""The released model's noise schedule and its grid of timesteps (linear betas, variance preserving).

The tables follow the released code's order of roundings: sigma = sqrt(1 - A), alpha = sqrt(1 - sigma^2), each
rounded to float32. Near t = 999 that loses digits (alpha 0.00635704 instead of 0.00635282), and the weights
were sampled with the rounded value, so it is kept. Square roots are taken in float64 and rounded once,
because vectorised float32 ones are off by a last digit on some machines, which at t = 999 moves alpha by a
thousandth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ace_agent.errors import InputError

TRAIN_STEPS = 1000
MAX_STEPS = 1000


def _sqrt(x: Tensor) -> Tensor:
    return x.double().sqrt().float()


def _log(x: Tensor) -> Tensor:
    return x.double().log().float()


def _exp(x: Tensor) -> Tensor:
    return x.double().exp().float()


@dataclass(frozen=True)
class NoiseSchedule:
    """x_t = alpha_t * x_0 + sigma_t * noise. All tables float32 [1000], on the CPU."""

    betas: Tensor
    sigmas: Tensor
    alphas: Tensor

    def add_noise(self, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Noisy latents for whole timesteps; clean and noise [B, ...], t int64 [B]."""
        shape = (-1, *([1] * (clean.dim() - 1)))
        index = t.cpu()
        alpha = self.alphas[index].view(shape).to(clean.device)
        sigma = self.sigmas[index].view(shape).to(clean.device)
        return alpha * clean + sigma * noise

    def at_floor(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """(sigma, alpha) at the whole timestep below each of `timesteps`, float32 like it."""
        index = timesteps.floor().long()
        return self.sigmas[index], self.alphas[index]

    def interpolated_sigmas(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Sigmas at fractional timesteps, log-linear: (variance exploding, variance preserving).

        Each float32 operation of the released code is rounded once, as the square roots are: where sigma is
        nearly 1, a last digit of it moves `signal` by a thousandth.
        """
        table = _log(_sqrt(self.sigmas**2 / (1 - self.sigmas**2)))
        low, high, weight = timesteps.floor().long(), timesteps.ceil().long(), timesteps.frac()
        exploding = _exp((1 - weight) * table[low] + weight * table[high])
        return exploding, _sqrt(exploding**2 / (1 + exploding**2))


def signal(sigmas: Tensor) -> Tensor:
    """What is left of the picture beside variance-preserving `sigmas`, float32."""
    return _sqrt(1 - sigmas**2)


@cache
def linear_schedule() -> NoiseSchedule:
    """beta from 1e-4 to 0.02 in 1000 steps."""
    betas = torch.linspace(1e-4, 0.02, TRAIN_STEPS, dtype=torch.float32)
    # float64 running product of float32 factors, rounded at each entry: what torch's own cumprod does on a
    # CPU.
    survival = (1 - betas).double().cumprod(0).float()
    sigmas = _sqrt(1 - survival)
    return NoiseSchedule(betas, sigmas, _sqrt(1 - sigmas**2))


def trailing_grid(steps: int, *, faithful: bool = False) -> Tensor:
    """Timesteps 999, 999 - 1000/steps, ... as float32, clamped to 0..999.

    The length is `steps`, except that rounding gives the released grid one more (t = 0) for 61, 103, 121 and
    122; only `faithful` keeps that. Raises InputError unless 1 <= steps <= 1000.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(
            f"steps must be 1 to {MAX_STEPS}, not {steps}", "20 is the 512 px model's own number"
        )
    grid = torch.arange(TRAIN_STEPS - 1, -1, -TRAIN_STEPS / steps, dtype=torch.float32).clamp_(
        0, TRAIN_STEPS - 1
    )
    return grid if faithful else grid[:steps]
