"""What a chat model answered: a plan, however it is wrapped, or words; and what cannot be read of a plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ace_agent.plan.schema import Step
from ace_agent.plan.tasks import similar_tasks
from ace_agent.planner.llm.completion import completed
from ace_agent.planner.proposal import ProposedPlan, ProposedStep, RequestSettings

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)|\A.*</think>", re.DOTALL)
_REFUSING = re.compile(
    r"\b(?:i|we)(?: am|'m)? (?:can(?:no|')t|cannot|can not|not able|unable|won't|will not)\b"
    r"|\b(?:sorry|unable to|not possible)\b",
    re.IGNORECASE,
)
_SETTINGS = frozenset(field.name for field in fields(RequestSettings))
_OPENING = re.compile(r"[\[{](?P<plan>\s*+[\"{])?")
MAX_OPENINGS = 100
"""How many brackets of an answer may begin its plan."""
_DECIDING = ("steps", "goto", "act", "ask", "answer", "refuse")
NO_FIELDS = f"the answer has none of a plan's fields: {', '.join(_DECIDING)}"
_OF_A_STEP = frozenset(Step.model_fields) - frozenset(ProposedStep.model_fields)


def text_of(message: Any) -> str:
    """The words of a message, whose content may be a list of parts, without what it thought on the way."""
    content = getattr(message, "content", message)
    if not isinstance(content, str):
        parts = content if isinstance(content, list) else []
        content = "\n".join(
            p if isinstance(p, str) else str(p.get("text", "")) for p in parts if isinstance(p, (str, dict))
        )
    return _THOUGHT.sub("", content).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()


def said(message: Any) -> str:
    """A message as it goes back to the model: the arguments of its tool calls, else its words."""
    calls = getattr(message, "tool_calls", None) or ()
    broken = getattr(message, "invalid_tool_calls", None) or ()
    arguments = [json.dumps(call["args"], ensure_ascii=False) for call in calls]
    return "\n".join(arguments or [str(call.get("args") or "") for call in broken]) or text_of(message)


def read_answer(message: Any, request: str = "") -> tuple[ProposedPlan | None, str]:
    """The plan of an answer, else None and what is wrong with it.

    A tool call, JSON alone, in a code block or among prose, and plain words that refuse or ask are understood. What
    steps leave out is taken from the request.
    """
    calls = getattr(message, "tool_calls", None) or ()
    if len(calls) > 1:
        return None, "there were several plans; give all steps in one"
    if calls:
        return _validated(calls[0]["args"], request)
    refused = (getattr(message, "additional_kwargs", None) or {}).get("refusal")
    if isinstance(refused, str) and refused.strip():
        return ProposedPlan(refuse=_line(refused)), ""
    text = said(message) if getattr(message, "invalid_tool_calls", None) else text_of(message)
    error = ""
    for data in _objects(text):
        if isinstance(data, Mapping):
            return _validated(data, request)
        error = error or data
    line = _line(text)
    if error:
        return None, error
    if line.endswith("?") and len(line) < 300:
        return ProposedPlan(ask=line), ""
    if line and len(line) < 400 and _REFUSING.search(line):
        return ProposedPlan(refuse=line), ""
    return None, "the answer was no JSON object" if line else "the answer was empty"


def _line(text: str) -> str:
    return " ".join(text.split())


def _objects(text: str) -> Iterator[Mapping[str, Any] | str]:
    """The plan among the JSON of a text, if any; and a line on what looks like one and cannot be read."""
    at = 0
    for _ in range(MAX_OPENINGS):
        found = _OPENING.search(text, at)
        if found is None:
            return
        try:
            data, at = json.JSONDecoder(strict=False).raw_decode(text, found.start())
        except (ValueError, RecursionError) as error:
            if found["plan"] is not None:
                yield f"the JSON cannot be read: {error}"
                return  # what stands whole inside a broken plan is a part of it
            at = found.start() + 1
            continue
        if (plan := _unwrapped(data)) is not None:
            yield plan
        elif isinstance(data, dict) and data:
            yield NO_FIELDS


def _unwrapped(data: Any) -> Mapping[str, Any] | None:
    """The plan in a JSON value: itself, its steps alone, one step, or under a name such as "plan"; else None."""
    if isinstance(data, list) and data and all(isinstance(row, dict) and "task" in row for row in data):
        return {"steps": data}
    if not isinstance(data, dict):
        return None
    if any(name in data and not isinstance(data[name], dict) for name in _DECIDING):
        return data
    if "task" in data:
        return {"steps": [data]}
    inside = (_unwrapped(value) for name, value in data.items() if name != "settings")
    return next((plan for plan in inside if plan is not None), None)


def _validated(data: Any, request: str) -> tuple[ProposedPlan | None, str]:
    plan = _unwrapped(_without_nulls(data))
    if plan is None:
        return None, NO_FIELDS
    if wrong := _misplaced(plan):
        return None, wrong
    try:
        return ProposedPlan.model_validate(completed(plan, request)), ""
    except ValidationError as error:
        return None, _named(error.errors(include_url=False)[0])


def _without_nulls(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _without_nulls(value) for key, value in data.items() if value is not None}
    return [_without_nulls(row) for row in data] if isinstance(data, list) else data


def _misplaced(plan: Mapping[str, Any]) -> str:
    """A field that means something elsewhere; where it stands it would be lost."""
    for name in plan:
        if name in _SETTINGS - {"steps"}:
            return f"{name}: belongs into settings"
    steps = plan.get("steps")
    for at, step in enumerate(steps if isinstance(steps, list) else ()):
        for name in step if isinstance(step, Mapping) else ():
            if name in _OF_A_STEP:
                where = "belongs into settings" if name in _SETTINGS else "is no field of a step"
                return f"steps[{at}].{name}: {where}"
    settings = plan.get("settings")
    for name in settings if isinstance(settings, Mapping) else ():
        if name not in _SETTINGS:
            return f"settings.{name}: is no setting; there are {', '.join(sorted(_SETTINGS))}"
    return ""


def _named(error: ErrorDetails) -> str:
    """One of pydantic's errors with its field as in the JSON, and what was there."""
    where, got = field_name(error["loc"]), error["input"]
    if error["loc"][-1:] == ("task",) and error["type"] == "literal_error":
        return f"{where}: there is no task {str(got)[:40]!r}; {similar_tasks(str(got)[:40])}"[:300]
    message = error["msg"].removeprefix("Value error, ")
    if len(error["loc"]) == 2 and error["type"] == "value_error":  # a step checks nothing else as a whole
        return f"{where}.options: {message}"[:300]
    shown = f", not {json.dumps(got, ensure_ascii=False, default=str)}" if error["type"] != "missing" else ""
    return f"{where}: {message}{shown}"[:300]


def field_name(path: Sequence[str | int]) -> str:
    """A place in a plan, as a model writes it: "steps[0].options.degrees"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
