"""How benchmarks measure time on a GPU, with events that count calls instead of a GPU."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from pathlib import Path

import torch

PATH = Path(__file__).parent.parent / "benchmarks" / "timing.py"
spec = importlib.util.spec_from_file_location("timing", PATH)
assert spec is not None and spec.loader is not None
timing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(timing)


def test_many_calls_are_queued_between_two_events(monkeypatch):
    """Each call stood between two synchronisations, so a short kernel was timed with its launch."""
    calls = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            self.at = len(calls)

        def synchronize(self) -> None:
            pass

        def elapsed_time(self, other: Event) -> float:
            return float(other.at - self.at)  # one millisecond a call

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", None)
    options = Namespace(device="cuda:1", rounds=3, clock="wall")
    taken = timing.measure({"kernel": lambda: calls.append(None)}, options)
    assert taken == {"kernel": 1e-3}
    assert len(calls) == 2 + 3 * round(timing.GPU_SECONDS / 1e-3)


def test_one_call_at_a_time_on_a_cpu():
    calls = []
    options = Namespace(device="cpu", rounds=3, clock="cpu")
    timing.measure({"kernel": lambda: calls.append(None)}, options)
    assert len(calls) == 1 + 3
