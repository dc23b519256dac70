"""`ace REQUEST [PICTURE]...`: make or edit a picture."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ace_agent.cli.command_table import COMMANDS
from ace_agent.cli.ui import options
from ace_agent.engines.runtime import Runtime


class RequestCommand(click.Command):
    """The command without a name; `ace --help` lists its options."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage("ace", "[OPTIONS] REQUEST [PICTURE]...")


@click.command("request", cls=RequestCommand)
@click.argument("request")
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write the picture; default: ./ace-ID.png.",
)
@click.option("--force", is_flag=True, help="Overwrite the file that -o names.")
@click.option(
    "-n",
    "--variations",
    type=click.IntRange(1, 16),
    default=1,
    metavar="N",
    help="Number of variations, 1 to 16.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    help="The same seed makes the same picture; default: a new seed.",
)
@click.option(
    "--steps", type=click.IntRange(1, 1000), metavar="N", help="Denoising steps; default: the model's own."
)
@click.option(
    "--size",
    callback=options.parse_size,
    metavar="WxH",
    help="Size in pixels; default: the edited picture's.",
)
@click.option(
    "--guidance", type=click.FloatRange(0, 30), metavar="X", help="How strictly to follow the words."
)
@click.option(
    "--mask",
    metavar="PICTURE",
    help="Where it may change: a file (white), @4, left, right, top, bottom or middle.",
)
@click.option(
    "--engine",
    metavar="NAME",
    help="Who makes the picture: the model, or an expert of `ace models`; default: the best for it.",
)
@options.model
@options.runtime
@options.planner
@options.conversation
@click.option("--new", is_flag=True, help="Start a new conversation; with -c, under that name.")
@options.workspace
@click.option("--no-metadata", is_flag=True, help="Leave the recipe out of the file.")
@options.yes
@options.as_json
def command(
    request: str,
    pictures: tuple[Path, ...],
    output: Path | None,
    force: bool,
    variations: int,
    seed: int | None,
    steps: int | None,
    size: tuple[int, int] | None,
    guidance: float | None,
    mask: str | None,
    engine: str | None,
    model: str,
    runtime: Runtime,
    planner: str,
    conversation: str | None,
    new: bool,
    workspace: Path | None,
    no_metadata: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make a picture, or edit one."""
    from ace_agent.cli.ui.console import notices, print_json
    from ace_agent.cli.ui.console import output as results
    from ace_agent.cli.ui.json_records import turn_record
    from ace_agent.cli.ui.masks import parse_mask
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.plans import Confirm, asker
    from ace_agent.cli.ui.present import Notes, present
    from ace_agent.cli.ui.progress import progress_bar
    from ace_agent.cli.ui.saving import Destination

    refuse_unquoted_words(request, pictures)
    destination = Destination(output, force, metadata=not no_metadata)
    destination.check(variations)
    agent = open_agent(workspace, conversation, model=model, runtime=runtime, planner=planner, new=new)
    console = notices()
    note = Notes(console)
    newest = agent.memory.newest_turn
    with progress_bar(console) as progress, suggest_command(request):
        turn = agent.say(
            request,
            pictures,
            mask=None if mask is None else parse_mask(mask),
            seed=seed,
            variations=variations,
            steps=steps,
            guidance=guidance,
            size=size,
            engine=engine,
            confirm=Confirm(console, yes, progress),
            ask=asker(console, yes, progress),
            note=None if as_json else note,
            progress=progress,
        )
    # A request like "undo that" returns an earlier turn, whose pictures were written at the time.
    paths = destination.write(turn.images) if turn.id > newest else ()
    if as_json:
        print_json({"conversation": agent.conversation, **turn_record(turn, paths)})
    else:
        present(turn, paths, results(), note)


def refuse_unquoted_words(request: str, pictures: tuple[Path, ...]) -> None:
    """Raise UsageError for `ace make it night` without quotes, where `it` and `night` would be files."""
    words = [str(path) for path in pictures if not path.exists()]
    if words and all(re.fullmatch(r"[\w',!?-]+", word) for word in words):
        raise click.UsageError(
            f'{words[0]!r} is no file; if it is part of the request: ace "{request} {" ".join(words)}"'
        )


@contextmanager
def suggest_command(request: str) -> Iterator[None]:
    """Add the nearest command to the planner's error: the request may be a misspelt command."""
    from ace_agent.errors import PlanError

    try:
        yield
    except PlanError as error:
        near = difflib.get_close_matches(request, COMMANDS, n=1, cutoff=0.75)
        if not near:
            raise
        raise PlanError(error.message, f"did you mean: ace {near[0]}") from None
