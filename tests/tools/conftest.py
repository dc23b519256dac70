"""A pool with the tiny pipeline and the rules, in a workspace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ace_memory.housekeeping import check
from ace_tools.langchain.toolkit import AceToolkit
from ace_tools.sessions import SessionPool
from tests.tiny import TinyPipeline


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def pipeline() -> TinyPipeline:
    return TinyPipeline()


@pytest.fixture
def toolkit(workspace: Path, pipeline: TinyPipeline) -> Iterator[AceToolkit]:
    made = AceToolkit(workspace=workspace, planner="rules", pipeline=pipeline)
    yield made
    with made.pool.session("tools") as session:
        assert check(session.agent.store) == []
    made.pool.close()


@pytest.fixture
def pool(toolkit: AceToolkit) -> SessionPool:
    return toolkit.pool


class Tools:
    """The tools by name, called as an agent calls them."""

    def __init__(self, toolkit: AceToolkit) -> None:
        self._tools = {tool.name: tool for tool in toolkit.get_tools()}

    def __call__(self, name: str, thread: str | None = None, **arguments: Any) -> Any:
        """The ToolMessage of a call."""
        return self._tools[name].invoke(self.call(name, arguments), config_of(thread))

    async def acall(self, name: str, thread: str | None = None, **arguments: Any) -> Any:
        return await self._tools[name].ainvoke(self.call(name, arguments), config_of(thread))

    def __getitem__(self, name: str) -> Any:
        return self._tools[name]

    @staticmethod
    def call(name: str, arguments: dict[str, Any]) -> Any:
        return {"name": name, "args": arguments, "id": "call-1", "type": "tool_call"}


def config_of(thread: str | None) -> Any:
    return {} if thread is None else {"configurable": {"thread_id": thread}}


@pytest.fixture
def tools(toolkit: AceToolkit) -> Tools:
    return Tools(toolkit)
