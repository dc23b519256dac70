"""What the terminal does for a request that makes no new picture: save, show, or an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ace_agent.cli.ui.present import draw, not_forgotten, picture_line
from ace_agent.cli.ui.saving import Destination

if TYPE_CHECKING:
    from ace_agent.agent import Agent, Picture
    from ace_agent.planner.interface import Act


def carry_out(
    act: Act, agent: Agent, results: Console, destination: Destination
) -> list[tuple[Picture, Path | None]]:
    """Save or show the pictures of an act, or print its answer.

    `destination` is where a picture goes for which the act names no file.

    Returns:
        The pictures with the files that they were written to.

    Raises:
        InputError: the file exists, or cannot be written; the picture is not there.
    """
    if act.name == "talk":
        results.print(Text(act.message), soft_wrap=True)
        return []
    pictures = [not_forgotten(agent.show(reference)) for reference in act.images or ("@last",)]
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
