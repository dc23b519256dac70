"""Progress reaches LangChain's callbacks and LangGraph's custom stream, sync and async."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langgraph.graph import START, MessagesState, StateGraph

from ace_tools.langchain.progress import EVENT
from ace_tools.langchain.toolkit import AceToolkit


class Listener(BaseCallbackHandler):
    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.heard.append((name, data["fraction"]))

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        self.heard.append(("end", 1.0))


class AsyncListener(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []

    async def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.heard.append((name, data["fraction"]))

    async def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        self.heard.append(("end", 1.0))


def check(heard: list[tuple[str, float]]) -> None:
    fractions = [fraction for _, fraction in heard]
    assert fractions == sorted(fractions) and fractions[0] < 0.5 and len(fractions) >= 4
    assert [name for name, _ in heard] == [EVENT] * (len(heard) - 1) + ["end"]


def test_progress_reaches_callbacks(tools: Any) -> None:
    listener = Listener()
    tools["create_image"].invoke({"description": "a red car"}, {"callbacks": [listener]})
    check(listener.heard)


@pytest.mark.asyncio
async def test_progress_reaches_async_callbacks(tools: Any) -> None:
    listener = AsyncListener()
    await tools["create_image"].ainvoke({"description": "a red car"}, {"callbacks": [listener]})
    check(listener.heard)


@pytest.mark.asyncio
async def test_progress_is_in_streamed_events(tools: Any) -> None:
    events = [
        event
        async for event in tools["create_image"].astream_events({"description": "a red car"}, version="v2")
    ]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "on_tool_start" and kinds[-1] == "on_tool_end"
    assert kinds.count("on_custom_event") >= 4


@pytest.mark.asyncio
async def test_a_graphs_custom_stream(toolkit: AceToolkit) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("ace", toolkit.as_runnable())
    graph.add_edge(START, "ace")
    app = graph.compile()
    given = {"messages": [("user", "a red car in a meadow")]}
    told = list(app.stream(given, stream_mode="custom"))
    assert told[0][EVENT]["fraction"] < told[-1][EVENT]["fraction"] == 1.0
    again = [one async for one in app.astream(given, stream_mode="custom")]
    assert again[-1][EVENT]["fraction"] == 1.0
