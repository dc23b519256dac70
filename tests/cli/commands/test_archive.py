"""`ace export` and `ace import`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ace, json_of


def test_a_conversation_travels_as_one_file(talk: Ace, here: Path) -> None:
    talk("export", "cars.ace")
    assert "exists already" in talk("export", "cars.ace", status=1).stderr
    talk("export", "cars.ace", "--force")
    elsewhere = ("--workspace", str(here / "elsewhere"))
    assert json_of(talk, "import", "cars.ace", *elsewhere)["conversation"] == "cars"
    assert len(json_of(talk, "history", *elsewhere)["turns"]) == 2
    assert json_of(talk, "check", *elsewhere) == {"problems": []}
    (here / "broken.ace").write_bytes(b"no archive")
    assert "broken.ace" in talk("import", "broken.ace", *elsewhere, status=1).stderr
