"""Asks for every edit of `requests.jsonl` and judges what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.errors import AceError
from ace_agent.evaluation.errors import EvaluationError
from ace_agent.evaluation.photographs.checks import holds
from ace_agent.images.files import read_picture

Ask = Callable[[Path, str, str], tuple[Image.Image, str]]
"""Asks an engine of `ENGINES` for an edit of a file: the picture, and who made it. Raises AceError for a refusal."""
ENGINES = ("auto", "ace-mini", "nothing")
"""The product as it is; ace-mini for every step that it can do; the photograph as it was."""


@dataclass(frozen=True)
class Judged:
    """One request as one engine answered it.

    Args:
        right: whether its check holds.
        made_by: the engine of the last step, or why there is no picture.
        seconds: of the clock, planning and loading included.
        image: the result, if there is one.
    """

    row: dict[str, Any]
    engine: str
    right: bool
    made_by: str
    seconds: float
    image: Image.Image | None


def rows() -> list[dict[str, Any]]:
    """The requests with their photographs and checks."""
    text = resources.files(__package__).joinpath("data/requests.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def run(
    folder: Path,
    ask: Ask,
    engines: Sequence[str] = ENGINES,
    progress: Callable[[Judged], None] | None = None,
) -> list[Judged]:
    """Every request on the photographs of a folder, by each engine. Raises EvaluationError if one is missing."""
    missing = sorted({row["photo"] for row in rows()} - {file.name for file in folder.glob("*")})
    if missing:
        raise EvaluationError(
            f"{folder} has no {missing[0]}", "name the folder docs/photographs of the repository"
        )
    judged = []
    for row in rows():
        for engine in engines:
            judged.append(_judge(ask, row, folder / row["photo"], engine))
            if progress is not None:
                progress(judged[-1])
    return judged


def _judge(ask: Ask, row: dict[str, Any], file: Path, engine: str) -> Judged:
    before = read_picture(file).image
    start = time.perf_counter()
    try:
        after, made_by = (before, "nothing") if engine == "nothing" else ask(file, row["request"], engine)
    except AceError as error:
        refused = f"refused: {error.message}"
        return Judged(row, engine, row["check"] == "refused", refused, time.perf_counter() - start, None)
    seconds = time.perf_counter() - start
    return Judged(row, engine, holds(before, after, row), made_by, seconds, after)
