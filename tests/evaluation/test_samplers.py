from pathlib import Path

import torch
from pytest import CaptureFixture

from ace_agent.engines.released.schedule import linear_schedule
from ace_agent.evaluation.samplers import STEPS, main, measure


def test_second_order_samplers_are_nearer_on_a_known_answer():
    schedule = linear_schedule()

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = schedule.alphas[t].view(-1, 1), schedule.sigmas[t].view(-1, 1)
        return sigma * (x - alpha * 0.3) / (alpha**2 * 0.25 + sigma**2)

    noise = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    found = {(d.sampler, d.steps): d.share for d in measure(denoise, noise, "gaussian", 200)}
    assert {steps for _, steps in found} == set(STEPS)
    assert found["dpm++", 20] < 0.6 * found["ddim", 20]
    assert found["unipc", 20] < 0.6 * found["ddim", 20]


def test_a_directory_without_sampling_cases_is_an_error(tmp_path: Path, capsys: CaptureFixture[str]):
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "not a directory" in capsys.readouterr().err
