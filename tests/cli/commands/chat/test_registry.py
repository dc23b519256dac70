"""Slash commands: one registry for dispatch, help and completion."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ace_agent.cli.commands.chat import slash_commands  # noqa: F401  (fills the registry)
from ace_agent.cli.commands.chat.registry import SLASH_COMMANDS, completions, find, split
from ace_agent.errors import InputError

PROMISED = [
    "help",
    "undo",
    "redo",
    "goto",
    "branch",
    "history",
    "show",
    "compare",
    "seed",
    "size",
    "model",
    "planner",
    "mask",
    "attach",
    "save",
    "rerun",
    "export",
    "quit",
]


@pytest.fixture
def session() -> Any:
    return SimpleNamespace(images=lambda: [("@12", "a night"), ("@3", "a car"), ("@last", "the latest")])


def test_every_promised_command_is_there_with_help() -> None:
    assert set(PROMISED) <= set(SLASH_COMMANDS)
    assert all(command.help.endswith(".") for command in SLASH_COMMANDS.values())


def test_an_unambiguous_prefix_is_enough_and_an_unknown_name_is_refused() -> None:
    assert find("undo").name == "undo"
    assert find("comp").name == "compare"
    with pytest.raises(InputError, match="could be"):
        find("s")
    with pytest.raises(InputError, match="there is no /dance"):
        find("dance")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/goto @3", ("goto", ["@3"])),
        ("/save 'my picture.png'", ("save", ["my picture.png"])),
        ("/mask the dog's ear", ("mask", ["the", "dog's", "ear"])),
        ("/QUIT", ("quit", [])),
        ("/", ("", [])),
    ],
)
def test_lines_are_split(line: str, expected: tuple[str, list[str]]) -> None:
    assert split(line) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/un", ["/undo"]),
        ("/goto @1", ["@12"]),
        ("/mask ri", ["right"]),
        ("/help re", ["redo", "rerun", "resume"]),
        ("put the hat of @", ["@12", "@3", "@last"]),
        ("make it ni", []),
    ],
)
def test_completion(session: Any, text: str, words: list[str]) -> None:
    assert sorted(word for word, _ in completions(session, text)) == words
