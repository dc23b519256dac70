"""The command line on a real agent, planner, executor and memory; only the model is a tiny one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from ace_agent.cli import main
from tests.tiny import TinyPipeline

Ace = Callable[..., Result]


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
