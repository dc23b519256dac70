"""Both halves: who is asked when, and who wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ace_agent.errors import ModelError, PlanError
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.llm.embedded import LanguageModelPlanner
from ace_agent.planner.llm.hybrid import HybridPlanner
from ace_agent.planner.llm.plan_language import Line, Script


def context(*captions: str) -> Context:
    images = tuple(KnownImage(f"@{n}", "image", c, n) for n, c in enumerate(captions, 1))
    path = tuple(i.id for i in images)
    return Context(images, path[-1] if path else None, path)


class Scripted(LanguageModelPlanner):
    """A language model that answers from a script and counts how often it is asked."""

    def __init__(self, answer: Script | Exception) -> None:
        super().__init__()
        self.answer = answer
        self.asked = 0

    def script(self, request: str, context: Context) -> Script:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_plain_instruction_never_waits_for_the_model() -> None:
    model = Scripted(ModelError("never"))
    plan = HybridPlanner(model).plan("make the sky pink", context("a hill"))
    assert plan.steps[0].task == "edit_color"
    assert model.asked == 0


def test_the_model_serves_where_the_rules_find_nothing() -> None:
    model = Scripted(Script((Line("edit_style", ("@1",), None, "1920s newsreel"),)))
    plan = HybridPlanner(model).plan("newsreel that, friend", context("a hill"))
    assert model.asked == 1
    assert plan.steps[0].task == "edit_style"
    assert "1920s newsreel" in plan.steps[0].instruction


def test_the_model_may_add_to_what_the_rules_find_but_not_leave_out() -> None:
    request = "the lorry to the left, then all in black and white"
    known = context("a lorry on a road")
    rules = [step.task for step in HybridPlanner(Scripted(Script(()))).plan(request, known).steps]
    assert rules == ["edit_motion", "grayscale"]

    def planned(*tasks: str) -> list[str]:
        lines = tuple(Line(task, (f"${n}" if n else "@1",), None, "x") for n, task in enumerate(tasks))
        return [step.task for step in HybridPlanner(Scripted(Script(lines))).plan(request, known).steps]

    assert planned("grayscale") == rules
    assert planned("remove", "edit_scene", "restore") == rules
    more = ["edit_motion", "add", "grayscale"]
    assert planned(*more) == more


def test_an_unknown_picture_is_refused_whatever_the_model_says() -> None:
    model = Scripted(Script((Line("grayscale", ("@1",)),)))
    with pytest.raises(PlanError, match="@9"):
        HybridPlanner(model).plan("make @9 grey", context("a hill"))


def test_without_the_model_the_rules_answer_and_say_so_once() -> None:
    notes: list[str] = []
    known = replace(context("a hill", "a hill at night"), note=notes.append)
    planner = HybridPlanner(Scripted(ModelError("no weights", "pip install it")))
    for _ in range(2):
        plan = planner.plan("take the first one, add a tree and make it foggy", known)
        assert [s.task for s in plan.steps] == ["add", "edit_scene"]
    assert notes == ["planning by rules alone: no weights: pip install it"]


def test_a_missing_adapter_is_a_model_error_every_time(tmp_path: object) -> None:
    planner = LanguageModelPlanner()
    planner._adapter = None
    planner.preload().join()
    for _ in range(2):
        with pytest.raises(ModelError, match="adapter"):
            planner.script("make it red", context("a hill"))
