"""Plans for people: the table and the question before one runs."""

from __future__ import annotations

from io import StringIO

import click
import pytest
from rich.console import Console

from ace_agent.cli.ui import plans
from ace_agent.cli.ui.plans import Ask, Confirm, plan_table
from ace_agent.plan import Plan, Region, Step
from ace_agent.planner.interface import Choice, Question

ONE = Plan(steps=(Step(task="text_to_image", instruction="a red car"),))
TWO = Plan(
    steps=(
        Step(task="text_to_image", instruction="a red car", seed=7, variations=2),
        Step(task="inpaint", instruction="a cat", images=("$1",), mask=Region(side="left")),
    )
)


def console(width: int = 60) -> tuple[Console, StringIO]:
    file = StringIO()
    return Console(file=file, width=width, highlight=False), file


@pytest.fixture
def someone_there(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person who gives these answers, one after another."""
    answers: list[str] = []
    monkeypatch.setattr(plans, "interactive", lambda: True)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: answers.pop(0))
    return answers


def test_the_table_fits_60_columns() -> None:
    screen, file = console()
    screen.print(plan_table(TWO))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    text = " ".join(file.getvalue().split())
    for part in ("$1", "text_to_image", "seed 7", "2 variations", "inpaint", "mask left"):
        assert part in text


def test_one_short_step_is_not_asked_about(someone_there: list[str]) -> None:
    assert Confirm(console()[0])(ONE, 2.0) is True


def test_several_steps_and_long_ones_are(someone_there: list[str]) -> None:
    screen, file = console()
    someone_there += ["n", "?", "y"]
    assert Confirm(screen)(ONE, 31.0) is False
    assert Confirm(screen)(TWO, None) is True
    assert "text_to_image" in file.getvalue()


def test_yes_and_pipes_are_not_asked(someone_there: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert Confirm(console()[0], yes=True)(TWO, 100.0) is True
    monkeypatch.setattr(plans, "interactive", lambda: False)
    assert Confirm(console()[0])(TWO, 100.0) is True


def test_a_plan_may_be_edited_and_a_mistake_asks_again(
    someone_there: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        "steps: [{task: no_such_task}]",
        "version: 1\nsteps: [{task: text_to_image, instruction: a blue car}]",
    ]
    monkeypatch.setattr(click, "edit", lambda text, extension: texts.pop(0))
    someone_there += ["e", "e", "y"]
    screen, file = console()
    confirmed = Confirm(screen)(TWO, None)
    assert "no_such_task" in file.getvalue()
    assert confirmed == Plan(steps=(Step(task="text_to_image", instruction="a blue car"),))


def test_a_question_shows_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "prompt", lambda *_, **__: 2)
    screen, file = console()
    question = Question("Which dog?", (Choice("the left one", ONE), Choice("the right one", TWO)))
    assert Ask(screen)(question) == 1
    assert "the right one" in file.getvalue()


def test_a_chat_shows_the_plan_it_does_not_ask_about() -> None:
    screen, file = console()
    assert Confirm(screen, show=True)(ONE, 2.0) is True
    assert "a red car" in file.getvalue() and "about 2.0 s" in file.getvalue()
