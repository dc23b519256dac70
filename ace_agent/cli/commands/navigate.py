"""`ace undo`, `redo`, `goto` and `branch`: moving through the tree of turns, without losing any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ace_agent.cli.ui import options

if TYPE_CHECKING:
    from ace_agent.agent import Agent, Picture


def report(agent: Agent, picture: Picture | None, as_json: bool) -> None:
    """Show the picture at which the conversation stands."""
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.cli.ui.json_records import picture_record
    from ace_agent.cli.ui.present import draw, picture_line

    if as_json:
        print_json(
            {
                "conversation": agent.conversation,
                "picture": None if picture is None else picture_record(picture),
            }
        )
        return
    console = output()
    if picture is None:
        console.print("At the beginning, before the first picture. `ace redo` goes forward again.")
        return
    draw([picture], console)
    console.print(picture_line(picture))


@click.command("undo")
@click.argument("turns", type=click.IntRange(min=1), default=1, metavar="[N]")
@options.conversation
@options.workspace
@options.as_json
def undo(turns: int, conversation: str | None, workspace: Path | None, as_json: bool) -> None:
    """Go back one turn, or N. Nothing is lost: `ace redo` goes forward again."""
    from ace_agent.cli.ui.open_agent import open_existing

    agent = open_existing(workspace, conversation)
    report(agent, agent.undo(turns), as_json)


@click.command("redo")
@click.argument("turns", type=click.IntRange(min=1), default=1, metavar="[N]")
@options.conversation
@options.workspace
@options.as_json
def redo(turns: int, conversation: str | None, workspace: Path | None, as_json: bool) -> None:
    """Go forward one turn, or N, after an undo."""
    from ace_agent.cli.ui.open_agent import open_existing

    agent = open_existing(workspace, conversation)
    report(agent, agent.redo(turns), as_json)


@click.command("goto")
@click.argument("picture", metavar="@ID")
@options.conversation
@options.workspace
@options.as_json
def goto(picture: str, conversation: str | None, workspace: Path | None, as_json: bool) -> None:
    """Go to the turn that made a picture; the next request continues from there."""
    from ace_agent.cli.ui.open_agent import open_existing

    agent = open_existing(workspace, conversation)
    report(agent, agent.goto(picture), as_json)


@click.command("branch")
@click.argument("name")
@click.option("--at", metavar="@ID", help="Branch at the turn that made this picture; default: here.")
@options.conversation
@options.workspace
@options.as_json
def branch(
    name: str, at: str | None, conversation: str | None, workspace: Path | None, as_json: bool
) -> None:
    """Start another conversation, called NAME, from this point."""
    from ace_agent.cli.ui.open_agent import open_existing

    other = open_existing(workspace, conversation).branch(name, at=at)
    tip = other.turns(limit=1)
    pictures = [*tip[0].images, *tip[0].attached] if tip else []
    report(other, pictures[0] if pictures else None, as_json)
