"""`ace conversations`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from ace_agent.cli.ui import options


@click.command("conversations")
@options.workspace
@options.as_json
def command(workspace: Path | None, as_json: bool) -> None:
    """List the conversations, latest first. `-c NAME` reopens one."""
    from rich.table import Table
    from rich.text import Text

    from ace_agent.agent import conversations, workspace_folder
    from ace_agent.cli.ui.console import output, print_json

    rows = conversations(workspace_folder(workspace))
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    console = output()
    if not rows:
        console.print('No conversation yet. Start one: ace "a red car in a meadow"')
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading, justify in (
        ("name", "left"),
        ("turns", "right"),
        ("pictures", "right"),
        ("last used", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        used = datetime.fromtimestamp(row.used).strftime("%Y-%m-%d %H:%M")
        table.add_row(Text(row.name, style="bold"), str(row.turns), str(row.images), used)
    console.print(table)
