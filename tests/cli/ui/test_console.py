"""What a terminal that cannot move its cursor is taken for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="POSIX only")

from ace_agent.cli.record_session import COLUMNS, Terminal
from ace_agent.cli.ui.console import output


def test_a_dumb_terminal_has_its_own_width_and_can_be_asked(tmp_path: Path) -> None:
    """Lines were broken for 80 columns whatever it had, and a plan of many steps ran there without a question."""
    code = "from ace_agent.cli.ui.console import *; print(output().width, notices().width, interactive())"
    environment = {
        **os.environ,
        "TERM": "dumb",
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
    }
    for name in ("COLUMNS", "FORCE_COLOR"):
        environment.pop(name, None)
    terminal = Terminal([sys.executable, "-c", code], environment, tmp_path)
    assert terminal.finish() == 0
    assert terminal.text() == f"{COLUMNS} {COLUMNS} True\n"


@pytest.mark.parametrize("text", ["[red]not markup[/]", "a [bold] path"])
def test_brackets_are_printed_as_they_are(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output().print(text)
    assert capsys.readouterr().out == text + "\n"
