"""A chat model whose answers are scripted; no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ace_agent.planner.interface import Context, KnownImage

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


ADD = {"steps": [step("add", "@2")]}
