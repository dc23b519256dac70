"""A chat model as planner: valid plans pass, others go back, and what is no plan says so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ace_agent.errors import ModelError, PlanError
from ace_agent.evaluation.planner.request_files import load
from ace_agent.evaluation.planner.scoring import evaluate
from ace_agent.plan import Plan
from ace_agent.planner.factory import make_planner
from ace_agent.planner.interface import Act, Context, Question
from ace_agent.planner.llm.chat_model import ChatPlanner, chat_model
from ace_agent.planner.named_images import plan_on
from benchmarks.planner import StandIn
from tests.planner.llm.scripted import ADD, FARM, Scripted, step

ROOT = Path(__file__).parents[3]


def planned(*answers: Any, request: str = "a red hat on it", context: Context = FARM) -> Plan:
    return ChatPlanner(Scripted(answers=list(answers), seen=[])).plan(request, context)


def test_an_answer_becomes_a_checked_plan() -> None:
    chat = Scripted(answers=[{"steps": [step("add", "@1"), step("grayscale", "$1", words="")]}], seen=[])
    plan = ChatPlanner(chat).plan("a red hat on the barn picture, then no colour", FARM)
    assert [(s.task, s.images) for s in plan.steps] == [("add", ("@1",)), ("grayscale", ("$1",))]
    asked = str(chat.seen[0][-1].content)
    assert '"id": "@1", "kind": "photo or file", "description": "a barn"' in asked


@pytest.mark.parametrize(
    ("nonsense", "why"),
    [
        ("I would love to help!", "no JSON object"),
        ("", "empty"),
        ({"steps": [step("fly", "@1")]}, r"steps\[0\].task: there is no task 'fly'"),
        ({"steps": [step("add", "@9")]}, r"steps\[0\].images: there is no @9 .* there are: @1, @2"),
        ({"steps": [step("try_on", "@1")]}, "try_on needs 2 pictures"),
        ({"goto": "@7", "steps": []}, "goto: there is no picture @7"),
        ({"steps": [step("add", "@1")], "settings": {"variations": 99}}, "variations: .* 16"),
        ({"steps": [step("add", "@1")], "settings": {"size": [5, 5]}}, "each side is 16 to 4096 pixels"),
        ({"steps": [{**step("outpaint", "@1"), "region": "the sky"}]}, "grows towards a side"),
        ({"steps": []}, "nothing is proposed"),
    ],
)
def test_an_answer_that_is_no_plan_goes_back_with_itself_and_the_reason(nonsense: Any, why: str) -> None:
    chat = Scripted(answers=[nonsense, nonsense, ADD], seen=[])
    assert ChatPlanner(chat).plan("a red hat on it", FARM).steps[0].task == "add"
    *_, theirs, reason = chat.seen[1]
    assert theirs.type == "ai" and reason.type == "human"
    if isinstance(nonsense, dict):
        assert json.loads(str(theirs.content)) == nonsense
    assert re.search(why, str(reason.content))
    assert len(chat.seen[2]) == 6
    chat = Scripted(answers=[nonsense] * 3, seen=[])
    with pytest.raises(PlanError, match="made no plan") as refusal:
        ChatPlanner(chat).plan("a red hat on it", FARM)
    assert "\n" not in str(refusal.value)


def test_what_a_model_chats_instead_of_a_plan_is_shown() -> None:
    with pytest.raises(PlanError, match="it said: I would love to help!"):
        planned(*["I would love\nto help!"] * 3)


@pytest.mark.parametrize(
    "answer", [{"refuse": "that is about food"}, "I'm sorry, I can't do that: it is about food."]
)
def test_a_refusal_is_one_line(answer: Any) -> None:
    with pytest.raises(PlanError, match="about food"):
        planned(answer, request="bake bread")


def test_part_of_a_request_is_planned_and_the_rest_is_said() -> None:
    notes: list[str] = []
    answer = {**ADD, "refuse": "animations cannot be made", "act": "save", "file": "hat.png"}
    plan = planned(answer, context=replace(FARM, note=notes.append))
    assert plan.steps[0].task == "add"
    assert notes == ["left out: animations cannot be made", "not done yet: ace show @last -o hat.png"]


def test_back_to_an_earlier_picture_alone_and_before_steps() -> None:
    assert planned({"steps": [], "goto": "@1"}).goto == "@1"
    both = planned({"goto": "@1", "steps": [step("add", "@1")]})
    assert both.goto == "@1" and both.steps[0].images == ("@1",)
    assert planned({"act": "undo"}).goto == "@1"
    with pytest.raises(PlanError, match="nothing to undo"):
        planned({"act": "undo"}, context=Context())


ASKED = {"ask": "Which cow?", "choices": ["the left one", "the right one"]}


def test_a_question_with_choices_makes_the_plan_of_the_one_that_is_chosen() -> None:
    chat = Scripted(answers=[ASKED, ADD], seen=[])
    with pytest.raises(Question, match=r"Which cow\?") as question:
        ChatPlanner(chat).plan("paint the cow", FARM)
    assert [choice.label for choice in question.value.choices] == ASKED["choices"]
    assert len(chat.seen) == 1
    second = question.value.choices[1]
    assert second.plan.steps[0].images == ("@2",) and second.plan is second.plan
    assert "the right one" in str(chat.seen[1][-1].content)
    assert "Which cow?" in str(chat.seen[1][-2].content)


def test_a_model_that_goes_on_asking_is_not_followed() -> None:
    with pytest.raises(Question) as question:
        planned(ASKED, ASKED, request="paint the cow")
    with pytest.raises(PlanError) as again:
        _ = question.value.choices[0].plan
    assert not isinstance(again.value, Question)
    assert "the left one or the right one" in again.value.hint


@pytest.mark.parametrize("answer", [{"ask": "Which cow?"}, "Which cow?"])
def test_a_question_without_choices_is_an_error_with_it(answer: Any) -> None:
    with pytest.raises(PlanError, match=r"Which cow\?") as asked:
        planned(answer)
    assert not isinstance(asked.value, Question)


def test_requests_that_make_no_picture() -> None:
    with pytest.raises(Act) as again:
        planned({"act": "again"})
    assert again.value.name == "again"
    with pytest.raises(Act) as save:
        planned({"act": "save", "pictures": ["@1"], "file": "barn.png"})
    assert (save.value.name, save.value.images, save.value.file) == ("save", ("@1",), "barn.png")
    with pytest.raises(Act) as talk:
        planned({"answer": "You are welcome."})
    assert (talk.value.name, talk.value.said) == ("talk", "You are welcome.")


def test_other_scripts_go_to_the_model() -> None:
    assert planned(ADD, request="给奶牛戴上红帽子").steps[0].task == "add"


def test_the_model_s_nouns_stand_and_those_never_seen_are_said() -> None:
    """A puppy once became a dog in the plan of a hosted model."""
    notes: list[str] = []
    context = replace(FARM, vocabulary=frozenset({"dog", "cow", "barn", "dolphin"}), note=notes.append)
    answer = {"steps": [step("add", "@2", words="a puppy"), step("add", "$1", words="a walrus")]}
    plan = planned(answer, context=context)
    assert [s.instruction for s in plan.steps] == ["Add a puppy to {image}.", "Add a walrus to {image}."]
    assert any("walrus" in note for note in notes)


def test_pictures_that_the_caller_names_are_used_in_the_model_s_order() -> None:
    """The caller's order once replaced the order of roles: the hat's picture became the base."""
    dressed = {"steps": [step("try_on", "@2", "@1")]}
    chat = Scripted(answers=[ADD, dressed], seen=[])
    plan = plan_on(ChatPlanner(chat), "put this on her", FARM, ["@1", "@2"])
    assert plan.steps[0].images == ("@2", "@1")
    assert '"named": ["@1", "@2"]' in str(chat.seen[0][-1].content)
    assert "no step takes @1" in str(chat.seen[1][-1].content)
    chat = Scripted(answers=[{"steps": [step("text_to_image")]}, ADD], seen=[])
    assert plan_on(ChatPlanner(chat), "a red fox", FARM, []).steps[0].images == ("@2",)
    assert plan_on(ChatPlanner(chat), "a hat", FARM, ["@9"]).steps[0].images == ("@9",)


SETS = [ROOT / "tests/planner/data/fresh.jsonl", ROOT / "assets/planner/dev_harold.jsonl"]


@pytest.mark.parametrize("file", SETS, ids=lambda file: file.stem)
def test_a_model_that_answers_rightly_is_followed_in_all_requests(file: Path) -> None:
    """The rules once put their own pictures and words in place of ten right answers of 137."""
    requests = load(file)
    report = evaluate(ChatPlanner(StandIn(requests=requests)), requests)
    assert [outcome.request.id for outcome in report.missed] == []


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ModelError) as missing:
        chat_model("mistralai:small")
    assert "pip install langchain-mistralai" in missing.value.hint
    with pytest.raises(ModelError) as missing:
        make_planner("ollama:qwen3")
    assert "ace-agent[ollama]" in missing.value.hint
    with pytest.raises(PlanError, match="no planner 'best'"):
        make_planner("best")
