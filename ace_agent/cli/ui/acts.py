"""What the terminal does for a request that makes no new picture: save, show, or an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ace_agent.cli.ui.present import draw, not_forgotten, picture_line
from ace_agent.cli.ui.saving import Destination
from ace_agent.images.files import read_picture

if TYPE_CHECKING:
    from PIL import Image

    from ace_agent.agent import Agent, Picture
    from ace_agent.planner.interface import Act


def carry_out(
    act: Act, agent: Agent, results: Console, destination: Destination, files: Sequence[Path] = ()
) -> list[tuple[Picture, Path | None]]:
    """Save, show or describe the pictures of an act, or print its answer.

    `destination` is where a picture goes for which the act names no file; `files` came with the request.

    Returns:
        The pictures with the files that they were written to.

    Raises:
        InputError: the file exists, or cannot be written; the picture is not there.
    """
    if act.name == "talk":
        results.print(Text(act.message), soft_wrap=True)
        return []
    if act.name == "describe" and files and not act.images:
        for file in files:
            say_what_is_seen(read_picture(file).image, file.name, results)
        return []
    pictures = [not_forgotten(agent.show(reference)) for reference in act.images or ("@last",)]
    if act.name == "describe":
        for picture in pictures:
            say_what_is_seen(picture.image, picture.id, results)
        return [(picture, None) for picture in pictures]
    if act.name != "save":
        draw(pictures, results)
        for picture in pictures:
            results.print(picture_line(picture), soft_wrap=True)
        return [(picture, None) for picture in pictures]
    where = Destination(Path(act.file), destination.force, destination.metadata) if act.file else destination
    where.check(len(pictures))
    paths = where.write(pictures)
    for picture, path in zip(pictures, paths, strict=True):
        results.print(picture_line(picture, path), soft_wrap=True)
    return list(zip(pictures, paths, strict=True))


def say_what_is_seen(image: Image.Image, name: str, results: Console) -> None:
    """Print what the specialists see in a picture, and whose word each line is."""
    from ace_agent.engines.experts.description import describe

    results.print(Text(name, style="bold cyan"))
    for sight in describe(image):
        line = Text(f"  {sight.words}")
        line.append(f" ({sight.place})" if sight.place else "")
        line.append(f"  {sight.source}, {sight.confidence:.2f}" if sight.confidence < 1 else "", style="dim")
        results.print(line, soft_wrap=True)
