"""Any chat model of LangChain's as a planner. Its valid plan is taken as it is; an invalid one goes back to it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.plan.schema import first_problem
from ace_agent.planner.english.vocabulary import reword
from ace_agent.planner.interface import Act, Choice, Context, Question
from ace_agent.planner.llm.answers import read_answer, said, text_of
from ace_agent.planner.llm.calls import Caller, Message
from ace_agent.planner.llm.completion import fault
from ace_agent.planner.llm.failures import provider_failure
from ace_agent.planner.llm.prompt import state_message, system_prompt
from ace_agent.planner.proposal import ProposedPlan
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.refusals import check_text

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PACKAGES = {
    "openai": "langchain-openai", "anthropic": "langchain-anthropic", "ollama": "langchain-ollama",
    "google_genai": "langchain-google-genai", "google_vertexai": "langchain-google-vertexai",
    "mistralai": "langchain-mistralai", "groq": "langchain-groq", "huggingface": "langchain-huggingface",
}  # fmt: skip
"""Providers and the packages of their chat models."""
TRIES = 3
"""An answer that is no plan is sent back at most twice."""
MAX_CHOICES = 5


def chat_model(name: str) -> BaseChatModel:
    """A chat model by LangChain's ``provider:model``.

    Raises:
        ModelError: when the provider's package is missing, or the model cannot be set up (no key, say).
    """
    from langchain.chat_models import init_chat_model

    provider, _, model = name.partition(":")
    if not model:
        raise ModelError(f"{name!r} names no model", "write provider:model, like ollama:qwen3")
    package = PACKAGES.get(provider, f"langchain-{provider.replace('_', '-')}")
    if provider in PACKAGES and importlib.util.find_spec(package.replace("-", "_")) is None:
        extra = provider if provider in ("openai", "anthropic", "ollama") else ""
        install = f"pip install 'ace-agent[{extra}]'" if extra else f"pip install {package}"
        raise ModelError(f"the planner {name} needs {package}", install)
    try:
        made: BaseChatModel = init_chat_model(name)  # no temperature: some models refuse any
    except ImportError as error:
        raise ModelError(f"the planner {name} needs {package}", f"pip install {package}") from error
    except Exception as error:
        failure = provider_failure(name, error)
        raise ModelError(f"the planner {name} cannot be set up: {failure.message}", failure.hint) from error
    return made


class ChatPlanner:
    """Plans with a chat model.

    Args:
        model: a chat model, or its ``provider:model`` name.
        timeout: seconds for one answer; None: ACE_PLANNER_TIMEOUT, else 60.
    """

    binds_named = True

    def __init__(self, model: BaseChatModel | str, timeout: float | None = None) -> None:
        self.name = model if isinstance(model, str) else type(model).__name__
        self._caller = Caller(chat_model(model) if isinstance(model, str) else model, self.name, timeout)

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        The code checks that what the plan names is there, and fills in what it leaves out; it changes nothing else.

        Raises:
            PlanError: the model refuses, answers three times with no plan, or cannot be reached.
            Question: the model asks; a choice's plan is made once it is taken.
            Act: the request makes no new picture.
        """
        text = check_text(request, any_script=True)
        messages = (("system", system_prompt()), ("human", state_message(text, context)))
        return self._planned(messages, text, context)

    def _planned(
        self, messages: Sequence[Message], request: str, context: Context, answered: bool = False
    ) -> Plan:
        """The plan that the model gives to these messages; `answered`: it has asked already."""
        for _ in range(TRIES):
            answer = self._caller.ask(messages, context.progress)
            proposed, wrong = read_answer(answer, request)
            if proposed is not None and not (wrong := fault(proposed, context)):
                if proposed.steps or proposed.goto is not None:
                    try:
                        return _carried_out(proposed, context)
                    except PlanError as error:
                        wrong = str(error)
                    except ValidationError as error:
                        wrong = first_problem(error)
                elif proposed.ask and proposed.choices and not answered:
                    raise self._question(proposed, [*messages, ("ai", said(answer))], request, context)
                elif proposed.act != "undo":
                    raise _no_plan(proposed)
                elif len(context.path) > 1:
                    return Plan(goto=context.path[-2])
                else:
                    raise PlanError("there is nothing to undo")
            reason = f"That is no plan that can run. {wrong}. Answer again, with the whole plan."
            messages = [*messages, ("ai", said(answer) or "(nothing)"), ("human", reason)]
        words = "" if proposed is not None else _line(text_of(answer), 120)
        heard = f"; it said: {words}" if words and not words.startswith(("{", "[", "`")) else ""
        raise PlanError(
            f"{self.name} made no plan: {wrong[:200]}{heard}", "try again, or plan with --planner rules"
        )

    def _question(
        self, proposed: ProposedPlan, messages: Sequence[Message], request: str, context: Context
    ) -> Question:
        """The model's question. The plan of a choice is asked for when it is taken."""

        def plan(choice: str) -> Plan:
            reply = ("human", f"The answer to your question: {choice}. Plan the request with it.")
            return self._planned([*messages, reply], request, context, answered=True)

        labels = [_line(choice, 80) for choice in proposed.choices[:MAX_CHOICES]]
        return Question(
            _line(proposed.ask or ""), tuple(Choice(label, partial(plan, label)) for label in labels)
        )


def _carried_out(proposed: ProposedPlan, context: Context) -> Plan:
    """The plan, in the model's words. What it leaves out, and nouns that the image model never saw, are noted."""
    plan = resolve(proposed, replace(context, vocabulary=None))
    for step in plan.steps:
        reword(step.instruction, context.vocabulary, context.note)
    if proposed.refuse:
        context.note(f"left out: {_line(proposed.refuse)}")
    if proposed.act is not None:
        act = "undo" if proposed.act == "undo" else _act(proposed).hint
        context.note(f"not done yet: {act}")
    return plan


def _act(proposed: ProposedPlan) -> Act:
    assert proposed.act is not None and proposed.act != "undo"
    return Act(proposed.act, proposed.pictures, proposed.file or "")


def _no_plan(proposed: ProposedPlan) -> PlanError:
    """What a model says instead of a plan."""
    if proposed.ask:
        way_out = " or ".join(_line(choice, 60) for choice in proposed.choices)
        return PlanError(_line(proposed.ask), f"say {way_out}" if way_out else "ask again with more words")
    if proposed.act is not None:
        return _act(proposed)
    if proposed.answer:
        return Act("talk", said=_line(proposed.answer, 400))
    return PlanError(_line(proposed.refuse or ""), "say what to draw or what to change")


def _line(text: str, most: int = 200) -> str:
    return " ".join(text.split())[:most]
