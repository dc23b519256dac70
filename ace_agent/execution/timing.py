"""Measured speed of models on this machine, in a small JSON file beside the conversations."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from ace_agent.errors import AceError
from ace_agent.files import read_bounded, write_atomic

RECENT = 0.3
"""Weight of the latest measurement in the running mean."""
MAX_BYTES = 1_000_000
LONGEST = 1e6
"""Seconds of a step; more than this, like infinity and NaN, is damage and no measurement."""


class Timing:
    """Seconds per denoising step of one picture, by engine. A lost or unreadable file only costs the estimate."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._table: dict[str, float] = {}
        # An integer of 400 digits is an OverflowError, deep nesting a RecursionError.
        damage = (AceError, OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError)
        with contextlib.suppress(*damage):
            loaded = json.loads(read_bounded(file, MAX_BYTES))
            seconds = {str(name): float(value) for name, value in loaded.items()}
            self._table = {name: value for name, value in seconds.items() if 0 < value < LONGEST}

    def record(self, engine: str, seconds: float, work: int) -> None:
        """`work` denoising steps (times variations) took `seconds`."""
        unit = seconds / max(1, work)
        before = self._table.get(engine)
        self._table[engine] = unit if before is None else (1 - RECENT) * before + RECENT * unit
        with contextlib.suppress(OSError):
            write_atomic(self.file, json.dumps(self._table))

    def plan_seconds(self, work: Iterable[tuple[str, int]]) -> float | None:
        """Expected seconds of steps, each an engine and its denoising steps; None where one was never measured."""
        total = 0.0
        for engine, steps in work:
            unit = self._table.get(engine)
            if unit is None:
                return None
            total += unit * steps
        return total

    def load_seconds(self, engine: str) -> float:
        """What loading an engine took, the last times; 0 where it was never measured."""
        return self._table.get(_load(engine), 0.0)

    def record_load(self, engine: str, seconds: float) -> None:
        """Loading an engine took `seconds`."""
        self.record(_load(engine), seconds, 1)


def _load(engine: str) -> str:
    return f"load {engine}"
