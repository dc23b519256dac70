"""Measured speed of models on this machine, in a small JSON file beside the conversations."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from ace_agent.files import write_atomic

RECENT = 0.3
"""Weight of the latest measurement in the running mean."""


class Timing:
    """Seconds per denoising step of one picture, by model. A lost or unreadable file costs only the estimate."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._table: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            loaded = json.loads(file.read_text())
            self._table = {str(name): float(value) for name, value in loaded.items()}

    def record(self, model: str, seconds: float, work: int) -> None:
        """`work` denoising steps (times variations) took `seconds`."""
        unit = seconds / max(1, work)
        before = self._table.get(model)
        self._table[model] = unit if before is None else (1 - RECENT) * before + RECENT * unit
        with contextlib.suppress(OSError):
            write_atomic(self.file, json.dumps(self._table))

    def seconds(self, model: str, work: int) -> float | None:
        """Expected seconds of `work` denoising steps; None before anything was measured."""
        unit = self._table.get(model)
        return None if unit is None else unit * work
