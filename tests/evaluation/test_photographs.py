"""Checks of edits of photographs can fail, and the requests are judged by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ace_agent.agent import Agent
from ace_agent.evaluation.errors import EvaluationError
from ace_agent.evaluation.photographs import run as module
from ace_agent.evaluation.photographs.checks import CHECKS, holds
from ace_agent.evaluation.photographs.report import as_records, sheet_of, table
from ace_agent.images.lettering import letter

FOLDER = Path(__file__).parents[2] / "docs/photographs"
COFFEE = Image.open(FOLDER / "coffee.jpg").convert("RGB")


def test_every_request_has_a_check_that_the_untouched_photograph_fails() -> None:
    for row in module.rows():
        assert row["check"] in CHECKS
        before = Image.open(FOLDER / row["photo"]).convert("RGB")
        assert not holds(before, before, row), row["request"]


@pytest.mark.parametrize(
    ("row", "right", "wrong"),
    [
        ({"check": "size", "size": [20, 10]}, Image.new("RGB", (20, 10)), Image.new("RGB", (20, 12))),
        ({"check": "turned"}, COFFEE.transpose(Image.Transpose.ROTATE_270), COFFEE.rotate(90)),
        (
            {"check": "tone", "brightness": 1},
            COFFEE.point(lambda v: min(255, v + 30)),
            COFFEE.point(lambda v: v // 2),
        ),
        (
            {"check": "words", "place": "top"},
            letter(COFFEE, "HELLO", place="top")[0],
            letter(COFFEE, "HELLO")[0],
        ),
    ],
)
def test_a_check_tells_right_from_wrong(
    row: dict[str, object], right: Image.Image, wrong: Image.Image
) -> None:
    assert holds(COFFEE, right, row)
    assert not holds(COFFEE, wrong, row)


def test_a_local_check_wants_the_rest_left_alone() -> None:
    row = {"check": "changed", "where": "the cup"}
    from ace_agent.engines.experts.regions import find_region

    cup = find_region(COFFEE, "the cup").mask
    blurred = COFFEE.filter(ImageFilter.GaussianBlur(9))
    assert holds(COFFEE, Image.composite(blurred, COFFEE, cup), row)
    assert not holds(COFFEE, blurred, row)
    assert not holds(COFFEE, COFFEE, row)


def test_requests_are_asked_judged_and_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = ("a bit brighter please", "make a video of it", "crop it to a square of 200 pixels")
    chosen = [row for row in module.rows() if row["request"] in wanted]
    monkeypatch.setattr(module, "rows", lambda: chosen)

    def ask(file: Path, request: str, engine: str) -> tuple[Image.Image, str]:
        agent = Agent(tmp_path, new=True)
        return agent.show(agent.say(request, [file], seed=0).images[-1].id).image, "it"

    judged = module.run(FOLDER, ask, ("auto", "nothing"))
    assert [(one.engine, one.right) for one in judged] == [("auto", True), ("nothing", False)] * 3
    assert table(judged).row_count == 4
    assert {record["engine"] for record in as_records(judged)} == {"auto", "nothing"}
    assert np.asarray(sheet_of(FOLDER, judged)).std() > 10


def test_a_folder_without_the_photographs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"has no .*\.jpg"):
        module.run(tmp_path, lambda *_: (COFFEE, ""))
