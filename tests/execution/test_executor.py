"""How a plan is carried out: the history that a model is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from ace_agent import Agent
from tests.tiny import TinyPipeline, plan, step


@pytest.mark.parametrize(("budget", "handed"), [(0, 0), (1, 0), (4, 3), (9, 6)])
def test_a_model_is_given_the_history_that_it_reads_and_the_recipe_says_so(
    tmp_path: Path, budget: int, handed: int
) -> None:
    """No pipeline stated its budget, so that the released model, which reads nine pictures, was given up to sixteen;
    it left some out again, and the recipes named history that no picture had come of."""
    pipeline = TinyPipeline()
    pipeline.history_budget = budget
    agent = Agent(tmp_path, planner="rules", pipeline=pipeline)
    agent.run(plan(step("text_to_image", history="none")))
    for _ in range(6):
        agent.run(plan(step("edit_scene", "@last")))
    last = agent.run(plan(step("edit_scene", "@last"))).images[0]
    units = pipeline.calls[-1]["history"]
    # The first turn took no picture and costs none.
    assert sum(len(unit.images) for unit in units) == handed
    assert last.recipe is not None and len(last.recipe["history"]) == len(units)
