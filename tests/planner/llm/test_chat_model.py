"""A chat model as planner, with a scripted chat model; no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan.tasks import TASKS
from ace_agent.planner.factory import make_planner
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.llm.chat_model import ChatPlanner, chat_model, system_prompt

FARM = Context(
    (KnownImage("@1", "image", "a barn", 1), KnownImage("@2", "image", "a cow", 2)), "@2", ("@1", "@2")
)


class Scripted(BaseChatModel):
    """A chat model that calls the plan tool with the next of its answers, or says words instead."""

    answers: list[Any]
    seen: list[list[BaseMessage]]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.seen.append(messages)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            message = AIMessage(content=answer)
        else:
            call = {"name": "ProposedPlan", "args": answer, "id": "1", "type": "tool_call"}
            message = AIMessage(content="", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


def step(task: str, *images: str, words: str = "a red hat") -> dict[str, Any]:
    return {"task": task, "images": list(images), "instruction": words}


def test_an_answer_becomes_a_checked_plan() -> None:
    chat = Scripted(answers=[{"steps": [step("add", "@1"), step("grayscale", "$1", words="")]}], seen=[])
    plan = ChatPlanner(chat).plan("a red hat on the barn picture, then no colour", FARM)
    assert [(s.task, s.images) for s in plan.steps] == [("add", ("@1",)), ("grayscale", ("$1",))]
    asked = str(chat.seen[0][-1].content)
    assert "@1 (image): a barn" in asked


@pytest.mark.parametrize("nonsense", ["I would love to help!", "", {"steps": [step("fly", "@1")]}])
def test_nonsense_is_sent_back_once_then_refused(nonsense: Any) -> None:
    chat = Scripted(answers=[nonsense, {"steps": [step("add", "@2")]}], seen=[])
    assert ChatPlanner(chat).plan("a red hat on it", FARM).steps[0].task == "add"
    chat = Scripted(answers=[nonsense, nonsense], seen=[])
    with pytest.raises(PlanError) as refusal:
        ChatPlanner(chat).plan("a red hat on it", FARM)
    assert "\n" not in str(refusal.value)


def test_a_refusal_and_a_goto() -> None:
    chat = Scripted(answers=[{"steps": [], "refuse": "that is about food"}], seen=[])
    with pytest.raises(PlanError, match="food"):
        ChatPlanner(chat).plan("bake bread", FARM)
    chat = Scripted(answers=[{"steps": [], "goto": "@1"}], seen=[])
    assert ChatPlanner(chat).plan("back to the barn", FARM).goto == "@1"


def test_an_unreachable_model_is_an_error_of_one_line() -> None:
    chat = Scripted(answers=[ConnectionError("refused\nTraceback")], seen=[])
    with pytest.raises(PlanError, match="does not answer: refused"):
        ChatPlanner(chat).plan("a hat", FARM)


def test_the_system_prompt_has_every_task() -> None:
    text = system_prompt()
    assert all(f"- {task} (" in text for task in TASKS)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ModelError) as missing:
        chat_model("mistralai:small")
    assert "pip install langchain-mistralai" in missing.value.hint
    with pytest.raises(ModelError) as missing:
        make_planner("ollama:qwen3")
    assert "ace-agent[ollama]" in missing.value.hint
    with pytest.raises(PlanError, match="no planner 'best'"):
        make_planner("best")
