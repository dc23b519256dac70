"""`ace REQUEST [PICTURE]...`: make or edit a picture."""

from __future__ import annotations

import difflib
import io
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
    from rich.console import Console

    from ace_agent.cli.ui.acts import carry_out
    from ace_agent.cli.ui.console import notices, print_json
    from ace_agent.cli.ui.console import output as results
    from ace_agent.cli.ui.json_records import picture_record, turn_record
    from ace_agent.cli.ui.masks import parse_mask
    from ace_agent.cli.ui.named_files import files_in, split_pictures
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.plans import Confirm, asker
    from ace_agent.cli.ui.present import Notes, present
    from ace_agent.cli.ui.progress import progress_bar
    from ace_agent.cli.ui.saving import Destination
    from ace_agent.planner.interface import Act
    from ace_agent.planner.rules.acts import without_save

    refuse_unquoted_words(request, pictures)
    request, file = without_save(request)
    output = output or (Path(file) if file else None)
    files, on = split_pictures([*pictures, *files_in(request)])
    destination = Destination(output, force, metadata=not no_metadata)
    destination.check(variations)
    agent = open_agent(workspace, conversation, model=model, runtime=runtime, planner=planner, new=new)
    console = notices()
    note = Notes(console)
    newest = agent.memory.newest_turn
    try:
        with progress_bar(console) as progress, suggest_command(request):
            turn = agent.say(
                request,
                files,
                on=on,
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
    except Act as act:
        shown = Console(file=io.StringIO()) if as_json else results()
        done = carry_out(act, agent, shown, destination, files)
        if as_json:
            images = [picture_record(picture, path) for picture, path in done]
            print_json({"act": act.name, "said": act.said, "images": images})
        return
    # A request like "undo that" returns an earlier turn, whose pictures were written at the time.
    paths = destination.write(turn.images) if turn.id > newest else ()
    if as_json:
        print_json({"conversation": agent.conversation, **turn_record(turn, paths)})
    else:
        present(turn, paths, results(), note)


def refuse_unquoted_words(request: str, pictures: tuple[Path, ...]) -> None:
    """Raise UsageError for `ace make it night` without quotes, where `it` and `night` would be files."""
    words = [str(path) for path in pictures if not path.exists() and not str(path).startswith("@")]
    if words and all(re.fullmatch(r"[\w',!?-]+", word) for word in words):
        raise click.UsageError(
            f'{words[0]!r} is no file; if it is part of the request: ace "{request} {" ".join(words)}"'
        )


@contextmanager
def suggest_command(request: str) -> Iterator[None]:
    """Add the nearest command to the planner's error: the request may be a misspelt command."""
    from ace_agent.errors import PlanError
    from ace_agent.planner.interface import Act

    near = mistyped(request)
    if near:
        raise PlanError(f"there is no command {request!r}", f"did you mean: ace {near}")
    try:
        yield
    except Act:
        raise
    except PlanError as error:
        close = difflib.get_close_matches(request, COMMANDS, n=1, cutoff=0.75)
        if not close:
            raise
        raise PlanError(error.message, f"did you mean: ace {close[0]}") from None


def mistyped(request: str) -> str:
    """The command that a single word, or a word and an id, nearly is; empty for words that may ask for a picture."""
    from ace_agent.planner.english.spelling import frequency_ranks

    words = request.lower().split()
    if not words or len(words) > 2 or (len(words) == 2 and not words[1].startswith("@")):
        return ""
    word = words[0].lstrip("/")
    if word in COMMANDS or word in frequency_ranks() or not word.isascii():
        return ""
    close = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.75)
    return " ".join([close[0], *words[1:]]) if close else ""
