"""The commands that look at a conversation and move in it, with their JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ace_agent.images.files import embed_recipe, read_recipe
from tests.cli.conftest import Ace


@pytest.fixture
def talk(ace: Ace) -> Ace:
    """A car, then night."""
    ace("a red car", "--seed", "7", "-c", "cars")
    ace("make it night", "--seed", "8")
    return ace


def told(ace: Ace, *args: str, status: int = 0) -> Any:
    return json.loads(ace(*args, "--json", status=status).stdout)


def test_conversations_are_listed_and_reopened(talk: Ace) -> None:
    talk("a blue car", "--new", "-c", "others")
    rows = told(talk, "conversations")
    assert [(row["name"], row["turns"]) for row in rows] == [("others", 1), ("cars", 2)]
    assert "cars" in talk("conversations").stdout
    talk("remove the car", "-c", "cars")
    assert told(talk, "conversations")[0]["name"] == "cars"


def test_history_shows_the_path_and_what_was_left(talk: Ace) -> None:
    assert [turn["request"] for turn in told(talk, "history")["turns"]] == ["a red car", "make it night"]
    talk("undo")
    talk("make it blue")
    text = talk("history", "--all").stdout
    assert "○" in text and "after 1" in text
    everything = told(talk, "history", "--all")["turns"]
    assert [turn["on_path"] for turn in everything] == [True, False, True]
    assert [turn["turn"] for turn in told(talk, "history", "--limit", "1")["turns"]] == [3]


def test_undo_redo_and_goto_lose_nothing(talk: Ace) -> None:
    assert told(talk, "undo")["picture"]["id"] == "@1"
    assert told(talk, "undo")["picture"] is None
    assert "nothing to undo" in talk("undo", status=1).stderr
    assert told(talk, "redo", "2")["picture"]["id"] == "@2"
    assert told(talk, "goto", "@1")["picture"]["id"] == "@1"
    assert "@9" in talk("goto", "@9", status=1).stderr


def test_a_branch_goes_its_own_way(talk: Ace) -> None:
    branch = told(talk, "branch", "days", "--at", "@1")
    assert (branch["conversation"], branch["picture"]["id"]) == ("days", "@1")
    talk("make it blue", "-c", "days")
    assert len(told(talk, "history", "-c", "cars")["turns"]) == 2
    assert len(told(talk, "history", "-c", "days")["turns"]) == 2
    assert told(talk, "history", "-c", "days")["turns"][1]["request"] == "make it blue"


def test_show_and_compare(talk: Ace, here: Path) -> None:
    shown = told(talk, "show", "--compare", "before", "-o", "night.png")
    assert (shown["id"], shown["compared"]["id"], shown["seed"]) == ("@2", "@1", 8)
    with Image.open(here / "night.png") as picture:
        assert picture.size == (32, 32)
    assert "made from no other picture" in talk("show", "@1", "--compare", "before", status=1).stderr
    text = talk("show", "@1").stdout
    assert "text_to_image" in text and "seed" in text


def test_search_finds_words(talk: Ace) -> None:
    assert [turn["turn"] for turn in told(talk, "search", "night")] == [2]
    assert "make it night" in talk("search", "night").stdout
    assert "Nothing found" in talk("search", "zebra").stdout


def test_a_conversation_travels_as_one_file(talk: Ace, here: Path) -> None:
    talk("export", "cars.ace")
    assert "exists already" in talk("export", "cars.ace", status=1).stderr
    talk("export", "cars.ace", "--force")
    elsewhere = ("--workspace", str(here / "elsewhere"))
    assert told(talk, "import", "cars.ace", *elsewhere)["conversation"] == "cars"
    assert len(told(talk, "history", *elsewhere)["turns"]) == 2
    assert told(talk, "check", *elsewhere) == {"problems": []}
    (here / "broken.ace").write_bytes(b"no archive")
    assert "broken.ace" in talk("import", "broken.ace", *elsewhere, status=1).stderr


def test_a_picture_is_made_again_bit_for_bit(talk: Ace, here: Path) -> None:
    assert told(talk, "rerun", "ace-2.png")["identical"] is True
    assert "identical" in talk("rerun", "@1", "-o", "again.png").stdout
    assert (here / "again.png").exists()
    with Image.open(here / "ace-1.png") as picture:
        picture.load()
        changed, info = picture.copy(), picture.info
    changed.putpixel((0, 0), (1, 2, 3))
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for key, value in info.items():
        texts.add_itxt(key, value)
    changed.save(here / "changed.png", pnginfo=texts)
    result = talk("rerun", "changed.png", status=1)
    assert "different: 1 pixel differs\n" in result.stdout


def test_a_recipe_of_another_size_is_not_identical(talk: Ace, here: Path) -> None:
    """What came out was compared with the picture alone, whatever size its recipe claimed."""
    png = (here / "ace-1.png").read_bytes()
    recipe = read_recipe(png)
    (here / "forged.png").write_bytes(embed_recipe(png, recipe | {"size": [640, 480]}))
    result = talk("rerun", "forged.png", status=1)
    assert "different" in result.stdout
    assert "the recipe says 640 x 480, the picture came out 32 x 32" in result.stderr
    for size in ([100_000, 100_000], [32], "big", [float("inf"), 32]):
        (here / "forged.png").write_bytes(embed_recipe(png, recipe | {"size": size}))
        assert "recipe" in talk("rerun", "forged.png", status=1).stderr


def test_forget_and_prune_ask_first(talk: Ace) -> None:
    talk("undo")
    talk("make it blue")
    assert told(talk, "prune", "--dry-run")["turns"] == 1
    assert "--yes" in talk("prune", status=1).stderr
    assert told(talk, "prune", "--yes")["images"] == 1
    assert "nothing to remove" in talk("prune").stdout
    assert "--yes" in talk("forget", "cars", status=1).stderr
    assert told(talk, "forget", "@1", "--yes")["images"] == 1
    assert "was forgotten" in talk("show", "@1", status=1).stderr
    assert "all is well" in talk("check").stdout
    talk("forget", "cars", "--yes")
    assert told(talk, "conversations") == []
    assert "no conversation" in talk("forget", "cars", "--yes", status=1).stderr


def test_commands_on_nothing_say_how_to_begin(ace: Ace) -> None:
    for command in ("history", "undo", "redo", "show", "gallery"):
        assert "a red car" in ace(command, status=1).stderr
    assert "No conversation yet" in ace("conversations").stdout
    assert "nothing is stored" in ace("check", status=1).stderr


def test_an_unknown_conversation_names_the_known_ones(talk: Ace) -> None:
    assert "there is cars" in talk("history", "-c", "trucks", status=1).stderr


def test_a_gallery_is_one_page_and_never_written_over(talk: Ace, here: Path) -> None:
    assert "./cars.html" in talk("gallery").stdout
    assert "make it night" in (here / "cars.html").read_text()
    assert "--force" in talk("gallery", status=1).stderr
    assert told(talk, "gallery", "--force")["path"] == "cars.html"
