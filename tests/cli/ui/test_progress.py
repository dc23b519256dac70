"""Times in words, and the progress bar."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from ace_agent.cli.ui.progress import duration, paused, progress_bar


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.44, "0.4 s"), (12.3, "12 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_bar_shows_the_step_and_the_time_left() -> None:
    file = StringIO()
    console = Console(file=file, width=60, force_terminal=True, _environ={})
    with progress_bar(console) as show:
        assert show is not None
        show(SimpleNamespace(step=1, steps=2, fraction=0.25, seconds_left=12.0, message="removing the tent"))
        with paused(show):
            console.print("a question")
        show.bar.refresh()
    text = file.getvalue()
    assert "removing the tent" in text
    assert "12 s left" in text
    assert "a question" in text


def test_no_bar_in_a_pipe_or_a_dumb_terminal() -> None:
    with progress_bar(Console(file=StringIO())) as show:
        assert show is None
    with progress_bar(Console(file=StringIO(), force_terminal=True, _environ={"TERM": "dumb"})) as show:
        assert show is None
