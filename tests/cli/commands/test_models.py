"""`ace models`."""

from __future__ import annotations

import json

from tests.cli.conftest import Ace


def test_models_are_listed_with_how_to_get_them(ace: Ace) -> None:
    rows = json.loads(ace("models", "--json").stdout)
    assert rows[0]["name"] == "ace-mini"
    assert all(row["installed"] or row["mend"] for row in rows)
    assert "ace-0.6b-512" in ace("models").stdout
    assert "not a folder" in ace("models", "convert", "no-such-model", status=1).stderr
