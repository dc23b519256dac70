"""Asking a chat model: in time, and without what its provider refuses."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from langchain_core.outputs import ChatResult

from ace_agent.errors import InputError, PlanError
from ace_agent.planner.llm.answers import read_answer
from ace_agent.planner.llm.calls import Caller, timeout_of
from tests.planner.llm.scripted import ADD, Scripted

MESSAGES = (("system", "plan"), ("human", "a hat"))


class Refused(Exception):
    status_code = 400


def silently(message: str, share: float) -> None:
    pass


def answered(chat: Scripted) -> bool:
    proposed, _ = read_answer(Caller(chat, "test:chat").ask(MESSAGES, silently))
    return proposed is not None and proposed.steps[0].images == ("@2",)


def test_a_model_that_is_silent_is_given_up_with_progress_shown() -> None:
    class Silent(Scripted):
        def _generate(self, *_: Any, **__: Any) -> ChatResult:
            time.sleep(3)
            raise AssertionError

    shown: list[float] = []
    began = time.monotonic()
    with pytest.raises(PlanError, match=r"did not answer in 0.8 s.*ACE_PLANNER_TIMEOUT"):
        Caller(Silent(answers=[], seen=[]), "test:chat", 0.8).ask(
            MESSAGES, lambda _, share: shown.append(share)
        )
    assert time.monotonic() - began < 2.5
    assert shown and shown == sorted(shown)


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan", "inf"])
def test_the_timeout_is_a_number(text: str) -> None:
    assert timeout_of({}) == 60
    assert timeout_of({"ACE_PLANNER_TIMEOUT": "120"}) == 120
    with pytest.raises(InputError, match="no number of seconds"):
        timeout_of({"ACE_PLANNER_TIMEOUT": text})


def test_a_parameter_that_the_provider_refuses_is_left_out() -> None:
    class Hot(Scripted):
        temperature: float | None = 0.5
        top_p: float | None = 0.9

        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            if self.temperature is not None:
                raise Refused("Unsupported value: 'temperature' does not support 0.5")
            assert self.top_p == 0.9
            return super()._generate(*args, **kwargs)

    chat = Hot(answers=[ADD], seen=[])
    assert answered(chat)
    assert chat.temperature == 0.5  # the caller's own model is left as it is


@pytest.mark.parametrize("said_by", ["langchain", "provider"])
def test_a_model_without_tools_is_given_the_schema(said_by: str) -> None:
    class Plain(Scripted):
        def bind_tools(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError if said_by == "langchain" else Refused("gemma does not support tools")

    chat = Plain(answers=[json.dumps(ADD)], seen=[])
    assert answered(chat)
    assert '"instruction"' in str(chat.seen[0][0].content)


def test_an_error_that_is_about_nothing_of_ours_is_not_tried_again() -> None:
    chat = Scripted(answers=[Refused("the moon is full"), ADD], seen=[])
    with pytest.raises(PlanError, match="the moon is full"):
        answered(chat)
    assert len(chat.seen) == 1
