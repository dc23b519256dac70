"""How a turn is shown: notices, the pictures, their ids and paths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ace_agent.cli.ui.compare import side_by_side
from ace_agent.cli.ui.halfblocks import can_show
from ace_agent.cli.ui.terminal_images import rows_for, terminal_image
from ace_agent.errors import InputError

if TYPE_CHECKING:
    from ace_agent.agent import Picture, Rerun, Turn


class Notes:
    """Prints each notice once: those about the plan before the work, the rest after it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: set[str] = set()

    def __call__(self, line: str) -> None:
        if line not in self._printed:
            self._printed.add(line)
            print_notes([line], self._console)


def present(turn: Turn, paths: Sequence[Path], results: Console, note: Notes) -> None:
    """Print the notices that are left, the pictures, and a line for each with its path."""
    for line in turn.notes:
        note(line)
    draw(turn.images, results)
    for picture, path in zip_longest(turn.images, paths):
        results.print(picture_line(picture, path), soft_wrap=True)


def print_notes(notes: Sequence[str], console: Console) -> None:
    for note in notes:
        console.print(Text(note, style="yellow"))


def draw(pictures: Sequence[Picture], console: Console) -> None:
    """Draw the pictures, several in a row; nothing where the terminal cannot."""
    pictures = [picture for picture in pictures if not picture.forgotten]
    if not pictures or not can_show(console):
        return
    if len(pictures) == 1:
        console.print(terminal_image(pictures[0].image, console))
        return
    across = max(1, min(4, console.width // 20))
    for start in range(0, len(pictures), across):
        row = [(picture.id, picture.image) for picture in pictures[start : start + across]]
        console.print(side_by_side(row, console.width, rows_for(console)))


def not_forgotten(picture: Picture) -> Picture:
    """The picture itself. Raises InputError for one that was forgotten."""
    if picture.forgotten:
        raise InputError(f"{picture.id} was forgotten", hint="it was erased for good; its number stays taken")
    return picture


def picture_line(picture: Picture, path: Path | None = None) -> Text:
    """`@3  ./ace-3.png  128 x 128  seed 7  from @1`."""
    line = Text(picture.id, style="bold cyan")
    if path is not None:
        line.append("  ").append(display_path(path), style="default")
    facts = f"  {picture.size[0]} x {picture.size[1]}"
    if picture.recipe and picture.recipe.get("seed") is not None:
        facts += f"  seed {picture.recipe['seed']}"
    if picture.sources:
        facts += f"  from {', '.join(picture.sources)}"
    return line.append(facts, style="dim")


def verdict(again: Rerun) -> str:
    """Whether a picture was made again exactly."""
    if again.identical:
        return "identical, bit for bit"
    return (
        "different: 1 pixel differs"
        if again.differing == 1
        else f"different: {again.differing} pixels differ"
    )


def display_path(path: Path) -> str:
    """A path as a shell takes it: ./ before a bare name."""
    return str(path) if path.is_absolute() or len(path.parts) > 1 else f"./{path}"
