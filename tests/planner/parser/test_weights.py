"""The parser that ships with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from ace_agent.errors import ModelError
from ace_agent.evaluation.planner.request_files import load
from ace_agent.evaluation.planner.scoring import evaluate
from ace_agent.planner.factory import make_planner
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.parser.weights import PlanParser, folder

ROOT = Path(__file__).parents[3]


def test_it_plans_what_strangers_ask_for() -> None:
    """A broken export, or an encoding that training does not share, scores next to nothing."""
    requests = load(ROOT / "assets/planner/dev_harold.jsonl")
    both, rules = (evaluate(make_planner(name), requests).pooled.exact.value for name in ("both", "rules"))
    assert both > 0.5
    assert both > rules + 0.2


@pytest.mark.parametrize(
    ("request_", "steps"),
    [
        ("Take the lamp out of the one with the sofa, it has bothered me for weeks, and then make that one a bit "
         "brighter please", [("remove", "@1"), ("adjust", "$1")]),
        ("bitte den Hut vom Schneemann entfernen", [("remove", "@2")]),
        ("first crop the snowman to a square, after that put a thin white border around it",
         [("crop", "@2"), ("frame", "$1")]),
    ],
)  # fmt: skip
def test_some_requests_that_the_rules_do_not_read(request_: str, steps: list[tuple[str, str]]) -> None:
    context = Context(
        (
            KnownImage("@1", "image", "IMG_1.jpg: a sofa and a lamp", 1),
            KnownImage("@2", "image", "a snowman, then: add a hat", 2, made=True),
        ),
        "@2",
        ("@1", "@2"),
    )
    plan = make_planner("auto").plan(request_, context)
    assert [(step.task, step.images[0]) for step in plan.steps] == steps


def test_weights_that_are_damaged_are_one_line(tmp_path: Path) -> None:
    found = folder()
    assert found is not None
    for file in found.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        PlanParser(tmp_path).load()
