"""Authored requests (`assets/planner/`): plans as strings, and the pictures available at the time.

::

    {"id": "a1", "pictures": [["@1", "photo", "IMG_1.jpg: a cat on a sofa"]], "inputs": [], "mask": false,
     "request": "take the cat out", "do": ["remove @1: the cat"], "alt": [], "kind": "plain"}

Each string in `do` gives a task, its pictures and the words its instruction must contain; `only:`, `except:`, `side:`
and `mask:` follow after `|`. `goto @1` and `undo` go back; `refuse`, `answer`, `show` and `save` make no picture.

A conversation is a row of turns; every picture that a step makes takes the next number, files before the results of
their turn::

    {"id": "c1", "turns": [{"say": "a snowman", "do": ["text_to_image: a snowman"]},
     {"say": "put this bird in", "files": ["bird.jpg: a robin"], "do": ["fuse_layers @1 input: the robin"]}]}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ace_agent.evaluation.planner.scoring import Answer, Request, Row
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.plan.wording import described
from ace_agent.planner.instructions import phrase
from ace_agent.planner.interface import Context, KnownImage, handed_over

_STEP = re.compile(
    r"(?P<task>\w+)(?P<images>(?: (?:x\d+|\d+x\d+|@\d+|\$\d+|input\d?|\d+))*) ?(?::(?P<words>.*))?", re.S
)
_EXTRA = re.compile(r"\s*\|\s*(?=(?:only|except|side|mask):)")
ACTS = frozenset({"goto", "undo", "redo", "again", "save", "show", "answer", "ask", "refuse"})
"""Steps that make no picture."""
_NO_PICTURE = {"refuse", "answer", "show", "save"}
_BEYOND_PLANS = {"again", "redo", "ask"}
"""Steps that a plan cannot express; a row is skipped if all its right answers contain one."""


@dataclass(frozen=True)
class AuthoredStep:
    """One step of a right plan: a task or an act, its pictures by name, what its instruction says.

    `count` is a task's number of variations, or how many turns `undo` goes back. `only` and `besides` say in words
    where alone and where not.
    """

    name: str
    count: int | None = None
    pictures: tuple[str, ...] = ()
    words: str = ""
    only: str = ""
    besides: str = ""
    mask: str | None = None


@dataclass(frozen=True)
class Authored:
    """A request in its conversation, with its right plans, the main one first."""

    id: str
    request: str
    context: Context
    plans: tuple[tuple[AuthoredStep, ...], ...]
    kind: str

    @property
    def scored(self) -> Request | None:
        """The request for scoring; None if no plan can express a right answer to it."""
        answers = [_answer(plan, self.context) for plan in self.plans]
        kept = tuple(answer for answer in answers if answer is not None)
        captions = tuple(image.text for image in self.context.images)
        return Request(self.id, captions, self.request, kept, self.kind, given=self.context) if kept else None


def authored(data: Mapping[str, Any]) -> list[Authored]:
    """A row: one request, or the turns of a conversation. Raises ValueError or KeyError for an invalid one."""
    if "turns" in data:
        told = _Conversation(str(data["id"]))
        return [told.turn(turn) for turn in data["turns"]]
    return [Authored(str(data["id"]), str(data["request"]), _context(data), _plans(data), str(data["kind"]))]


def read_authored(text: str) -> list[Authored]:
    """Every request of a file's text. Raises ValueError or KeyError for an invalid row."""
    return [one for line in text.splitlines() if line.strip() for one in authored(json.loads(line))]


def authored_step(text: str) -> AuthoredStep:
    """Parse a step. Raises ValueError if it is none."""
    found = _STEP.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no step")
    task = found["task"]
    if task not in CATALOGUE and task not in ACTS:
        raise ValueError(f"{task!r} is no task of the catalogue")
    parts = found["images"].split()
    counts = [int(p.lstrip("x")) for p in parts if p.lstrip("x").isdigit()]
    words, *extras = _EXTRA.split(found["words"] or "")
    extra = {key.strip(): value.strip() for key, _, value in (e.partition(":") for e in extras)}
    return AuthoredStep(
        task,
        counts[0] if counts and counts[0] > 1 else None,
        tuple(p for p in parts if p[0] in "@$i"),
        words.strip(),
        extra.get("only") or extra.get("side", ""),
        extra.get("except", ""),
        extra.get("mask"),
    )


