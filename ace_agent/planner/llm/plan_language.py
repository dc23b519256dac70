"""The plan language: a proposal as the embedded language model writes it, one line a step.

::

    edit_color @1: make the sky pink
    add $1: small dog on the left
    inpaint @1 mask @2: a pond

A line is a task, its images (``@3`` of the conversation, ``$1`` of an earlier line, ``input``), a mask if there is
one, and the words of the instruction that matter. ``goto @1`` alone goes back to a picture; ``refuse`` alone is a
refusal. A plan of three steps takes about 21 tokens, and 87 as JSON.
"""

from __future__ import annotations

import re

from ace_agent.plan.tasks import TASKS
from ace_agent.planner.interface import Context
from ace_agent.planner.proposal import ProposedPlan, ProposedStep

MAX_LINES = 8
_REFERENCE = r"@[1-9][0-9]{0,2}|\$[1-8]|input"
_LINE = re.compile(
    rf"^(?P<task>[a-z_]++)(?P<images>(?: (?:{_REFERENCE}))*)(?: mask (?P<mask>{_REFERENCE}))?:(?: (?P<text>.*))?"
)


def write(proposed: ProposedPlan) -> str:
    """A proposal in the plan language."""
    if proposed.goto is not None:
        return f"goto {proposed.goto}"
    return "\n".join(map(_line, proposed.steps)) or "refuse"


def _line(step: ProposedStep) -> str:
    head = " ".join((step.task, *step.images))
    mask = f" mask {step.mask}" if step.mask else ""
    return f"{head}{mask}: {step.instruction}".rstrip()


def parse(text: str) -> ProposedPlan:
    """The proposal that a model wrote. Lines that are none are dropped, so that nonsense is a refusal."""
    steps = []
    for row in text.strip().splitlines()[:MAX_LINES]:
        row = row.strip()
        if found := re.fullmatch(r"goto (@\d{1,3})", row):
            return ProposedPlan(goto=found[1])
        match = _LINE.fullmatch(row)
        if match and match["task"] in TASKS:
            images, words = tuple(match["images"].split()), (match["text"] or "").strip()
            steps.append(
                ProposedStep(task=match["task"], images=images, mask=match["mask"], instruction=words)
            )
    return ProposedPlan(steps=tuple(steps))


def grammar(images: int, inputs: int = 0) -> str:
    """The language as a Lark grammar for llguidance, with only the pictures that exist.

    Args:
        images: how many pictures and masks the conversation has.
        inputs: how many pictures came with the request.
    """
    known = [f'"@{n}"' for n in range(1, min(images, 99) + 1)] + ['"input"'] * bool(inputs)
    steps = [f'"${n}"' for n in range(1, MAX_LINES)]
    reference = " | ".join((*known, *steps))
    tasks = " | ".join(f'"{task}"' for task in TASKS)
    goto = ' | "goto " KNOWN' if known else ""
    rules = [
        f'start: line ("\\n" line){{0,{MAX_LINES - 1}}} | "refuse"{goto}',
        'line: TASK (" " REF){0,4} (" mask " REF)? ":" TEXT?',
        f"TASK: {tasks}",
        f"REF: {reference}",
        "TEXT: / [^\\n]{1,120}/",
    ]
    if known:
        rules.append(f"KNOWN: {' | '.join(known)}")
    return "\n".join(rules) + "\n"


def prompt(request: str, context: Context) -> str:
    """What the model reads, in SmolLM2's chat format: the pictures, the request, and the opening of its answer."""
    listed = "; ".join(f"{i.id} {i.caption or i.instruction or i.kind}"[:80] for i in context.images[-12:])
    inputs = " input: a picture came with the request;" if context.inputs else ""
    return (
        f"<|im_start|>user\nimages:{inputs} {listed or 'none'}\nrequest: {request}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
