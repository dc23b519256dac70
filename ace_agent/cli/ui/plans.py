"""Plans for people: shown as a table, confirmed before they run, edited as YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ace_agent.cli.ui.console import interactive
from ace_agent.cli.ui.progress import ProgressBar, duration, paused
from ace_agent.errors import PlanError

if TYPE_CHECKING:
    from ace_agent.plan import Plan, Step
    from ace_agent.planner.interface import Question

LONG = 30.0  # seconds; a longer plan is worth a question


def plan_table(plan: Plan) -> Table:
    """One row a step: number, task, images, what it does in words, and settings."""
    from ace_agent.plan.wording import in_words

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="magenta", overflow="fold")
    table.add_column(overflow="fold")
    if plan.goto is not None:
        table.add_row("", "goto", plan.goto, "go back to the turn that made this picture")
    for number, step in enumerate(plan.steps, 1):
        table.add_row(
            f"${number}",
            step.task,
            " ".join(step.images),
            Text(in_words(step.instruction, step.images[1:]) + details(step)),
        )
    return table


def details(step: Step) -> str:
    """The settings of a step, in words."""
    parts = []
    if step.mask is not None:
        parts.append(f"mask {step.mask if isinstance(step.mask, str) else region_words(step.mask)}")
    if step.size is not None:
        parts.append(f"{step.size[0]} x {step.size[1]}")
    if step.variations > 1:
        parts.append(f"{step.variations} variations")
    if step.seed is not None:
        parts.append(f"seed {step.seed}")
    return f" ({', '.join(parts)})" if parts else ""


def region_words(region: object) -> str:
    """`left`, or `box 0.1 0.1 0.5 0.5`."""
    side = getattr(region, "side", None)
    if side is not None:
        return str(side)
    shape = "box" if getattr(region, "box", None) is not None else "ellipse"
    return f"{shape} {' '.join(f'{part:g}' for part in getattr(region, shape))}"


def edit_plan(plan: Plan) -> Plan | None:
    """Open a plan as YAML in an editor; None if it is left unchanged or empty."""
    from ace_agent.plan.yaml_file import PlanFile

    text = click.edit(PlanFile.new(plan).text(), extension=".yaml")
    return PlanFile.parse(text, "the edited plan").plan.with_variables() if text and text.strip() else None


@dataclass(frozen=True)
class Confirm:
    """Asks before a plan of several steps, or a long one, runs; if there is someone to ask.

    `show` also prints a plan that needs no question, with the seconds it should take.
    """

    console: Console
    yes: bool = False
    bar: ProgressBar | None = None
    show: bool = False

    def __call__(self, plan: Plan, seconds: float | None) -> bool | Plan:
        long = len(plan.steps) > 1 or (seconds is not None and seconds > LONG)
        if self.yes or not long or not interactive():
            if self.show:
                self.console.print(plan_table(plan))
                if seconds is not None:
                    self.console.print(f"about {duration(seconds)}", style="dim")
            return True
        with paused(self.bar):
            return self._ask(plan, seconds)

    def _ask(self, plan: Plan, seconds: float | None) -> bool | Plan:
        self.console.print(plan_table(plan))
        ahead = "" if seconds is None else f", about {duration(seconds)}"
        changed = False
        while True:
            answer = click.prompt(
                f"{len(plan.steps)} steps{ahead}. Run? [y]es, [n]o, [e]dit",
                default="y",
                show_default=False,
                err=True,
            )
            match answer.strip().lower()[:1]:
                case "y":
                    return plan if changed else True
                case "n":
                    return False
                case "e":
                    try:
                        edited = edit_plan(plan)
                    except PlanError as error:
                        self.console.print(Text(str(error), style="red"))
                        continue
                    if edited is not None:
                        plan, changed = edited, True
                        self.console.print(plan_table(plan))


@dataclass(frozen=True)
class Ask:
    """Asks a planner's question, its choices numbered."""

    console: Console
    bar: ProgressBar | None = None

    def __call__(self, question: Question) -> int:
        with paused(self.bar):
            return self._ask(question)

    def _ask(self, question: Question) -> int:
        self.console.print(Text(question.question))
        for number, choice in enumerate(question.choices, 1):
            self.console.print(Text(f"  {number}  {choice.label}"))
        return (
            int(click.prompt("Which", type=click.IntRange(1, len(question.choices)), default=1, err=True)) - 1
        )


def asker(console: Console, yes: bool, bar: ProgressBar | None = None) -> Ask | None:
    """None where there is no one to ask: the agent then takes the first choice and says so."""
    return None if yes or not interactive() else Ask(console, bar)
