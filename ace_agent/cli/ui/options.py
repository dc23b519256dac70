"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ace_agent.engines.runtime import DEVICES, DTYPES, Runtime, check_device_name
from ace_agent.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])


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


def parse_names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """A click callback for names that are given one by one, or with commas between them."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def parse_device(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A click callback around `check_device_name`."""
    try:
        check_device_name(value)
    except InputError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value


def runtime(command: Command) -> Command:
    """Add --device, --dtype, --offload and --vae-tiling, which the command receives as one `runtime`."""

    @click.option(
        "--device",
        envvar="ACE_DEVICE",
        default="auto",
        show_default=True,
        metavar="NAME",
        callback=parse_device,
        help=f"Where the model runs: {DEVICES}.",
    )
    @click.option(
        "--dtype",
        envvar="ACE_DTYPE",
        default="auto",
        show_default=True,
        metavar="NAME",
        type=click.Choice(DTYPES),
        help=f"Released model: {', '.join(DTYPES[:-1])} or {DTYPES[-1]}.",
    )
    @click.option(
        "--offload",
        envvar="ACE_OFFLOAD",
        is_flag=True,
        help="Released model: keep only the part in use on the device.",
    )
    @click.option(
        "--vae-tiling",
        envvar="ACE_VAE_TILING",
        is_flag=True,
        help="Released model: decode in tiles, to save memory at 1024 px.",
    )
    @functools.wraps(command)
    def with_runtime(
        *arguments: Any, device: str, dtype: str, offload: bool, vae_tiling: bool, **others: Any
    ) -> Any:
        return command(*arguments, runtime=Runtime(device, dtype, offload, vae_tiling), **others)

    return cast(Command, with_runtime)


workspace = click.option(
    "--workspace", envvar="ACE_WORKSPACE", show_envvar=True, metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where conversations are stored; default: your data folder.",
)  # fmt: skip
conversation = click.option(
    "-c", "--conversation", metavar="NAME", help="The conversation; default: the latest."
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
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes = click.option("-y", "--yes", is_flag=True, help="Do not ask; take the first answer to every question.")
