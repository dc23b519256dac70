"""Measured speeds, and a file of them that may be anything."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from ace_agent.execution.timing import Timing


def test_the_latest_measurement_counts_and_is_kept(tmp_path: Path) -> None:
    timing = Timing(tmp_path / "timing.json")
    assert timing.plan_seconds([("tiny", 10)]) is None
    timing.record("tiny", 5.0, 10)
    timing.record("tiny", 10.0, 10)
    again = Timing(tmp_path / "timing.json").plan_seconds([("tiny", 10)])
    assert again is not None and math.isclose(again, 6.5)


@pytest.mark.parametrize(
    "damage",
    [
        b'{"tiny": ' + b"9" * 400 + b"}",
        b'{"tiny": NaN}',
        b'{"tiny": -1}',
        b'{"tiny": Infinity}',
        b'{"tiny": [1]}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"[]",
        b"",
        b" " * 2_000_000 + b"{}",
    ],
    ids=[
        "400 digits",
        "NaN",
        "negative",
        "infinity",
        "list",
        "nesting",
        "bytes",
        "no object",
        "empty",
        "too large",
    ],
)
def test_a_damaged_file_costs_the_estimate_alone(tmp_path: Path, damage: bytes) -> None:
    """Some of these ended every command of the workspace."""
    file = tmp_path / "timing.json"
    file.write_bytes(damage)
    timing = Timing(file)
    assert timing.plan_seconds([("tiny", 10)]) is None
    timing.record("tiny", 1.0, 1)
    assert Timing(file).plan_seconds([("tiny", 1)]) == 1.0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "timing.json")
    assert Timing(tmp_path / "timing.json").plan_seconds([("tiny", 1)]) is None


def test_loading_is_priced_until_the_model_is_there(tmp_path: Path) -> None:
    timing = Timing(tmp_path / "timing.json")
    assert timing.load_seconds("ace-mini") == 0
    timing.record_load("ace-mini", 2.0)
    timing.record("ace-mini", 3.0, 3)
    assert Timing(tmp_path / "timing.json").load_seconds("ace-mini") == 2.0
    assert timing.plan_seconds([("ace-mini", 4)]) == 4.0
