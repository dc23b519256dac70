"""Samplers of the released model: free functions with one signature, and classifier-free guidance.

Every sampler takes a denoiser `(x, t) -> eps` (x float32 [B, ...], t int64 [B], already guided), the starting
noise and a number of steps, and returns the clean estimate. The callback is called after each step and may
raise to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ace_agent.engines.released.schedule import TRAIN_STEPS, NoiseSchedule, signal, trailing_grid
from ace_agent.errors import InputError

Denoiser = Callable[[Tensor, Tensor], Tensor]
SamplerCallback = Callable[[int, float, Tensor], None]
"""(finished steps, timestep just done, latents after it)."""


class Sampler(Protocol):
    def __call__(
        self,
        denoise: Denoiser,
        noise: Tensor,
        steps: int,
        *,
        schedule: NoiseSchedule,
        callback: SamplerCallback | None = None,
    ) -> Tensor: ...


def guide(conditional: Tensor, unconditional: Tensor, scale: float, rescale: float = 0.0) -> Tensor:
    """Classifier-free guidance, then a share `rescale` of the conditional prediction's spread (arXiv
    2305.08891, section 3.4, on the noise prediction). [B, ...] each; the spread is per sample, unbiased, over
    all values."""
    eps = unconditional + scale * (conditional - unconditional)
    if rescale > 0:
        axes = tuple(range(1, eps.dim()))
        ratio = conditional.std(dim=axes, keepdim=True) / (eps.std(dim=axes, keepdim=True) + 1e-12)
        eps = eps * (rescale * ratio + (1 - rescale))
    return eps


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float, rescale: float = 0.0) -> Denoiser:
    """A guided denoiser that skips a branch which the scale does not need.

    Scale 1 is the prompt alone and 0 the null text alone; in between the two are blended. Raises InputError
    below 0.
    """
    if scale < 0:
        raise InputError(
            f"guidance must be 0 or more, not {scale:g}", "1 follows the prompt without amplifying it"
        )
    if scale == 1:
        return conditional
    if scale == 0:
        return unconditional

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        return guide(conditional(x, t), unconditional(x, t), scale, rescale)

    return denoise


@dataclass(frozen=True)
class DDIMStep:
    """Coefficients of one step, float32 scalars: the table's sigma and alpha for the clean estimate, and the
    interpolated variance-preserving sigmas of this timestep and the next, with the signal that each leaves.

    At a fractional timestep the two disagree, because the released code uses both.
    """

    sigma: Tensor
    alpha: Tensor
    now: Tensor
    then: Tensor
    signal_now: Tensor
    signal_then: Tensor

    def __call__(self, x: Tensor, eps: Tensor) -> Tensor:
        """One deterministic DDIM step (arXiv 2010.02502, eta 0)."""
        clean = (x - self.sigma * eps) / self.alpha
        direction = (x - self.signal_now * clean) / self.now
        return self.signal_then * clean + self.then * direction


def ddim_steps(grid: Tensor, schedule: NoiseSchedule, device: torch.device) -> list[DDIMStep]:
    """Steps from each timestep of the grid to the next, the last one to the clean estimate."""
    sigmas, alphas = schedule.at_floor(grid)
    _, preserving = schedule.interpolated_sigmas(grid)
    now, then = preserving, torch.cat([preserving[1:], torch.zeros(1)])
    columns = (sigmas, alphas, now, then, signal(now), signal(then))
    return [DDIMStep(*row) for row in zip(*(column.to(device) for column in columns), strict=True)]


def sample_ddim(
    denoise: Denoiser,
    noise: Tensor,
    steps: int,
    *,
    schedule: NoiseSchedule,
    callback: SamplerCallback | None = None,
    faithful: bool = False,
) -> Tensor:
    """The released loop: trailing grid, fractional timesteps, no clipping, the last step returns the clean
    estimate."""
    grid = trailing_grid(steps, faithful=faithful)
    x = noise.float()
    for number, step in enumerate(ddim_steps(grid, schedule, x.device)):
        t = grid[number].round().long().expand(len(x)).to(x.device)
        x = step(x, denoise(x, t).float())
        if faithful:
            # Unused as eta is 0, but the released code draws it, which moves the global generator on.
            torch.randn_like(x)
        if callback is not None:
            callback(number + 1, float(grid[number]), x)
    return x


def _with_released_tables(scheduler: Any, schedule: NoiseSchedule) -> Any:
    """Put the released alphas into a diffusers scheduler, whose own lack the rounding near t = 999."""
    scheduler.alphas_cumprod = schedule.alphas**2
    scheduler.alpha_t = schedule.alphas
    scheduler.sigma_t = schedule.sigmas
    scheduler.lambda_t = schedule.alphas.log() - schedule.sigmas.log()
    return scheduler


def _run_scheduler(
    scheduler: Any, denoise: Denoiser, noise: Tensor, steps: int, callback: SamplerCallback | None
) -> Tensor:
    trailing_grid(steps)  # the same bounds and the same message for every sampler
    scheduler.set_timesteps(steps, device=noise.device)
    # Otherwise the first step looks its timestep up on the device, and the host waits for it.
    scheduler.set_begin_index(0)
    x = noise.float()
    for step, timestep in enumerate(scheduler.timesteps):
        eps = denoise(x, timestep.long().expand(len(x)).to(x.device)).float()
        x = scheduler.step(eps, timestep, x).prev_sample
        if callback is not None:
            callback(step + 1, float(timestep), x)
    return x


_SCHEDULER_CONFIG = {
    "num_train_timesteps": TRAIN_STEPS,
    "beta_schedule": "linear",
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "prediction_type": "epsilon",
    "timestep_spacing": "trailing",
    "final_sigmas_type": "zero",
}


def sample_dpmpp(
    denoise: Denoiser,
    noise: Tensor,
    steps: int,
    *,
    schedule: NoiseSchedule,
    callback: SamplerCallback | None = None,
) -> Tensor:
    """DPM-Solver++(2M) of arXiv 2211.01095, through diffusers."""
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(**_SCHEDULER_CONFIG, algorithm_type="dpmsolver++", solver_order=2)
    return _run_scheduler(_with_released_tables(scheduler, schedule), denoise, noise, steps, callback)


def sample_unipc(
    denoise: Denoiser,
    noise: Tensor,
    steps: int,
    *,
    schedule: NoiseSchedule,
    callback: SamplerCallback | None = None,
) -> Tensor:
    """UniPC of arXiv 2302.04867 (order 2, B(h) of the second kind), through diffusers."""
    from diffusers import UniPCMultistepScheduler

    scheduler = UniPCMultistepScheduler(**_SCHEDULER_CONFIG, solver_order=2)
    return _run_scheduler(_with_released_tables(scheduler, schedule), denoise, noise, steps, callback)


SAMPLERS: dict[str, Sampler] = {"ddim": sample_ddim, "dpm++": sample_dpmpp, "unipc": sample_unipc}


def sampler_named(name: str) -> Sampler:
    """Raises InputError for an unknown name."""
    if name not in SAMPLERS:
        raise InputError(f"no sampler called {name!r}", f"one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name]
