"""`ace REQUEST [PICTURE]...`: make or edit a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ace_agent.cli import options


class RequestCommand(click.Command):
    """The command that has no name of its own; `ace --help` shows its options."""

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
    help="Where to write it; default: ./ace-ID.png.",
)
@click.option("--force", is_flag=True, help="Write over the file that -o names.")
@click.option(
    "-n",
    "--variations",
    type=click.IntRange(1, 16),
    default=1,
    metavar="N",
    help="How many variations, 1 to 16.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    help="Repeat a picture exactly; default: a new one.",
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
    "--guidance", type=click.FloatRange(0, 100), metavar="X", help="How strictly to follow the words."
)
@click.option(
    "--mask",
    metavar="PICTURE",
    help="White where the picture may change: a file, @4, or left, right, top, bottom, middle.",
)
@click.option(
    "--model",
    default="ace-mini",
    show_default=True,
    metavar="NAME",
    help="A name of `ace models`, or a folder.",
)
@click.option(
    "--planner",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto, rules, or ollama:, openai:, anthropic: and a model.",
)
@options.conversation
@click.option("--new", is_flag=True, help="Start a new conversation; with -c, under that name.")
@options.workspace
@click.option("--no-metadata", is_flag=True, help="Leave the recipe out of the file.")
@options.yes
@options.as_json
def command(**arguments: Any) -> None:
    """Make a picture, or edit one."""
    raise NotImplementedError
