"""Importing the tools is quick, and no tool waits for torch before it must paint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def fresh(code: str, tmp_path: Path) -> Any:
    """What a new process prints as JSON."""
    path = os.pathsep.join(str(ROOT / part) for part in ("", "kernels", "memory", "tools"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_imports_are_lazy(tmp_path: Path) -> None:
    """Processor time, not the clock's: other work on the machine is no fault of ours."""
    told = fresh(
        "import json, sys, time; start = time.process_time(); import ace_tools, ace_tools.mcp.command; "
        "print(json.dumps([time.process_time() - start, sorted(sys.modules)]))",
        tmp_path,
    )
    seconds, modules = told
    assert seconds < 0.7
    assert not {"torch", "langchain_core", "mcp", "numpy"} & set(modules)


def test_tools_answer_without_torch(tmp_path: Path) -> None:
    modules = fresh(
        "import json, sys; from ace_tools import AceToolkit\n"
        "tools = {tool.name: tool for tool in AceToolkit(workspace='w').get_tools()}\n"
        "tools['list_images'].invoke({}); tools['edit_image'].invoke({'instruction': 'x', 'image': '/x.png'})\n"
        "print(json.dumps(sorted(sys.modules)))",
        tmp_path,
    )
    assert not {"torch", "langgraph", "langchain", "mcp", "transformers"} & set(modules)
