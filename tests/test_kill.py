"""A running plan killed at random moments loses nothing and comes to the same pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kill_plan import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork")


def test_a_killed_plan_loses_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, kills=5)["killed"] == 5


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    assert run(tmp_path, kills=50, seed=1)["killed"] == 50
