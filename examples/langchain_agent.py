"""A LangChain agent with the tools, which asks a person before it paints.

python examples/langchain_agent.py [WORKSPACE]                  # offline: the chat model follows a script
ACE_CHAT_MODEL=anthropic:claude-sonnet-4-5 python examples/langchain_agent.py   # a hosted model
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from ace_tools import AceToolkit, open_pictures


class Scripted(BaseChatModel):
    """A chat model that answers with its script, line by line, whatever the messages say."""

    script: list[AIMessage]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        line = sum(isinstance(message, AIMessage) for message in messages)
        return ChatResult(generations=[ChatGeneration(message=self.script[line])])


def call(name: str, number: int, **arguments: Any) -> AIMessage:
    """A message of the model that calls a tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{number}"}])


SCRIPT = [
    call("create_image", 1, description="a red car in a meadow", seed=7),
    call("edit_image", 2, instruction="make the car green", image="@1"),
    call("edit_image", 3, instruction="cover everything in mud", image="@2"),
    AIMessage("Here is the green car: @2. I left the mud out, as you wished."),
]


def chat_model() -> BaseChatModel:
    """The hosted model that ACE_CHAT_MODEL names, else the script."""
    name = os.environ.get("ACE_CHAT_MODEL")
    return init_chat_model(name) if name else Scripted(script=SCRIPT)


def decide(request: dict[str, Any]) -> dict[str, Any]:
    """The person's decision on a call; here a rule stands in for the person."""
    print("may I?", request["description"])
    if "mud" in str(request["args"]):
        return {"type": "reject", "message": "No mud, please."}
    return {"type": "approve"}


def main(workspace: Path) -> None:
    toolkit = AceToolkit(workspace=workspace)
    agent = create_agent(
        chat_model(),
        tools=toolkit.get_tools(),
        middleware=[HumanInTheLoopMiddleware(interrupt_on=toolkit.interrupt_on())],
        checkpointer=InMemorySaver(),
    )
    thread: Any = {"configurable": {"thread_id": "green-car"}}
    state = agent.invoke({"messages": [("user", "A red car, then green, then muddy.")]}, thread)
    while "__interrupt__" in state:
        asked = state["__interrupt__"][0].value["action_requests"]
        state = agent.invoke(Command(resume={"decisions": [decide(one) for one in asked]}), thread)

    for message in state["messages"]:
        if message.type == "tool":
            print(f"{message.name}: {message.text}")
            if message.artifact:
                print("  sizes:", [picture.size for picture in open_pictures(message.artifact)])
    print(state["messages"][-1].text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "ace-pictures"))
