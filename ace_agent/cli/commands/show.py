"""`ace show`: a picture, and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ace_agent.cli.ui import options

if TYPE_CHECKING:
    from rich.table import Table

    from ace_agent.agent import Picture

# The part of the recipe that people ask for; --json has all of it.
FACTS = ("task", "seed", "steps", "guidance", "model", "composite")


def facts_table(picture: Picture) -> Table:
    """A picture's properties, one a row."""
    from rich.table import Table
    from rich.text import Text

    facts: dict[str, Any] = {"made": picture.words, "from": picture.source or ", ".join(picture.sources)}
    facts |= {name: (picture.recipe or {}).get(name) for name in FACTS}
    table = Table.grid(padding=(0, 2))
    table.add_row(
        Text(picture.id, style="bold cyan"), f"{picture.kind}, {picture.size[0]} x {picture.size[1]}"
    )
    for name, value in facts.items():
        if value not in (None, ""):
            table.add_row(Text(name, style="dim"), Text(str(value)))
    return table


@click.command("show")
@click.argument("picture", metavar="@ID", default="@last")
@click.option(
    "--compare", metavar="@ID", help="Beside another picture; `before` is the one it was made from."
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Also write it to a file."
)
@click.option("--force", is_flag=True, help="Overwrite the file that -o names.")
@click.option("--no-metadata", is_flag=True, help="Leave the recipe out of the file.")
@options.conversation
@options.workspace
@options.as_json
def command(
    picture: str,
    compare: str | None,
    output: Path | None,
    force: bool,
    no_metadata: bool,
    conversation: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Show a picture, and how it was made; default: @last."""
    from ace_agent.cli.ui import console as consoles
    from ace_agent.cli.ui.json_records import picture_record
    from ace_agent.cli.ui.open_agent import open_existing
    from ace_agent.cli.ui.present import draw, not_forgotten, picture_line
    from ace_agent.cli.ui.saving import Destination
    from ace_agent.errors import InputError

    destination = Destination(output, force, metadata=not no_metadata)
    if output is not None:
        destination.check()
    agent = open_existing(workspace, conversation)
    found = not_forgotten(agent.show(picture))
    other: Picture | None = None
    if compare is not None:
        other = agent.before(found.id) if compare == "before" else agent.show(compare)
        if other is None:
            raise InputError(f"{found.id} was made from no other picture", hint="name one: --compare @1")
        not_forgotten(other)
    path = destination.write([found])[0] if output is not None else None
    if as_json:
        record = picture_record(found, path)
        consoles.print_json(record if other is None else record | {"compared": picture_record(other)})
        return
    results = consoles.output()
    draw([found] if other is None else [other, found], results)
    results.print(facts_table(found))
    if path is not None:
        results.print(picture_line(found, path), soft_wrap=True)
