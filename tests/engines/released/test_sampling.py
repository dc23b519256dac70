import torch
from pytest import approx, mark, raises
from torch import Tensor

from ace_agent.engines.released.sampling import SAMPLERS, guide, guided, sample_ddim, sampler_named
from ace_agent.engines.released.schedule import linear_schedule
from ace_agent.errors import InputError
from tests.golden import golden

SCHEDULE = linear_schedule()


@mark.parametrize(("case", "rescale"), [("e_ddim_cfg", 0.5), ("e2_ddim_cfg_t2i_norescale", 0.0)])
def test_the_loop_follows_the_released_trajectory(case: str, rescale: float):
    """The recorded predictions of both branches are replayed, so that only guidance and the steps are at
    work."""
    reference = golden(case)
    calls: list[int] = []

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        step = len(calls)
        assert torch.equal(t, reference[f"model_t.{step}"])
        calls.append(step)
        return guide(reference[f"eps_cond.{step}"], reference[f"eps_uncond.{step}"], 4.5, rescale)

    def follow(step: int, timestep: float, x: Tensor) -> None:
        wanted = reference[f"x_after_step.{step - 1}"]
        assert timestep == float(reference["timesteps"][step - 1])
        assert (x - wanted).abs().max() <= 1e-5 * wanted.abs().max()

    final = sample_ddim(denoise, reference["x_T"], 5, schedule=SCHEDULE, callback=follow, faithful=True)
    assert len(calls) == 5
    assert (final - reference["x_final"]).abs().max() <= 1e-5 * reference["x_final"].abs().max()


def gaussian_denoiser(mean: float, deviation: float):
    """The exact noise prediction for data that is a Gaussian."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = SCHEDULE.alphas[t].view(-1, 1), SCHEDULE.sigmas[t].view(-1, 1)
        return sigma * (x - alpha * mean) / (alpha**2 * deviation**2 + sigma**2)

    return denoise


@mark.parametrize("name", SAMPLERS)
def test_every_sampler_finds_a_known_answer(name: str):
    noise = torch.randn(1, 500, generator=torch.Generator().manual_seed(1))
    denoise = gaussian_denoiser(0.3, 0.5)
    exact = sample_ddim(denoise, noise, 1000, schedule=SCHEDULE)
    assert float(exact.mean()) == approx(0.3 + 0.5 * float(noise.mean()), abs=0.01)
    found = SAMPLERS[name](denoise, noise, 50, schedule=SCHEDULE)
    # Measured 0.0218, 0.0017 and 0.0003; the 1000 steps are 0.0014 off the closed form themselves.
    assert (found - exact).abs().mean() < (0.025 if name == "ddim" else 0.0025)


def test_second_order_solvers_take_the_released_tables():
    """With diffusers' own tables alpha at 999 is off by 6.6e-4, which one step shows."""
    noise = torch.randn(1, 64, generator=torch.Generator().manual_seed(2))
    denoise = gaussian_denoiser(0.0, 1.0)
    ours = sample_ddim(denoise, noise, 1, schedule=SCHEDULE)
    for name in ("dpm++", "unipc"):
        torch.testing.assert_close(
            SAMPLERS[name](denoise, noise, 1, schedule=SCHEDULE), ours, rtol=1e-4, atol=1e-4
        )


def test_guidance_of_one_or_less_is_done_right():
    x, t = torch.zeros(1, 4), torch.zeros(1, dtype=torch.long)

    def never(x: Tensor, t: Tensor) -> Tensor:
        raise AssertionError("this branch is not needed")

    prompt, null = (lambda x, t: x + 2.0), (lambda x, t: x + 1.0)
    assert guided(prompt, never, 1.0, 0.5)(x, t).unique().tolist() == [2.0]
    assert guided(never, null, 0.0, 0.5)(x, t).unique().tolist() == [1.0]
    assert guided(prompt, null, 0.5)(x, t).unique().tolist() == [1.5]
    with raises(InputError, match="guidance must be 0 or more"):
        guided(prompt, null, -1.0)


def test_a_callback_can_stop_the_loop():
    class Stop(Exception):
        pass

    seen: list[int] = []

    def callback(step: int, timestep: float, x: Tensor) -> None:
        seen.append(step)
        if step == 2:
            raise Stop

    for sampler in SAMPLERS.values():
        seen.clear()
        with raises(Stop):
            sampler(gaussian_denoiser(0, 1), torch.ones(1, 8), 10, schedule=SCHEDULE, callback=callback)
        assert seen == [1, 2]


def test_unknown_samplers_are_refused_by_name():
    with raises(InputError, match=r"no sampler called 'euler': one of ddim, dpm\+\+, unipc"):
        sampler_named("euler")


def test_the_faithful_loop_moves_the_global_generator_at_every_step():
    """The released one draws noise that eta 0 then leaves out; what is drawn after it depends on that."""

    def after(faithful: bool) -> Tensor:
        torch.manual_seed(0)
        sample_ddim(lambda x, t: x, torch.ones(1, 4, 6), 3, schedule=SCHEDULE, faithful=faithful)
        return torch.randn(4)

    torch.manual_seed(0)
    untouched = torch.randn(4)
    torch.manual_seed(0)
    for _ in range(3):
        torch.randn(1, 4, 6)
    moved = torch.randn(4)
    assert torch.equal(after(True), moved)
    assert torch.equal(after(False), untouched)
