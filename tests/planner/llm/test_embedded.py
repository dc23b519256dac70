"""The embedded model, here a tiny untrained one, writes under the grammar: whatever it would say, it can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ace_agent.errors import PlanError
from ace_agent.planner.llm.embedded import LanguageModel
from ace_agent.planner.llm.plan_language import grammar, parse


@pytest.fixture
def model(tiny: Path) -> LanguageModel:
    return LanguageModel(None)


def test_an_untrained_model_still_writes_the_language(model: LanguageModel) -> None:
    written = model.write("request: make it red\n", grammar(images=1), most=120)
    assert written
    head = written.splitlines()[0]
    assert head == "refuse" or head.startswith("goto @") or parse(head.split(":")[0] + ":").steps


def test_a_prompt_that_is_too_long_is_refused(model: LanguageModel) -> None:
    with pytest.raises(PlanError, match="too long"):
        model.write("x" * 2000, grammar(images=1))
