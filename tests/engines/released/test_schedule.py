import torch
from pytest import approx, raises

from ace_agent.engines.released.schedule import linear_schedule, signal, trailing_grid
from ace_agent.errors import InputError
from tests.golden import golden


def test_tables_are_the_released_ones():
    reference = golden("schedule")
    schedule = linear_schedule()
    assert torch.equal(schedule.betas, reference["betas"])
    # One last digit of float32 at five places: another machine's square root.
    torch.testing.assert_close(schedule.sigmas, reference["sigmas"], rtol=0, atol=6e-8)
    torch.testing.assert_close(schedule.alphas, reference["alphas_bar"], rtol=0, atol=3e-6)


def test_rounding_near_the_end_is_kept():
    assert float(linear_schedule().alphas[999]) == approx(0.00635704, abs=5e-9)


def test_grids_and_sigmas_match_for_whole_and_fractional_steps():
    reference = golden("schedule")
    schedule = linear_schedule()
    for steps in (1, 4, 5, 8, 10, 20, 25, 28, 30, 50, 100):
        grid = trailing_grid(steps, faithful=True)
        assert torch.equal(grid, reference[f"steps{steps}.timesteps"])
        exploding, preserving = schedule.interpolated_sigmas(grid)
        assert torch.equal(exploding, reference[f"steps{steps}.sigmas_ve"])
        # A last digit of sigma would move the signal by up to 8e-4 here.
        wanted = signal(reference[f"steps{steps}.sigmas_vp"][:-1])
        torch.testing.assert_close(signal(preserving), wanted, rtol=1e-7, atol=0)


def test_the_extra_step_is_kept_only_when_faithful():
    assert [len(trailing_grid(n, faithful=True)) - n for n in (61, 103, 121, 122, 60)] == [1, 1, 1, 1, 0]
    assert [len(trailing_grid(n)) for n in (61, 103, 121, 122)] == [61, 103, 121, 122]


def test_noise_is_added_with_the_cumulative_alpha():
    reference = golden("f_train_loss")
    noisy = linear_schedule().add_noise(reference["x_0"], reference["noise"], reference["t"])
    torch.testing.assert_close(noisy, reference["scepter.x_t"], rtol=0, atol=1e-6)


def test_bad_step_counts_are_refused():
    for steps in (0, -3, 1001):
        with raises(InputError, match="1 to 1000"):
            trailing_grid(steps)
