"""`ace gallery`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ace, json_of


def test_a_gallery_is_one_page_and_never_written_over(talk: Ace, here: Path) -> None:
    assert "./cars.html" in talk("gallery").stdout
    assert "make it night" in (here / "cars.html").read_text()
    assert "--force" in talk("gallery", status=1).stderr
    assert json_of(talk, "gallery", "--force")["path"] == "cars.html"
