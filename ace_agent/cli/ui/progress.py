"""Progress bars on standard error, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from ace_agent.cli.ui.console import notices

if TYPE_CHECKING:
    from ace_agent.agent import PlanProgress


class TimeLeft(ProgressColumn):
    """The executor's own estimate, which includes the steps still to come."""

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
    """A callback for `Agent.say`; `paused` hides it during a question."""

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
    """A running bar; None where there is no terminal."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield None
        return
    progress = ProgressBar(console)
    with progress.bar:
        yield progress


@contextmanager
def paused(progress: ProgressBar | None) -> Iterator[None]:
    """Hide the bar while a question is asked."""
    if progress is not None:
        progress.bar.stop()
    try:
        yield
    finally:
        if progress is not None:
            progress.bar.start()


@contextmanager
def stage_bars(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A callback `(stage, done, total)` with a bar for each stage; a total of 0 is not known yet."""
    console = notices()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    hidden = quiet or not console.is_terminal  # elsewhere rich would leave an empty line
    with Bar(*columns, console=console, transient=True, disable=hidden) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield progress
