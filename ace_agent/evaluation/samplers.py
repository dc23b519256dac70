"""The distance of each sampler from a thousand steps: `python -m ace_agent.evaluation.samplers GOLDEN_DIR` prints the
table.  The model, its prompt and its start noise are those of the directory's guided sampling cases. Distances are root
mean squares as shares of the reference's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.sampling import SAMPLERS, Denoiser, guided, sample_ddim
from ace_agent.engines.released.schedule import linear_schedule
from ace_agent.errors import AceError
from ace_agent.evaluation.golden import Case, load_transformer, read_cases, weights_of

REFERENCE_STEPS = 1000
STEPS = (8, 10, 16, 20)


@dataclass(frozen=True)
class Distance:
    """One sampler at one number of steps."""

    case: str
    sampler: str
    steps: int
    share: float


def measure(
    denoise: Denoiser, noise: Tensor, case: str, reference_steps: int = REFERENCE_STEPS
) -> Iterator[Distance]:
    """Distances of every sampler at every number of steps."""
    schedule = linear_schedule()
    reference = sample_ddim(denoise, noise, reference_steps, schedule=schedule)
    for name, sampler in SAMPLERS.items():
        for steps in STEPS:
            found = sampler(denoise, noise, steps, schedule=schedule)
            yield Distance(case, name, steps, float((found - reference).norm() / reference.norm()))


@torch.no_grad()
def measure_case(case: Case) -> Iterator[Distance]:
    """The case's own guidance. Raises GoldenError for a case that lacks what sampling needs."""
    model = load_transformer(weights_of(case))
    prompted = JointDenoiser(model, case.samples(), case.indicators)
    null = JointDenoiser(model, case.samples("null."), case.indicators)
    denoise = guided(prompted, null, case.number("guide_scale", 4.5), case.number("guide_rescale", 0.5))
    yield from measure(denoise, case["x_T"], case.name)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ace_agent.evaluation.samplers")
    parser.add_argument("directory", type=Path)
    folder = parser.parse_args(arguments).directory
    torch.set_num_threads(1)
    try:
        cases = [case for case in read_cases(folder) if case.kind == "sampling"]
        print(f"| case | sampler | {' | '.join(f'{steps} steps' for steps in STEPS)} |")
        print(f"|---|---|{'---|' * len(STEPS)}")
        for case in cases:
            found = list(measure_case(case))
            for name in SAMPLERS:
                shares = [f"{100 * d.share:.2f} %" for d in found if d.sampler == name]
                print(f"| {case.name} | {name} | {' | '.join(shares)} |", flush=True)
    except AceError as error:
        print(f"samplers: {error}", file=sys.stderr)
        return 1
    return 0 if cases else 1


if __name__ == "__main__":
    sys.exit(main())
