"""`ace search`: find turns by their words."""

from __future__ import annotations

from pathlib import Path

import click

from ace_agent.cli import options


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most N."
)
@options.conversation
@options.workspace
@options.as_json
def command(
    words: tuple[str, ...], limit: int, conversation: str | None, workspace: Path | None, as_json: bool
) -> None:
    """Find turns whose request or instructions hold these WORDS, the latest first."""
    from ace_agent.cli.console import output, print_json
    from ace_agent.cli.history import history_table
    from ace_agent.cli.opening import open_existing
    from ace_agent.cli.records import turn_record

    agent = open_existing(workspace, conversation)
    turns = agent.search(" ".join(words), limit=limit)
    if as_json:
        print_json([turn_record(turn) for turn in turns])
    elif turns:
        output().print(history_table(turns, frozenset(turn.id for turn in agent.turns())))
    else:
        output().print("Nothing found.")