def _plans(data: Mapping[str, Any]) -> tuple[tuple[AuthoredStep, ...], ...]:
    return tuple(tuple(map(authored_step, plan)) for plan in (data["do"], *(data.get("alt") or ())))


def _context(data: Mapping[str, Any]) -> Context:
    images = tuple(
        KnownImage(str(name), "mask" if kind == "mask" else "image", str(caption), turn, made=kind == "made")
        for turn, (name, kind, caption) in enumerate(data["pictures"], 1)
    )
    path = tuple(image.id for image in images if image.kind == "image")
    tip = data.get("current") or (path[-1] if path else None)
    if tip in path:
        path = path[: path.index(tip) + 1]
    return Context(images, tip, path, _handed(data.get("inputs") or ()), mask=bool(data.get("mask")))


def _handed(files: Sequence[str]) -> tuple[KnownImage, ...]:
    named = zip(handed_over(len(files)), files, strict=True)
    return tuple(replace(image, description=str(name)) for image, name in named)


class _Conversation:
    """A conversation as it grows by its right plans, with the descriptions that the product gives its pictures."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._images: list[KnownImage] = []
        self._path: list[str] = []  # the picture of each turn that led here
        self._undone: list[str] = []
        self._turns = 0

    def turn(self, data: Mapping[str, Any]) -> Authored:
        self._turns += 1
        handed = _handed(data.get("files") or ())
        tip = self._path[-1] if self._path else None
        context = Context(tuple(self._images), tip, tuple(self._path), handed, mask=bool(data.get("mask")))
        asked = Authored(
            f"{self._name}.{self._turns}", str(data["say"]), context, _plans(data), "conversation"
        )
        self._follow(asked)
        return asked

    def _follow(self, asked: Authored) -> None:
        names = {}
        for image in asked.context.handed:
            names[image.id] = self._add(replace(image, turn=self._turns))
        results: list[str] = []
        for step in asked.plans[0]:
            if step.name == "goto" and step.pictures:
                self._go_to(names.get(step.pictures[0], step.pictures[0]))
            elif step.name == "undo":
                for _ in range(min(step.count or 1, len(self._path) - 1)):
                    self._undone.append(self._path.pop())
            elif step.name == "redo" and self._undone:
                self._path.append(self._undone.pop())
            elif step.name in CATALOGUE:
                results.append(self._made(step, names, results))
        if results:
            self._path.append(results[-1])
        elif names and not self._path:
            self._path.append(list(names.values())[-1])

    def _go_to(self, name: str) -> None:
        self._path = self._path[: self._path.index(name) + 1] if name in self._path else [*self._path, name]

    def _made(self, step: AuthoredStep, names: Mapping[str, str], results: Sequence[str]) -> str:
        known = {image.id: image.text for image in self._images}
        sources = [
            results[int(name[1:]) - 1] if name[0] == "$" else names.get(name, name) for name in step.pictures
        ]
        instruction = phrase(step.name, step.words, len(sources))
        text = described(step.name, instruction, [known.get(name, "") for name in sources])
        image = KnownImage(
            "", "image", instruction, self._turns, instruction, step.name, description=text, made=True
        )
        made = [self._add(image) for _ in range(step.count or 1)]
        return made[0]

    def _add(self, image: KnownImage) -> str:
        name = f"@{len(self._images) + 1}"
        self._images.append(replace(image, id=name))
        return name


def _answer(steps: Sequence[AuthoredStep], context: Context) -> Answer | None:
    rows, goto = [], None
    for step in steps:
        if step.name in _BEYOND_PLANS:
            return None
        if step.name in _NO_PICTURE:
            return Answer()
        if step.name in ("goto", "undo"):
            goto = step.pictures[0] if step.name == "goto" else _back(context, step.count or 1)
            if goto is None:
                return None
            continue
        mask = step.mask if step.mask and step.mask.startswith("@") else None
        rows.append(Row(step.name, step.pictures, mask))
    return Answer(tuple(rows), goto)


def _back(context: Context, turns: int) -> str | None:
    return context.path[-1 - turns] if len(context.path) > turns else None
