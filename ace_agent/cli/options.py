"""Options that several commands share, with one meaning everywhere."""

from __future__ import annotations

from pathlib import Path

import click


def size_from(text: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT`, or one number for a square; ValueError for anything else."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"{text!r} is not a size: give 256x128, or 256 for a square")
    return int(parts[0]), int(parts[-1])


def parse_size(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """A click callback around `size_from`."""
    try:
        return None if value is None else size_from(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


workspace = click.option(
    "--workspace", envvar="ACE_WORKSPACE", show_envvar=True, metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where conversations are kept; default: your data folder.",
)  # fmt: skip
conversation = click.option(
    "-c", "--conversation", metavar="NAME", help="The conversation to work in; default: the latest."
)
model = click.option(
    "--model", envvar="ACE_MODEL", default="ace-mini", show_default=True, metavar="NAME",
    help="A name that `ace models` lists, or a folder.",
)  # fmt: skip
planner = click.option(
    "--planner", envvar="ACE_PLANNER", default="auto", show_default=True, metavar="NAME",
    help="auto, rules, or ollama:, openai:, anthropic: and a model's name.",
)  # fmt: skip
allow_path = click.option(
    "--allow-path", "allow", multiple=True, type=click.Path(path_type=Path), metavar="FOLDER",
    help="Also let the plan file read pictures here.",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
yes = click.option("-y", "--yes", is_flag=True, help="Do not ask; take the first answer to a question.")
