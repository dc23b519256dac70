"""`ace describe`: what the specialists see in a picture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ace_agent.cli.ui import options


@click.command("describe")
@click.argument("picture", metavar="FILE|@ID", default="@last")
@options.conversation
@options.workspace
@options.as_json
def command(picture: str, conversation: str | None, workspace: Path | None, as_json: bool) -> None:
    """Say what is in a picture: things, faces, writing, light.

    Each line says who saw it and how sure that is. Small networks in the package look, offline; nobody is identified.
    """
    from ace_agent.cli.ui.acts import say_what_is_seen
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.present import not_forgotten
    from ace_agent.engines.experts.description import describe
    from ace_agent.images.files import read_picture

    if picture.startswith("@"):
        image = not_forgotten(open_agent(workspace, conversation).show(picture)).image
    else:
        image = read_picture(Path(picture)).image
    if as_json:
        print_json({"picture": picture, "seen": [asdict(sight) for sight in describe(image)]})
    else:
        say_what_is_seen(image, picture, output())
