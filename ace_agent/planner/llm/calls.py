"""One question to a chat model: in time, with progress, and without what its provider refuses."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ace_agent.errors import InputError, PlanError
from ace_agent.planner.llm.failures import provider_failure, status_of
from ace_agent.planner.llm.tool_schema import plan_tool

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TIMEOUT = 60.0
"""Seconds for one answer; ACE_PLANNER_TIMEOUT changes them."""
Message = tuple[str, Any]
"""Who speaks (system, human, ai), and the text, or a list of parts with pictures."""
_TUNING = ("temperature", "top_p", "top_k", "seed", "stop", "frequency_penalty", "presence_penalty")
_TOOLS = ("tool", "function", "schema", "response_format")


class Caller:
    """Asks a chat model for plans.

    Args:
        chat: the model.
        name: what the person calls it.
        timeout: seconds for one answer; None: ACE_PLANNER_TIMEOUT, else `TIMEOUT`.
    """

    def __init__(self, chat: BaseChatModel, name: str, timeout: float | None = None) -> None:
        self._chat = chat
        self._name = name
        self._timeout = timeout if timeout is not None else timeout_of(os.environ)
        self._tools = True

    def ask(self, messages: Sequence[Message], progress: Callable[[str, float], None]) -> Any:
        """The model's next message. It is asked in a thread, so that the person sees time pass and can stop it.

        Raises:
            PlanError: it did not answer in time, or its provider failed.
        """
        answers: queue.Queue[Any] = queue.Queue()

        def ask() -> None:
            try:
                answers.put(self._answer(messages))
            except Exception as error:
                answers.put(error)

        threading.Thread(target=ask, name="planner", daemon=True).start()
        began = time.monotonic()
        while True:
            left = self._timeout - (time.monotonic() - began)
            try:
                answer = answers.get(timeout=max(0.0, min(0.5, left)))
                break
            except queue.Empty:
                if left <= 0:
                    raise PlanError(
                        f"{self._name} did not answer in {self._timeout:g} s",
                        "ACE_PLANNER_TIMEOUT gives it more seconds, --planner rules plans without it",
                    ) from None
                progress(f"asking {self._name}", min(0.99, 1 - left / self._timeout))
        if isinstance(answer, Exception):
            raise provider_failure(self._name, answer) from answer
        return answer

    def _answer(self, messages: Sequence[Message]) -> Any:
        while True:
            try:
                return self._invoke(messages)
            except NotImplementedError:  # langchain's word for a model without tools
                if not self._tools:
                    raise
                self._tools = False
            except Exception as error:
                if not self._does_without(error):
                    raise

    def _invoke(self, messages: Sequence[Message]) -> Any:
        if self._tools:
            return self._chat.bind_tools([plan_tool()]).invoke(list(messages))
        schema = json.dumps(plan_tool()["function"]["parameters"], ensure_ascii=False)
        form = f"Answer with one JSON object of this schema alone:\n{schema}"
        return self._chat.invoke([("system", f"{messages[0][1]}\n\n{form}"), *messages[1:]])

    def _does_without(self, error: Exception) -> bool:
        """Leaves out what a provider says that it does not take; whether there was such a thing."""
        if status_of(error) not in (400, 404, 422):
            return False
        text = str(error).lower()
        refused = [p for p in _TUNING if p in text and getattr(self._chat, p, None) is not None]
        if refused:
            self._chat = self._chat.model_copy(update=dict.fromkeys(refused))
            return True
        if self._tools and any(word in text for word in _TOOLS):
            self._tools = False
            return True
        return False


def timeout_of(environment: os._Environ[str] | dict[str, str]) -> float:
    """The seconds that ACE_PLANNER_TIMEOUT gives. Raises InputError where it is no number above 0."""
    text = environment.get("ACE_PLANNER_TIMEOUT", "")
    try:
        seconds = float(text) if text else TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise InputError(f"ACE_PLANNER_TIMEOUT is no number of seconds: {text!r}", "for example 120")
    return seconds
