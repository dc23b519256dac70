"""`ace export` and `ace import`: a conversation as one file."""

from __future__ import annotations

from pathlib import Path

import click

from ace_agent.cli.ui import options


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite the file.")
@options.conversation
@options.workspace
@options.as_json
def export(file: Path, force: bool, conversation: str | None, workspace: Path | None, as_json: bool) -> None:
    """Write a conversation, with all its pictures and branches, to one FILE."""
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.cli.ui.open_agent import open_existing
    from ace_agent.errors import InputError

    if file.exists() and not force:
        raise InputError(f"{file} exists already", hint="choose another name, or --force")
    agent = open_existing(workspace, conversation)
    path = agent.export(file, force=force)
    if as_json:
        print_json({"conversation": agent.conversation, "path": str(path), "bytes": path.stat().st_size})
    else:
        output().print(f"{agent.conversation}: {path}, {path.stat().st_size / 1e6:.1f} MB")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Its new name; default: the old one, with a number if that is taken.")
@options.workspace
@options.as_json
def import_(file: Path, name: str | None, workspace: Path | None, as_json: bool) -> None:
    """Read a conversation from a FILE that `ace export` wrote."""
    from ace_agent.agent import import_conversation, workspace_folder
    from ace_agent.cli.ui.console import output, print_json

    found = import_conversation(workspace_folder(workspace), file, name)
    if as_json:
        print_json({"conversation": found})
    else:
        output().print(f"{found}: `ace -c {found} ...` continues it")
