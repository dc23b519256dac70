"""`ace conversations`."""

from __future__ import annotations

from tests.cli.conftest import Ace, json_of


def test_conversations_are_listed_and_reopened(talk: Ace) -> None:
    talk("a blue car", "--new", "-c", "others")
    rows = json_of(talk, "conversations")
    assert [(row["name"], row["turns"]) for row in rows] == [("others", 1), ("cars", 2)]
    assert "cars" in talk("conversations").stdout
    talk("remove the car", "-c", "cars")
    assert json_of(talk, "conversations")[0]["name"] == "cars"
