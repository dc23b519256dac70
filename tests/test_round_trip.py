"""Ten turns on two branches go through a file into another store, and every picture comes out the same there."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.tiny import TinyPipeline

RUN = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "round_trip.py"))["run"]


def test_with_the_tiny_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert RUN(tmp_path, "tiny", None, TinyPipeline())
    assert "identical" in capsys.readouterr().out


@pytest.mark.slow
def test_with_ace_mini(tmp_path: Path) -> None:
    assert RUN(tmp_path, "ace-mini", 4)
