"""Reading a chat model's answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from ace_agent.planner.llm.answers import read_answer, said
from tests.planner.llm.scripted import ADD, step

TEXT = json.dumps(ADD)


@pytest.mark.parametrize(
    "wrapped",
    [
        TEXT,
        f"Sure! Here is the plan:\n```json\n{json.dumps(ADD, indent=1)}\n```\nHave fun.",
        f"```\n{TEXT}\n```",
        f"The plan: {TEXT} does that.",
        f"For {{input}} [as asked]: {TEXT}",
        f'<think>perhaps {{"steps": []}}?</think>{TEXT}',
        f"perhaps {{}}</think>\n{TEXT}",
        json.dumps({"name": "ProposedPlan", "arguments": ADD}),
        json.dumps({"plan": ADD}),
        json.dumps(ADD["steps"]),
        json.dumps(ADD["steps"][0]),
        json.dumps(
            {**ADD, "goto": None, "ask": None, "choices": None, "settings": None, "reasoning": "easy"}
        ),
        [{"type": "text", "text": "Here:"}, {"type": "text", "text": TEXT}],
    ],
)
def test_json_is_found_however_it_is_wrapped(wrapped: Any) -> None:
    proposed, wrong = read_answer(AIMessage(content=wrapped))
    assert wrong == ""
    assert proposed is not None and proposed.steps[0].images == ("@2",) and proposed.ask is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"steps": [{"task": "add"}]}, "steps[0].instruction: Field required"),
        (
            {"steps": [{**step("add"), "images": "@1"}]},
            'steps[0].images: Input should be a valid tuple, not "@1"',
        ),
        ({"steps": [{**step("rotate", "@1"), "options": {"degrees": 9999}}]}, "steps[0].options: degrees"),
        ({"steps": [{**step("add", "@1"), "size": [512, 512]}]}, "steps[0].size: belongs into settings"),
        ({"steps": [{**step("add", "@1"), "engine": "x"}]}, "steps[0].engine: is no field of a step"),
        ({"steps": [step("add", "@1")], "seed": 4}, "seed: belongs into settings"),
        ({"steps": [step("add", "@1")], "settings": {"colour": 4}}, "settings.colour: is no setting"),
        ({"act": "dance"}, "act: Input should be"),
        ({"thoughts": "none"}, "none of a plan's fields"),
    ],
)
def test_what_is_wrong_names_the_field_and_what_was_there(answer: dict[str, Any], why: str) -> None:
    proposed, wrong = read_answer(AIMessage(content=json.dumps(answer)))
    assert proposed is None
    assert why in (wrong if "none of" not in why else wrong or why)


def test_a_plan_that_breaks_off_is_not_read_as_its_first_step() -> None:
    """Its whole steps stood inside what was left of it."""
    cut = json.dumps({"steps": [step("add", "@1"), step("remove", "$1")]})[:-20]
    proposed, wrong = read_answer(AIMessage(content=cut))
    assert proposed is None and wrong.startswith("the JSON cannot be read")


def test_a_tool_call_that_breaks_off_goes_back_as_it_was() -> None:
    call = {
        "name": "ProposedPlan",
        "args": '{"steps": [',
        "id": "1",
        "error": "cut",
        "type": "invalid_tool_call",
    }
    message = AIMessage(content="", invalid_tool_calls=[call])
    assert read_answer(message)[1].startswith("the JSON cannot be read")
    assert said(message) == '{"steps": ['


def test_several_tool_calls_are_not_one_plan() -> None:
    calls = [{"name": "ProposedPlan", "args": ADD, "id": str(n), "type": "tool_call"} for n in range(2)]
    message = AIMessage(content="", tool_calls=calls)
    assert "in one" in read_answer(message)[1]
    assert said(message) == f"{TEXT}\n{TEXT}"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("I can’t help with that.", "refuse"),
        ("Sorry, that is not possible.", "refuse"),
        ("We are unable to do this.", "refuse"),
        ("Do you mean the left\nor the right cow?", "ask"),
    ],
)
def test_plain_words_that_refuse_or_ask(words: str, field: str) -> None:
    proposed, _ = read_answer(AIMessage(content=words))
    assert proposed is not None and getattr(proposed, field)
    assert not proposed.steps


def test_a_refusal_in_a_provider_s_own_field() -> None:
    proposed, _ = read_answer(AIMessage(content="", additional_kwargs={"refusal": "I will not."}))
    assert proposed is not None and proposed.refuse == "I will not."


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, "[ ] { } " * 20_000, "<think>" * 20_000])
def test_an_answer_that_runs_wild_is_no_plan(text: str) -> None:
    assert read_answer(AIMessage(content=text))[0] is None
