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
class SlashCommand:
    """One slash command. `choices` are the words that completion offers after its name."""

    name: str
    arguments: str
    help: str
    run: Run
    choices: Choices | None = None

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()


SLASH_COMMANDS: dict[str, SlashCommand] = {}


def slash(name: str, arguments: str, help: str, choices: Choices | None = None) -> Callable[[Run], Run]:
    """Register a function as the slash command `name`."""

    def register(run: Run) -> Run:
        SLASH_COMMANDS[name] = SlashCommand(name, arguments, help, run, choices)
        return run

    return register


def find(name: str) -> SlashCommand:
    """The command of that name, or the only one whose name starts with it.

    Raises InputError for an unknown or ambiguous name.
    """
    if name in SLASH_COMMANDS:
        return SLASH_COMMANDS[name]
    starts = [command for command in SLASH_COMMANDS if name and command.startswith(name)]
    if len(starts) == 1:
        return SLASH_COMMANDS[starts[0]]
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
    """(word, explanation) for every completion of the last word before the cursor."""
    head, space, word = text.rpartition(" ")
    if text.startswith("/"):
        if not space:
            return [
                ("/" + s.name, s.help) for s in SLASH_COMMANDS.values() if ("/" + s.name).startswith(text)
            ]
        command = SLASH_COMMANDS.get(head.split(" ")[0][1:])
        found = command.choices(session) if command and command.choices else ()
        return [(choice, "") for choice in found if choice.startswith(word)]
    if word.startswith("@"):
        return [(image, caption) for image, caption in session.images() if image.startswith(word)]
    return []
