"""LangChain's own tests of a tool, for each of ours."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from ace_tools.langchain.toolkit import AceToolkit
from ace_tools.langchain.tools import AceTool
from ace_tools.operations import OPERATIONS
from ace_tools.sessions import SessionPool
from tests.tiny import TinyPipeline

EXAMPLES: dict[str, dict[str, Any]] = {
    "create_image": {"description": "a red car", "seed": 3},
    "edit_image": {"instruction": "make the car green", "image": "@1"},
    "analyze_image": {"kind": "depth", "image": "@1"},
    "run_plan": {"plan": {"steps": [{"task": "text_to_image", "instruction": "a red car"}]}},
    "list_images": {"limit": 5},
    "show_image": {"image": "@1"},
    "undo": {"turns": 1},
}


def test_every_tool_has_an_example() -> None:
    assert set(EXAMPLES) == set(OPERATIONS)


class _OneTool:
    """A tool of a pool that has a picture to work on."""

    name: str
    pool: SessionPool

    @pytest.fixture(autouse=True)
    def _pool(self, tmp_path: Path) -> Iterator[None]:
        toolkit = AceToolkit(workspace=tmp_path, planner="rules", pipeline=TinyPipeline())
        for description in ("a blue car", "a red car", "a green car"):
            toolkit.get_tools()[0].invoke({"description": description})
        self.pool = toolkit.pool
        yield
        self.pool.close()

    @property
    def tool_constructor(self) -> type[BaseTool]:
        return AceTool

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"operation": self.name, "pool": self.pool}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return EXAMPLES[self.name]


def _suites() -> Iterator[type]:
    for name in EXAMPLES:
        title = "".join(word.capitalize() for word in name.split("_"))
        for kind, base in (("Unit", ToolsUnitTests), ("Integration", ToolsIntegrationTests)):
            yield type(f"Test{title}{kind}", (_OneTool, base), {"name": name})


for _name, _test in vars(ToolsIntegrationTests).items():
    if inspect.iscoroutinefunction(_test):
        pytest.mark.asyncio(_test)
globals().update({suite.__name__: suite for suite in _suites()})
