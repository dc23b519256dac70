"""`ace check`, `ace prune` and `ace forget`."""

from __future__ import annotations

from tests.cli.conftest import Ace, json_of


def test_forget_and_prune_ask_first(talk: Ace) -> None:
    talk("undo")
    talk("make it blue")
    assert json_of(talk, "prune", "--dry-run")["turns"] == 1
    assert "--yes" in talk("prune", status=1).stderr
    assert json_of(talk, "prune", "--yes")["images"] == 1
    assert "nothing to remove" in talk("prune").stdout
    assert "--yes" in talk("forget", "cars", status=1).stderr
    assert json_of(talk, "forget", "@1", "--yes")["images"] == 1
    assert "was forgotten" in talk("show", "@1", status=1).stderr
    assert "all is well" in talk("check").stdout
    talk("forget", "cars", "--yes")
    assert json_of(talk, "conversations") == []
    assert "no conversation" in talk("forget", "cars", "--yes", status=1).stderr
