"""`ace gallery`: a conversation as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from ace_agent.cli.ui import options


@click.command("gallery")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@options.conversation
@options.workspace
@options.as_json
def command(
    file: Path | None, force: bool, conversation: str | None, workspace: Path | None, as_json: bool
) -> None:
    """Write a conversation as one self-contained HTML page: turns, plans, before and after, recipes.

    The default FILE is ./CONVERSATION.html.
    """
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.cli.ui.open_agent import open_existing
    from ace_agent.cli.ui.present import display_path

    agent = open_existing(workspace, conversation)
    file = file or Path(f"{agent.conversation}.html")
    from ace_agent.reports.html_export import write_gallery

    path = write_gallery(agent.memory, file, force)
    if as_json:
        print_json({"conversation": agent.conversation, "path": str(path)})
    else:
        output().print(display_path(path), soft_wrap=True)
