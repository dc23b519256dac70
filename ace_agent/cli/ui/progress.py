"""A progress bar with the time left, on standard error, where there is a terminal to draw it in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

if TYPE_CHECKING:
    from ace_agent.agent import PlanProgress


class TimeLeft(ProgressColumn):
    """The executor's own estimate, which knows of the steps still to come."""

    def render(self, task: Task) -> Text:
        seconds = task.fields.get("seconds_left")
        return Text("" if seconds is None else f"{duration(seconds)} left", style="dim")


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class ProgressBar:
    """A callback for `Agent.say`. It can stand aside for a question."""

    def __init__(self, console: Console) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeLeft(),
        )
        self.bar = Bar(*columns, console=console, transient=True)
        self.task = self.bar.add_task("getting ready", total=1.0, seconds_left=None)

    def __call__(self, progress: PlanProgress) -> None:
        self.bar.update(
            self.task,
            completed=progress.fraction,
            description=progress.message or f"step {progress.step} of {progress.steps}",
            seconds_left=progress.seconds_left,
        )


@contextmanager
def progress_bar(console: Console) -> Iterator[ProgressBar | None]:
    """A running bar; None where nobody would see it."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield None
        return
    shown = ProgressBar(console)
    with shown.bar:
        yield shown


@contextmanager
def paused(shown: ProgressBar | None) -> Iterator[None]:
    """Take the bar away while a question is asked."""
    if shown is not None:
        shown.bar.stop()
    try:
        yield
    finally:
        if shown is not None:
            shown.bar.start()
