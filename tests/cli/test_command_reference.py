"""docs/commands.md is the commands' own help."""

from __future__ import annotations

from pathlib import Path

from ace_agent.cli.command_reference import document
from ace_agent.cli.command_table import COMMANDS, is_installed

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "run `make docs`"


def test_every_command_has_an_entry() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, entry in COMMANDS.items():
        if is_installed(entry):
            assert f"## ace {name}\n" in text
