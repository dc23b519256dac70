"""`ace show`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.cli.conftest import Ace, json_of


def test_show_and_compare(talk: Ace, here: Path) -> None:
    shown = json_of(talk, "show", "--compare", "before", "-o", "night.png")
    assert (shown["id"], shown["compared"]["id"], shown["seed"]) == ("@2", "@1", 8)
    with Image.open(here / "night.png") as picture:
        assert picture.size == (32, 32)
    assert "made from no other picture" in talk("show", "@1", "--compare", "before", status=1).stderr
    text = talk("show", "@1").stdout
    assert "text_to_image" in text and "seed" in text
