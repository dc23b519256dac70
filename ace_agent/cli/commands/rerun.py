"""`ace rerun`: make a picture again from the recipe inside it."""

from __future__ import annotations

from pathlib import Path

import click

from ace_agent.cli.ui import options
from ace_agent.engines.runtime import Runtime


@click.command("rerun")
@click.argument("picture", metavar="FILE|@ID")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the new picture here."
)
@click.option("--force", is_flag=True, help="Overwrite the file that -o names.")
@options.model
@options.runtime
@options.conversation
@options.workspace
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    picture: str,
    output: Path | None,
    force: bool,
    model: str,
    runtime: Runtime,
    conversation: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Make a picture again from its recipe, and say whether it is identical.

    The exit status is 1 when it is not.
    """
    from ace_agent.cli.ui import console as consoles
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.present import display_path, print_notes, verdict
    from ace_agent.cli.ui.progress import progress_bar
    from ace_agent.cli.ui.saving import Destination
    from ace_agent.files import write_file
    from ace_agent.images.files import encode_png

    if output is not None:
        Destination(output, force).check()
    agent = open_agent(workspace, conversation, model=model, runtime=runtime)
    with progress_bar(consoles.notices()) as progress:
        again = agent.rerun(picture, progress=progress)
    if output is not None:
        write_file(output, encode_png(again.image, again.recipe), force=force)
    print_notes(again.notes, consoles.notices())
    if as_json:
        written = None if output is None else str(output)
        consoles.print_json(
            {
                "identical": again.identical,
                "differing": again.differing,
                "notes": again.notes,
                "path": written,
            }
        )
    else:
        where = "" if output is None else f"  {display_path(output)}"
        consoles.output().print(verdict(again) + where, soft_wrap=True)
    ctx.exit(0 if again.identical else 1)
