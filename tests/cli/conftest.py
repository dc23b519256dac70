"""The command line on a real agent, planner, executor and memory; only the model is a tiny one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ace_agent.cli import main
from tests.tiny import TinyPipeline

Ace = Callable[..., Result]
PLAN = """\
version: 1
vars:
  sky: stormy
steps:
  - task: text_to_image
    instruction: a red car under a ${sky} sky
    seed: 3
  - task: inpaint
    instruction: a cat
    images: [$1]
    mask: {side: left}
"""


class Loaded(TinyPipeline):
    """The tiny model, loaded as the command line loads one."""

    @classmethod
    def from_pretrained(cls, model: str, runtime: object) -> Loaded:
        return cls()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ace(here: Path, own_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Ace:
    """Runs `ace ...` and returns click's result; a failure that was not foreseen is shown."""
    # Standing in before it is imported saves the import of diffusers.
    monkeypatch.setitem(sys.modules, "ace_agent.engines.mini.pipeline", ModuleType("pipeline"))
    monkeypatch.setattr(sys.modules["ace_agent.engines.mini.pipeline"], "ACEPipeline", Loaded, raising=False)
    monkeypatch.setenv("ACE_PLANNER", "rules")

    def run(*args: str, input: str | None = None, status: int = 0) -> Result:
        result = CliRunner().invoke(main, list(args), input=input)
        assert result.exit_code == status, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
        return result

    return run


def json_of(ace: Ace, *args: str, status: int = 0) -> Any:
    """What a command prints with --json."""
    return json.loads(ace(*args, "--json", status=status).stdout)


@pytest.fixture
def talk(ace: Ace) -> Ace:
    """`ace`, in a conversation `cars` of two turns: a red car, then night."""
    ace("a red car", "--seed", "7", "-c", "cars")
    ace("make it night", "--seed", "8")
    return ace


@pytest.fixture
def plan(here: Path) -> str:
    """The name of a plan file with two steps and a variable."""
    (here / "plan.yaml").write_text(PLAN)
    return "plan.yaml"
