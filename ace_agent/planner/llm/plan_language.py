"""The plan language: what the embedded language model writes, one line a step.

::

    edit_color @1: make the sky pink
    add $1: small dog on the left
    inpaint @1 mask @2: a pond

A line is a task, its images (``@3`` of the conversation, ``$1`` of an earlier line, ``input``), a mask if there is
one, and the telling words of the instruction. ``goto @1`` alone goes back to a picture; ``refuse`` alone is a
refusal. A three-step plan takes about 21 tokens; as JSON it takes 87.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ace_agent.plan.tasks import TASKS
from ace_agent.planner.instructions import phrase
from ace_agent.planner.interface import Context

MOST_LINES = 8
_REFERENCE = r"@[1-9][0-9]{0,2}|\$[1-8]|input"
_LINE = re.compile(
    rf"^(?P<task>[a-z_]++)(?P<images>(?: (?:{_REFERENCE}))*)(?: mask (?P<mask>{_REFERENCE}))?:(?: (?P<text>.*))?"
)


@dataclass(frozen=True)
class Line:
    """One step as the model writes it."""

    task: str
    images: tuple[str, ...] = ()
    mask: str | None = None
    text: str = ""

    def __str__(self) -> str:
        head = " ".join((self.task, *self.images))
        mask = f" mask {self.mask}" if self.mask else ""
        return f"{head}{mask}: {self.text}".rstrip()

    @property
    def instruction(self) -> str:
        """The line's words as an instruction for the image model."""
        return phrase(self.task, self.text, len(self.images))


@dataclass(frozen=True)
class Script:
    """A whole answer: lines, or a picture to go back to, or neither (a refusal)."""

    lines: tuple[Line, ...] = ()
    goto: str | None = None

    def __str__(self) -> str:
        if self.goto is not None:
            return f"goto {self.goto}"
        return "\n".join(map(str, self.lines)) or "refuse"


def parse(text: str) -> Script:
    """The script that a model wrote; lines that are none are left out, so nonsense becomes a refusal."""
    lines = []
    for row in text.strip().splitlines()[:MOST_LINES]:
        row = row.strip()
        if found := re.fullmatch(r"goto (@\d{1,3})", row):
            return Script(goto=found[1])
        match = _LINE.fullmatch(row)
        if match and match["task"] in TASKS:
            lines.append(
                Line(
                    match["task"],
                    tuple(match["images"].split()),
                    match["mask"],
                    (match["text"] or "").strip(),
                )
            )
    return Script(tuple(lines))


def grammar(images: int, masks: int = 0, inputs: int = 0) -> str:
    """The language as a Lark grammar for llguidance, with only the pictures that are there.

    Args:
        images: how many pictures and masks the conversation has.
        masks: how many of them are masks; without any, only an earlier line can give one.
        inputs: how many pictures came with the request.
    """
    known = [f'"@{n}"' for n in range(1, min(images, 99) + 1)] + ['"input"'] * bool(inputs)
    steps = [f'"${n}"' for n in range(1, MOST_LINES)]
    reference = " | ".join((*known, *steps))
    tasks = " | ".join(f'"{task}"' for task in TASKS)
    goto = ' | "goto " KNOWN' if known else ""
    rules = [
        f'start: line ("\\n" line){{0,{MOST_LINES - 1}}} | "refuse"{goto}',
        'line: TASK (" " REF){0,4} (" mask " REF)? ":" TEXT?',
        f"TASK: {tasks}",
        f"REF: {reference}",
        "TEXT: / [^\\n]{1,120}/",
    ]
    if known:
        rules.append(f"KNOWN: {' | '.join(known)}")
    return "\n".join(rules) + "\n"


def prompt(request: str, context: Context) -> str:
    """What the model reads: the pictures, the request, and the opening of its answer (SmolLM2's chat format)."""
    shown = "; ".join(f"{i.id} {i.caption or i.instruction or i.kind}"[:80] for i in context.images[-12:])
    handed = " input: a picture came with the request;" if context.inputs else ""
    return f"<|im_start|>user\nimages:{handed} {shown or 'none'}\nrequest: {request}<|im_end|>\n<|im_start|>assistant\n"


def script_of(rows: Sequence[tuple[str, Sequence[str], str | None, str]]) -> Script:
    """A script from plain rows of task, images, mask and words."""
    return Script(tuple(Line(task, tuple(images), mask, text) for task, images, mask, text in rows))
