"""Any chat model of LangChain's as a planner. Its valid plan is taken as it is; an invalid one goes back to it."""

from __future__ import annotations

import importlib.util
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from ace_agent.errors import InputError, ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.planner.interface import Act, Context, Question
from ace_agent.planner.llm.answers import fault, read_answer, said
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
TIMEOUT = 60.0
"""Seconds for one answer; ACE_PLANNER_TIMEOUT changes them."""


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
        timeout: seconds for one answer; None: ACE_PLANNER_TIMEOUT, else `TIMEOUT`.
    """

    def __init__(self, model: BaseChatModel | str, timeout: float | None = None) -> None:
        self.name = model if isinstance(model, str) else type(model).__name__
        self._chat = chat_model(model) if isinstance(model, str) else model
        self._timeout = timeout if timeout is not None else _timeout()

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        The code checks that what the plan names is there, and fills in what it leaves out; it changes nothing else.

        Raises:
            PlanError: the model refuses, answers three times with no plan, or cannot be reached.
            Question: the model asks.
            Act: the request makes no new picture.
        """
        text = check_text(request, any_script=True)
        messages = [("system", system_prompt()), ("human", state_message(text, context))]
        wrong = ""
        for _ in range(TRIES):
            answer = self._answer(messages, context)
            proposed, wrong = read_answer(answer, text)
            if proposed is not None:
                wrong = fault(proposed, context)
                if not wrong:
                    try:
                        return self._resolved(proposed, context)
                    except (Act, Question):
                        raise
                    except PlanError as error:
                        if not proposed.steps and proposed.goto is None:
                            raise  # it refused, or asked
                        wrong = str(error)
            messages = [
                *messages,
                ("ai", said(answer) or "(nothing)"),
                (
                    "human",
                    f"That is no plan that can run. {wrong}. Answer again, with the whole plan as JSON.",
                ),
            ]
        raise PlanError(f"{self.name} made no plan: {wrong}"[:240], "try again, or plan with --planner rules")

    def _resolved(self, proposed: ProposedPlan, context: Context) -> Plan:
        if not proposed.steps and proposed.goto is None:
            if proposed.ask:
                raise _question(proposed)
            if proposed.act is not None:
                raise Act(proposed.act)
            if proposed.refuse:
                raise PlanError(_line(proposed.refuse), "say what to draw or what to change")
        steps = tuple(
            step.model_copy(update={"instruction": _line(step.instruction, 300)}) for step in proposed.steps
        )
        tidied = proposed.model_copy(update={"steps": steps, "goto": None if steps else proposed.goto})
        return resolve(tidied, context)

    def _answer(self, messages: list[tuple[str, str]], context: Context) -> Any:
        """The model's message. It is asked in a thread, so that the person sees time pass and can stop it."""
        answers: queue.Queue[Any] = queue.Queue()

        def ask() -> None:
            try:
                answers.put(self._invoke(messages))
            except Exception as error:
                answers.put(error)

        threading.Thread(target=ask, name="planner", daemon=True).start()
        began = time.monotonic()
        while True:
            try:
                answer = answers.get(timeout=0.5)
                break
            except queue.Empty:
                spent = time.monotonic() - began
                if spent > self._timeout:
                    raise PlanError(
                        f"{self.name} did not answer in {self._timeout:.0f} s",
                        "ACE_PLANNER_TIMEOUT gives it more seconds, --planner rules plans without it",
                    ) from None
                context.progress(f"asking {self.name}", min(0.99, spent / self._timeout))
        if isinstance(answer, Exception):
            raise provider_failure(self.name, answer) from answer
        return answer

    def _invoke(self, messages: list[tuple[str, str]]) -> Any:
        try:
            structured = self._chat.with_structured_output(ProposedPlan, include_raw=True)
        except (NotImplementedError, ValueError, TypeError):  # a model without tools writes the JSON itself
            import json

            schema = json.dumps(ProposedPlan.model_json_schema(), ensure_ascii=False)
            head = (
                "system",
                f"{messages[0][1]}\n\nAnswer with one JSON object of this schema alone:\n{schema}",
            )
            return self._chat.invoke([head, *messages[1:]])
        return structured.invoke(messages)["raw"]  # type: ignore[index]


def _timeout() -> float:
    text = os.environ.get("ACE_PLANNER_TIMEOUT", "")
    try:
        return max(1.0, float(text)) if text else TIMEOUT
    except ValueError:
        raise InputError(
            f"ACE_PLANNER_TIMEOUT is no number of seconds: {text!r}", "for example 120"
        ) from None


def _line(text: str, most: int = 200) -> str:
    return " ".join(text.split())[:most]


def _question(proposed: ProposedPlan) -> PlanError:
    """The model's question; its choices say what to ask for, since it made no plans of them."""
    asked = _line(proposed.ask or "")
    way_out = " or ".join(_line(choice, 60) for choice in proposed.choices)
    return PlanError(asked, f"say {way_out}" if way_out else "answer by asking again with more words")
