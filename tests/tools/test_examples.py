"""The examples and every block of Python in the docs run as they are, on the tiny pipeline."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import mcp.client.stdio  # noqa: F401  (keeps the sys.stderr of its import, which must be a file)
import pytest

from ace_agent.agent import conversations
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_tools.mcp.command import command
from ace_tools.operations import OPERATIONS
from tests.tiny import TinyPipeline

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/tools.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tiny pipeline in place of the weights, also behind a command called `ace`; rules for a planner."""
    monkeypatch.setattr(ACEPipeline, "from_pretrained", lambda *args, **kwargs: TinyPipeline())
    monkeypatch.setattr("ace_agent.planner.factory.make_planner", rules)
    monkeypatch.setattr("ace_tools.worker._shared", {})
    monkeypatch.delenv("ACE_CHAT_MODEL", raising=False)
    roots = [str(ROOT), *(str(ROOT / part) for part in ("kernels", "memory", "tools"))]
    script = tmp_path / "bin/ace"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport runpy, sys\nsys.path[:0] = {roots!r}\n"
        "assert sys.argv.pop(1) == 'mcp'\nrunpy.run_module('tests.tools.tiny_server', run_name='__main__')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    monkeypatch.chdir(tmp_path)


def rules(name: str = "auto") -> Any:
    from ace_agent.planner.rules.rule_planner import RulePlanner

    return RulePlanner()


def run(name: str, *arguments: str) -> None:
    """An example, as a program."""
    before = sys.argv
    sys.argv = [name, *arguments]
    try:
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    finally:
        sys.argv = before


def test_every_example_is_listed_and_tested() -> None:
    listed = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    source = Path(__file__).read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert f"({path.name})" in listed
        assert f'run("{path.name}"' in source


def test_plain_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("plain_python.py", "w")
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "@1 (32, 32)"
    assert told[1:3] == ["1 a red car in a meadow ['@1']", "2 make the car green ['@2']"]
    assert "@99" in told[-1]
    assert (tmp_path / "w/green-car.png").is_file()


def test_a_langchain_agent_asks_before_it_paints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("langchain_agent.py", "w")
    told = capsys.readouterr().out
    assert told.count("may I?") == 3
    assert "may I? Create a picture: description = 'a red car in a meadow', seed = 7" in told
    assert "edit_image: Made @2 (32 x 32 pixels" in told
    assert "No mud, please." in told
    assert told.splitlines()[-1].startswith("Here is the green car: @2.")
    [row] = conversations(tmp_path / "w")
    assert (row.name, row.turns) == ("green-car", 2), "what was refused was never begun"


def test_a_hosted_chat_model_takes_the_place_of_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ACE_CHAT_MODEL is resolved by LangChain; what it answers with here is the script under another name."""
    example = runpy.run_path(str(ROOT / "examples/langchain_agent.py"))
    asked: list[str] = []

    def hosted(name: str, **options: Any) -> Any:
        asked.append(name)
        return example["Scripted"](script=example["SCRIPT"])

    monkeypatch.setattr("langchain.chat_models.init_chat_model", hosted)
    monkeypatch.setenv("ACE_CHAT_MODEL", "anthropic:claude-sonnet-4-5")
    run("langchain_agent.py", "w")
    assert asked == ["anthropic:claude-sonnet-4-5"]
    assert "edit_image: Made @2 (32 x 32 pixels" in capsys.readouterr().out


def test_a_graph_pauses_between_plan_and_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("langgraph_node.py", "w")
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "step 1: text_to_image: a red car in a meadow"
    assert "step 2: add: Add a tree to {image}." in told
    [row] = conversations(tmp_path / "w")
    assert (row.name, row.turns) == ("meadow", 2)


@pytest.mark.slow
def test_an_mcp_client(capsys: pytest.CaptureFixture[str]) -> None:
    run("mcp_client.py")
    told = capsys.readouterr().out
    assert f"tools: {', '.join(OPERATIONS)}" in told
    assert "a block of image" in told and "100% done" in told
    assert "error" in told and "no picture @99" in told
    assert "bytes of image/png" in told


def test_ten_pairs_are_a_table_that_can_be_trained_on(tmp_path: Path) -> None:
    from ace_agent.data.pairs import PairsFile

    run("ten_pairs.py", "pairs")
    samples = PairsFile(tmp_path / "pairs/pairs.csv")
    assert [len(samples), samples[0].turns[0].task] == [10, "edit_general"]


def test_the_code_of_the_docs_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also the one for a hosted chat model, which a script stands in for."""
    example = runpy.run_path(str(ROOT / "examples/langchain_agent.py"))
    script = [*example["SCRIPT"][:2], example["SCRIPT"][-1]]
    monkeypatch.setattr(
        "langchain.agents.factory.init_chat_model", lambda name: example["Scripted"](script=script)
    )
    blocks = BLOCK.findall(DOCS)
    assert len(blocks) >= 10
    for kind, code in blocks:
        if kind == "json":
            assert json.loads(code)
        elif kind == "python":
            line = DOCS[: DOCS.index(code)].count("\n")
            compiled = compile("\n" * line + code, "docs/tools.md", "exec")
            exec(compiled, {"__name__": "docs"})
    told = capsys.readouterr().out
    assert (
        'Made @1 (32 x 32 pixels, seed 7, file pictures/tools/1.png), text_to_image: "a red car in a meadow"'
        in told
    )
    assert "['text', 'image']" in told
    assert (tmp_path / "ace-pictures/memory.db").is_file()


def test_the_docs_name_every_tool_and_option() -> None:
    for name in OPERATIONS:
        assert f"| `{name}` |" in DOCS
    known = {option for param in command.params for option in param.opts}
    for option in re.findall(r"ace mcp[^\n`]*?(--[a-z-]+)", DOCS):
        assert option in known
