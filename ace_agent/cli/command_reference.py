"""docs/commands.md from the commands' own help: ``python -m ace_agent.cli.command_reference``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ace_agent.cli import main

WIDTH = 100
HEAD = """# Commands

Written by `make docs` from the commands' own help; a test compares the two.
"""


def sections(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """(heading, help at a fixed width) of a command and of those below it."""
    ctx = click.Context(command, parent, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH)
    yield ctx.command_path, command.get_help(ctx)
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            found = command.get_command(ctx, below)
            assert found is not None, f"{below} is listed"
            yield from sections(found, below, ctx)


def document() -> str:
    """The whole page."""
    return HEAD + "".join(
        f"\n## {heading}\n\n```text\n{text}\n```\n" for heading, text in sections(main, "ace")
    )


if __name__ == "__main__":
    click.echo(document(), nl=False)
