"""The plan language: a proposal reads back as it was written, and the grammar allows nothing else."""

from __future__ import annotations

import llguidance
import pytest

from ace_agent.plan.tasks import TASKS
from ace_agent.planner.instructions import phrase
from ace_agent.planner.interface import Context, KnownImage, handed_over
from ace_agent.planner.llm.plan_language import grammar, parse, prompt, write
from ace_agent.planner.proposal import ProposedPlan
from tests.planner.proposals import proposal, step

PROPOSAL = proposal(
    step("edit_color", "@1", words="make the sky pink"),
    step("inpaint", "$1", mask="@2", words="a pond"),
    step("grayscale", "$2"),
)


def accepts(lark: str, text: str) -> bool:
    tokenizer = llguidance.LLTokenizer("byte")
    matcher = llguidance.LLMatcher(tokenizer, lark)
    assert not matcher.get_error()
    for token in text.encode():
        if not matcher.consume_token(token):
            return False
    return bool(matcher.is_accepting())


def test_a_proposal_reads_back_as_it_was_written() -> None:
    assert write(PROPOSAL) == "edit_color @1: make the sky pink\ninpaint $1 mask @2: a pond\ngrayscale $2:"
    assert parse(write(PROPOSAL)) == PROPOSAL
    assert parse("goto @3") == ProposedPlan(goto="@3")
    assert parse(write(ProposedPlan())) == ProposedPlan()


@pytest.mark.parametrize("text", ["", "sure, here is your plan", "fly @1: away", "edit_color @0: x", "{}"])
def test_nonsense_is_a_refusal(text: str) -> None:
    assert parse(text) == ProposedPlan()


def test_the_grammar_takes_every_proposal_and_only_pictures_that_are_there() -> None:
    lark = grammar(images=2)
    assert accepts(lark, write(PROPOSAL))
    assert accepts(lark, "refuse")
    assert accepts(lark, "goto @2")
    assert not accepts(lark, "goto @3")
    assert not accepts(lark, "edit_color @3: make it red")
    assert not accepts(lark, "hello")
    assert accepts(grammar(images=0), "text_to_image: a fox")
    assert not accepts(grammar(images=0), "goto @1")
    assert accepts(grammar(images=0, inputs=1), "grayscale input:")


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_has_wording_with_and_without_words(task: str) -> None:
    row = TASKS[task]
    said = phrase(task, "a red hat", max(row.min_images, 1))
    assert "a red hat" in said.lower()
    bare = phrase(task, "", row.max_images)
    for text in (said, bare):
        assert "{text}" not in text
        assert "{image1}" not in text or row.max_images > 1


def test_the_prompt_shows_pictures_and_request() -> None:
    known = Context((KnownImage("@1", "image", "a fox", 1),), "@1", ("@1",), handed=handed_over(1))
    text = prompt("make it blue", known)
    assert "@1 a fox" in text
    assert "request: make it blue" in text
    assert "input" in text
