"""`ace search`: find turns by their words."""

from __future__ import annotations

from pathlib import Path

import click

from ace_agent.cli.ui import options


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
    """Find turns whose request or instructions contain these WORDS, latest first."""
    from ace_agent.cli.commands.history import history_table
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.cli.ui.json_records import turn_record
    from ace_agent.cli.ui.open_agent import open_existing

    agent = open_existing(workspace, conversation)
    turns = agent.search(" ".join(words), limit=limit)
    if as_json:
        print_json([turn_record(turn) for turn in turns])
    elif turns:
        console = output()
        console.print(history_table(turns, frozenset(turn.id for turn in agent.turns()), console))
    else:
        output().print("Nothing found.")
