"""`ace history`."""

from __future__ import annotations

from tests.cli.conftest import Ace, json_of


def test_history_lists_the_path_and_the_other_branches(talk: Ace) -> None:
    assert [turn["request"] for turn in json_of(talk, "history")["turns"]] == ["a red car", "make it night"]
    talk("undo")
    talk("make it blue")
    text = talk("history", "--all").stdout
    assert "○" in text and "after 1" in text
    everything = json_of(talk, "history", "--all")["turns"]
    assert [turn["on_path"] for turn in everything] == [True, False, True]
    assert [turn["turn"] for turn in json_of(talk, "history", "--limit", "1")["turns"]] == [3]
