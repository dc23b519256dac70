"""The slash commands of `ace chat`: one table that help, completion and dispatch all read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ace_agent.errors import InputError

if TYPE_CHECKING:
    from ace_agent.cli.commands.chat.session import Session

Run = Callable[["Session", list[str]], None]
Choices = Callable[["Session"], Iterable[str]]


@dataclass(frozen=True)
class Slash:
    """One command: how it is typed, what it does, and what may follow it."""

    name: str
    arguments: str
    help: str
    run: Run
    choices: Choices | None = None

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()


SLASHES: dict[str, Slash] = {}


def slash(name: str, arguments: str, help: str, choices: Choices | None = None) -> Callable[[Run], Run]:
    """Enter a function into the registry under a name."""

    def enter(run: Run) -> Run:
        SLASHES[name] = Slash(name, arguments, help, run, choices)
        return run

    return enter


def find(name: str) -> Slash:
    """The command of that name, or of the only name that starts so.

    Raises InputError for an unknown name, naming the nearest ones.
    """
    if name in SLASHES:
        return SLASHES[name]
    starts = [command for command in SLASHES if name and command.startswith(name)]
    if len(starts) == 1:
        return SLASHES[starts[0]]
    if starts:
        raise InputError(f"/{name} could be {', '.join('/' + command for command in starts)}")
    raise InputError(f"there is no /{name}", hint="/help lists the commands")


def split(line: str) -> tuple[str, list[str]]:
    """`/goto @3` as ("goto", ["@3"]). Quotes keep words together; a stray one is an ordinary character."""
    name, _, rest = line.lstrip("/").strip().partition(" ")
    try:
        return name.lower(), shlex.split(rest)
    except ValueError:
        return name.lower(), rest.split()


def completions(session: Session, text: str) -> list[tuple[str, str]]:
    """(word, explanation) for every way to finish the last word before the cursor."""
    head, space, word = text.rpartition(" ")
    if text.startswith("/"):
        if not space:
            return [("/" + s.name, s.help) for s in SLASHES.values() if ("/" + s.name).startswith(text)]
        command = SLASHES.get(head.split(" ")[0][1:])
        found = command.choices(session) if command and command.choices else ()
        return [(choice, "") for choice in found if choice.startswith(word)]
    if word.startswith("@"):
        return [(image, caption) for image, caption in session.images() if image.startswith(word)]
    return []
