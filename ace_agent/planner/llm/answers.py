"""What a chat model answered: a plan, however it is wrapped, or words; and what is wrong with a plan."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ace_agent.errors import PlanError
from ace_agent.plan.operations import OPERATIONS
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.english.tokens import tokenize
from ace_agent.planner.interface import Context
from ace_agent.planner.proposal import ProposedPlan
from ace_agent.planner.rules.places import outpaint_region
from ace_agent.planner.rules.said_options import said_operation

_FENCE = re.compile(r"```(?:\w+)?\s*(\{.*?\})\s*```", re.DOTALL)
_REFUSING = re.compile(
    r"\b(?:i|we) (?:can(?:no|')t|cannot|can not|am (?:not able|unable)|won't|will not)\b|\b(?:sorry|unable to)\b",
    re.IGNORECASE,
)


def text_of(message: Any) -> str:
    """The words of a message, whose content may be a list of parts."""
    content = getattr(message, "content", message)
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        p if isinstance(p, str) else str(p.get("text", "")) for p in parts if isinstance(p, (str, dict))
    )


def said(message: Any) -> str:
    """A message as it goes back to the model: the arguments of its tool call, else its words."""
    calls = getattr(message, "tool_calls", None) or ()
    return json.dumps(calls[0]["args"], ensure_ascii=False) if calls else text_of(message)


def read_answer(message: Any, request: str = "") -> tuple[ProposedPlan | None, str]:
    """The plan of an answer, else None and what is wrong with it.

    A tool call, JSON alone, in a code block or among prose, and plain words that refuse or ask are understood. Words
    and options that a step leaves out are taken from the request.
    """
    calls = getattr(message, "tool_calls", None) or ()
    if calls:
        return _validated(calls[0]["args"], request)
    text = text_of(message).strip()
    if found := _FENCE.search(text):
        text = found[1]
    start = text.find("{")
    if start >= 0:
        try:
            data, _ = json.JSONDecoder().raw_decode(text[start:])
        except ValueError as error:
            return None, f"the JSON cannot be read: {error}"
        return _validated(data, request)
    line = " ".join(text.split())
    if line.endswith("?") and len(line) < 300:
        return ProposedPlan(ask=line), ""
    if line and len(line) < 400 and _REFUSING.search(line):
        return ProposedPlan(refuse=line), ""
    return None, "the answer was empty" if not line else "the answer was no JSON object"


def _validated(data: Any, request: str) -> tuple[ProposedPlan | None, str]:
    if not isinstance(data, Mapping):
        return None, "the answer was no JSON object"
    steps = data.get("steps")
    if request and isinstance(steps, list):
        data = {**data, "steps": [_completed(step, request) for step in steps]}
    try:
        return ProposedPlan.model_validate(data), ""
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return None, f"{where}: {first['msg']}"[:300]


def _completed(step: Any, request: str) -> Any:
    """A step with the words, options and side that it leaves out, as the request says them."""
    if not isinstance(step, dict) or step.get("task") not in CATALOGUE:
        return step
    task, words = step["task"], str(step.get("instruction") or "")
    if task in OPERATIONS and not step.get("options"):
        for text in filter(None, (words, request)):
            try:
                found = said_operation(task, text, pictures=len(step.get("images") or ()))
            except PlanError:
                continue
            return {**step, "instruction": words, "options": found.options}
    if task == "text_to_image" and not words.strip():
        return {**step, "instruction": request}
    if task == "outpaint" and not (step.get("mask") or step.get("region")):
        region = outpaint_region(tokenize(words or request))
        return {**step, "mask": region.model_dump(exclude_none=True)}
    return step


def fault(proposed: ProposedPlan, context: Context) -> str:
    """The first field of a plan that names what is not there, with the reason; empty if none does."""
    masks = {image.id for image in context.masks}
    pictures = {image.id for image in (*context.images, *context.handed)} - masks
    known = ", ".join(sorted(pictures)) or "none"
    if proposed.goto is not None and proposed.goto not in pictures:
        return f"goto: there is no picture {proposed.goto}; there are: {known}"
    for at, step in enumerate(proposed.steps):
        row = CATALOGUE[step.task]
        results = {f"${number}" for number in range(1, at + 1)}
        for image in step.images:
            if image not in pictures | results:
                return f"steps[{at}].images: there is no {image} at this step; there are: {known}" + (
                    f", {', '.join(sorted(results))}" if results else ""
                )
        if len(step.images) > row.max_images:
            return f"steps[{at}].images: {step.task} takes at most {row.max_images} pictures, not {len(step.images)}"
        if step.images and len(step.images) < row.min_images:
            return f"steps[{at}].images: {step.task} needs {row.min_images} pictures, not {len(step.images)}"
        if isinstance(step.mask, str) and step.mask not in masks | results:
            named = ", ".join(sorted(masks)) or "none"
            return f"steps[{at}].mask: there is no mask {step.mask}; there are: {named}"
    if not proposed.steps and not any((proposed.goto, proposed.refuse, proposed.ask, proposed.act)):
        return "steps: nothing is proposed; give steps, goto, act, ask or refuse"
    return ""
