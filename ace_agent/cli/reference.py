"""docs/commands.md from the commands' own help: ``python -m ace_agent.cli.reference``."""

from __future__ import annotations

import click

from ace_agent.cli import main
from ace_agent.cli.group import COMMANDS

WIDTH = 100
HEAD = """# Commands

Written by `make docs` from the commands' own help; a test compares the two.
"""


def help_of(command: click.Command, *names: str) -> str:
    """The help text of one command, at a fixed width."""
    ctx: click.Context | None = None
    for name in ("ace", *names[:-1]):
        ctx = click.Context(main, parent=ctx, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH)
    if names:
        ctx = click.Context(
            command, parent=ctx, info_name=names[-1], max_content_width=WIDTH, terminal_width=WIDTH
        )
    assert ctx is not None
    return command.get_help(ctx)


def sections() -> list[tuple[str, str]]:
    """(heading, help) of the main command and of every command that belongs to this package."""
    found = [("ace", help_of(main))]
    ctx = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(ctx, name)
        if command is not None:
            found.append((f"ace {name}", help_of(command, name)))
    return found


def document() -> str:
    """The whole page."""
    return HEAD + "".join(f"\n## {heading}\n\n```text\n{text}\n```\n" for heading, text in sections())


if __name__ == "__main__":
    click.echo(document(), nl=False)
