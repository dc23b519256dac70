"""`ace history`: the turns of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ace_agent.cli.ui import options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ace_agent.agent import Turn


def history_table(turns: Sequence[Turn], path: frozenset[int], console: Console) -> Table:
    """One row a turn, marked ● on the way to the tip, whose ids `path` holds, and ○ elsewhere."""
    from rich.table import Table
    from rich.text import Text

    from ace_agent.cli.ui.console import can_encode

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_column(style="bold cyan", overflow="fold")
    marks = "●○" if can_encode(console, "●○") else "*-"
    numbers = {turn.id: turn.number for turn in turns}
    previous: int | None = None
    for turn in turns:
        mark = marks[0] if turn.id in path else marks[1]
        request = Text(turn.request, style="" if turn.id in path else "dim")
        if turn.parent != previous and turn.parent in numbers:
            request.append(f"  after {numbers[turn.parent]}", style="dim italic")
        if turn.status != "done":
            request.append(f"  {turn.status}", style="red")
        table.add_row(mark, str(turn.number), request, " ".join(picture.id for picture in turn.images))
        previous = turn.id
    return table


@click.command("history")
@click.option(
    "--all", "everything", is_flag=True, help="Also the turns that were undone, and other branches."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the latest N turns.")
@options.conversation
@options.workspace
@options.as_json
def command(
    everything: bool, limit: int | None, conversation: str | None, workspace: Path | None, as_json: bool
) -> None:
    """List the turns of a conversation."""
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.cli.ui.json_records import turn_record
    from ace_agent.cli.ui.open_agent import open_existing

    agent = open_existing(workspace, conversation)
    turns = agent.turns(everything, -1 if limit is None else limit)
    path = agent.turns() if everything else turns
    if as_json:
        on_path = {turn.id for turn in path}
        records = [turn_record(turn) | {"on_path": turn.id in on_path} for turn in turns]
        print_json({"conversation": agent.conversation, "turns": records})
        return
    console = output()
    console.print(agent.conversation, style="bold")
    console.print(history_table(turns, frozenset(turn.id for turn in path), console))
