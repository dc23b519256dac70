"""Read requests and their right plans from JSONL files, in the format of `scoring` or `authored`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ace_agent.errors import InputError
from ace_agent.evaluation.planner.authored import authored
from ace_agent.evaluation.planner.scoring import Answer, Request, Row
from ace_agent.plan.tasks import CATALOGUE


def load(path: Path) -> list[Request]:
    """Read the requests of a JSONL file in either format. Raises InputError, naming the invalid line."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", str(error)) from None
    requests: list[Request] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            if "do" in data or "turns" in data:
                requests += [one.scored for one in authored(data) if one.scored is not None]
            else:
                requests.append(_request(data, number))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}, line {number}: not a request with its plan", str(error)) from None
    if not requests:
        raise InputError(f"{path} holds no requests")
    return requests


def _request(data: Mapping[str, Any], number: int) -> Request:
    answers = (_answer(data["plan"]), *(_answer(other) for other in data.get("alt") or ()))
    return Request(
        str(data.get("id", number)),
        tuple(data.get("images") or ()),
        str(data["request"]),
        answers,
        str(data.get("kind", "plain")),
        isinstance(data["plan"], dict),
    )


def _answer(data: Any) -> Answer:
    if data is None:
        return Answer()
    if isinstance(data, dict):
        data = data.get("steps") or ([data] if data else [])
    goto = next((row["goto"] for row in data if row.get("goto")), None)
    rows = tuple(
        Row(
            row["task"],
            tuple(row.get("images") or ()),
            row.get("mask"),
            tuple(str(k) for k in row.get("key") or ()),
        )
        for row in data
        if "task" in row
    )
    unknown = [row.task for row in rows if row.task not in CATALOGUE]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no task of the catalogue")
    return Answer(rows, goto)
