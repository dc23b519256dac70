import math

import pytest
import torch

from ace_agent.engines.mini.sampling import SAMPLERS, dpm_solver_2m, euler, shifted_times


def gaussian(spread: float):
    """Exact denoiser of data N(0, spread^2) under x = (1 - t) x0 + t noise."""

    def denoise(x: torch.Tensor, t: float, step: int) -> torch.Tensor:
        alpha = 1 - t
        return x * (alpha * spread**2 / (alpha**2 * spread**2 + t**2))

    return denoise


def error(sampler, steps: int) -> float:
    """Distance from the exact flow, which maps a normal draw x to spread * x."""
    x = torch.tensor([1.0, -0.3], dtype=torch.float64)
    out = sampler(gaussian(0.5), x, shifted_times(steps))
    return float((out - 0.5 * x).abs().max())


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_converge_to_the_exact_flow(name):
    assert error(SAMPLERS[name], 400) < 2e-3


def test_the_second_order_sampler_is_closer_at_sixteen_steps():
    assert error(dpm_solver_2m, 16) < 0.3 * error(euler, 16)


def test_times_run_from_noise_to_picture_and_shift_towards_noise():
    assert shifted_times(4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    shifted = shifted_times(4, 3.0)
    assert shifted[0] == 1 and shifted[-1] == 0
    assert math.isclose(shifted[2], 0.75)
    with pytest.raises(ValueError, match="steps"):
        shifted_times(0)


def test_callbacks_see_every_step():
    seen = []
    dpm_solver_2m(gaussian(1.0), torch.ones(3), shifted_times(5), lambda step, clean: seen.append(step))
    assert seen == [0, 1, 2, 3, 4]
