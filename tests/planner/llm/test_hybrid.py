"""Both halves: when the model is asked, and when it is followed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from ace_agent.errors import ModelError, PlanError
from ace_agent.planner.llm.embedded import LanguageModelPlanner
from ace_agent.planner.llm.hybrid import HybridPlanner
from ace_agent.planner.proposal import ProposedPlan
from ace_agent.planner.rules import parsed_request
from ace_agent.planner.rules.parsed_request import ParsedRequest
from tests.planner.proposals import conversation, proposal, step


class Scripted(LanguageModelPlanner):
    """A language model that proposes one thing and counts how often it is asked."""

    def __init__(self, answer: ProposedPlan | Exception) -> None:
        super().__init__()
        self.answer = answer
        self.asked = 0

    def propose(self, request: ParsedRequest) -> ProposedPlan:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_plain_instruction_never_waits_for_the_model() -> None:
    model = Scripted(ModelError("never"))
    plan = HybridPlanner(model).plan("make the sky pink", conversation("a hill"))
    assert plan.steps[0].task == "edit_color"
    assert model.asked == 0


def test_the_model_plans_what_the_rules_find_nothing_in() -> None:
    model = Scripted(proposal(step("edit_style", "@1", words="1920s newsreel")))
    plan = HybridPlanner(model).plan("newsreel that, friend", conversation("a hill"))
    assert model.asked == 1
    assert plan.steps[0].task == "edit_style"
    assert "1920s newsreel" in plan.steps[0].instruction


def test_the_model_may_add_to_what_the_rules_find_but_not_leave_out() -> None:
    request = "the lorry to the left, then all in black and white"
    known = conversation("a lorry on a road")
    rules = [s.task for s in HybridPlanner(Scripted(ProposedPlan())).plan(request, known).steps]
    assert rules == ["edit_motion", "grayscale"]

    def planned(*tasks: str) -> list[str]:
        written = proposal(*(step(task, f"${n}" if n else "@1", words="x") for n, task in enumerate(tasks)))
        return [s.task for s in HybridPlanner(Scripted(written)).plan(request, known).steps]

    assert planned("grayscale") == rules
    assert planned("remove", "edit_scene", "restore") == rules
    more = ["edit_motion", "add", "grayscale"]
    assert planned(*more) == more


def test_an_unknown_picture_is_refused_whatever_the_model_says() -> None:
    model = Scripted(proposal(step("grayscale", "@1")))
    with pytest.raises(PlanError, match="@9"):
        HybridPlanner(model).plan("make @9 grey", conversation("a hill"))


def test_without_the_model_the_rules_plan_with_one_note() -> None:
    notes: list[str] = []
    known = replace(conversation("a hill", "a hill at night"), note=notes.append)
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
            planner.propose(ParsedRequest("make it red", conversation("a hill")))


@pytest.mark.parametrize(
    "answer", [proposal(step("remove", "@1"), step("restore")), ModelError("no weights")]
)
@pytest.mark.parametrize(
    "request_", ["newsreel that, friend", "take the first one, add a tree and make it foggy"]
)
def test_a_request_is_read_once(
    request_: str, answer: ProposedPlan | ModelError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules, model, resolver and the check for a plain request each read it anew, up to four times a call."""
    read: list[str] = []
    tokenize = parsed_request.tokenize
    monkeypatch.setattr(
        parsed_request, "tokenize", lambda text, near: read.append(text) or tokenize(text, near)
    )
    with suppress(PlanError):
        HybridPlanner(Scripted(answer)).plan(request_, conversation("a hill", "a hill at night"))
    assert read == [request_]
