"""Authored requests (`assets/planner/`): plans as strings, and the pictures available at the time.

::

    {"id": "a1", "pictures": [["@1", "photo", "IMG_1.jpg: a cat on a sofa"]], "inputs": [], "mask": false,
     "request": "take the cat out", "do": ["remove @1: the cat"], "alt": [], "kind": "plain"}

Each string in `do` gives a task, its pictures and the words its instruction must contain; `only:`, `except:`, `side:`
and `mask:` follow after `|`. `goto @1` and `undo` go back; `refuse`, `answer`, `show` and `save` make no picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ace_agent.evaluation.planner.scoring import Answer, Request, Row
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.interface import Context, KnownImage, handed_over

_STEP = re.compile(
    r"(?P<task>\w+)(?P<images>(?: (?:x\d+|\d+x\d+|@\d+|\$\d+|input\d?|\d+))*)(?::(?P<words>.*))?", re.S
)
_NO_PICTURE = {"refuse", "answer", "show", "save"}
_BEYOND_PLANS = {"again", "redo", "ask"}
"""Steps that a plan cannot express; a row is skipped if all its right answers contain one."""


def authored_request(data: Mapping[str, Any]) -> Request | None:
    """Parse one row as a request; None if no plan can express a right answer to it.

    Raises ValueError for an invalid row.
    """
    context = _context(data)
    plans = [_answer(plan, context) for plan in (data["do"], *data.get("alt", ()))]
    answers = tuple(answer for answer in plans if answer is not None)
    if not answers:
        return None
    captions = tuple(str(caption) for _, _, caption in data["pictures"])
    return Request(str(data["id"]), captions, str(data["request"]), answers, str(data["kind"]), given=context)


def _context(data: Mapping[str, Any]) -> Context:
    images = tuple(
        KnownImage(str(name), "mask" if kind == "mask" else "image", str(caption), turn, made=kind == "made")
        for turn, (name, kind, caption) in enumerate(data["pictures"], 1)
    )
    path = tuple(image.id for image in images if image.kind == "image")
    tip = data.get("current") or (path[-1] if path else None)
    handed = tuple(
        replace(image, description=str(name))
        for image, name in zip(handed_over(len(data.get("inputs", ()))), data.get("inputs", ()), strict=True)
    )
    return Context(images, tip, path, handed, mask=bool(data.get("mask")))


def _answer(steps: Sequence[str], context: Context) -> Answer | None:
    rows, goto = [], None
    for text in steps:
        found = _STEP.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no step")
        task, images = found["task"], found["images"].split()
        if task in _BEYOND_PLANS:
            return None
        if task in _NO_PICTURE:
            return Answer()
        if task in ("goto", "undo"):
            goto = images[0] if task == "goto" else _back(context, int(images[0]) if images else 1)
            if goto is None:
                return None
            continue
        if task not in CATALOGUE:
            raise ValueError(f"{task!r} is no task of the catalogue")
        mask = re.search(r"\|\s*mask:\s*(@\d+)", found["words"] or "")
        pictures = tuple(name for name in images if name[0] in "@$" or name.startswith("input"))
        rows.append(Row(task, pictures, mask[1] if mask else None))
    return Answer(tuple(rows), goto)


def _back(context: Context, turns: int) -> str | None:
    return context.path[-1 - turns] if len(context.path) > turns else None
