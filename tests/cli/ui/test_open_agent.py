"""Commands that need a conversation say so where there is none."""

from __future__ import annotations

from tests.cli.conftest import Ace


def test_without_a_conversation_commands_say_how_to_start_one(ace: Ace) -> None:
    for command in ("history", "undo", "redo", "show", "gallery"):
        assert "a red car" in ace(command, status=1).stderr
    assert "No conversation yet" in ace("conversations").stdout
    assert "nothing is stored" in ace("check", status=1).stderr


def test_an_unknown_conversation_names_the_known_ones(talk: Ace) -> None:
    assert "there is cars" in talk("history", "-c", "trucks", status=1).stderr
