"""`ace undo`, `redo`, `goto` and `branch`."""

from __future__ import annotations

from tests.cli.conftest import Ace, json_of


def test_undo_redo_and_goto_lose_nothing(talk: Ace) -> None:
    assert json_of(talk, "undo")["picture"]["id"] == "@1"
    assert json_of(talk, "undo")["picture"] is None
    assert "nothing to undo" in talk("undo", status=1).stderr
    assert json_of(talk, "redo", "2")["picture"]["id"] == "@2"
    assert json_of(talk, "goto", "@1")["picture"]["id"] == "@1"
    assert "@9" in talk("goto", "@9", status=1).stderr


def test_a_branch_goes_its_own_way(talk: Ace) -> None:
    branch = json_of(talk, "branch", "days", "--at", "@1")
    assert (branch["conversation"], branch["picture"]["id"]) == ("days", "@1")
    talk("make it blue", "-c", "days")
    assert len(json_of(talk, "history", "-c", "cars")["turns"]) == 2
    assert len(json_of(talk, "history", "-c", "days")["turns"]) == 2
    assert json_of(talk, "history", "-c", "days")["turns"][1]["request"] == "make it blue"
