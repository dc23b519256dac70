"""`ace search`."""

from __future__ import annotations

from tests.cli.conftest import Ace, json_of


def test_search_finds_words(talk: Ace) -> None:
    assert [turn["turn"] for turn in json_of(talk, "search", "night")] == [2]
    assert "make it night" in talk("search", "night").stdout
    assert "Nothing found" in talk("search", "zebra").stdout
