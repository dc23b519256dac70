"""What a chat model's valid plan leaves out, and why a plan that can be read cannot run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ace_agent.errors import PlanError
from ace_agent.plan.operations import OPERATIONS, options_of
from ace_agent.plan.schema import MAX_INSTRUCTION
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.english.tokens import tokenize
from ace_agent.planner.interface import Context
from ace_agent.planner.proposal import ProposedPlan, ProposedStep
from ace_agent.planner.rules.places import outpaint_region
from ace_agent.planner.rules.said_options import said_operation

VERB_FORMS = {
    "add": "Add ... to the picture",
    "remove": "Remove ... from the picture",
    "render_text": "Put the text ... in the picture",
    "extract_foreground": "Cut ... out of the picture",
    "edit_style": "Change the picture to ...",
}
"""Tasks whose wording has a verb of its own; the instruction is what stands for the dots."""
_VERB_FIRST = re.compile(
    r"(?:add|put|place|insert|give|remove|delete|erase|take|get|write|print|cut|change|turn|make|convert|redo|render"
    r"|paint|draw|let|transform)\b",
    re.IGNORECASE,
)


def completed(plan: Mapping[str, Any], request: str) -> dict[str, Any]:
    """A plan, as a model wrote it, with what its steps leave out, as they or the request say it.

    That is the words of a new picture, options of operations, the side of an outpaint. What a step says is not changed.
    """
    steps = plan.get("steps")
    if not isinstance(steps, list):
        return dict(plan)
    settings = plan.get("settings")
    sized = isinstance(settings, Mapping) and "size" in settings
    return {**plan, "steps": [_completed(step, request, len(steps) == 1, sized) for step in steps]}


def _completed(step: Any, request: str, alone: bool, sized: bool) -> Any:
    if not isinstance(step, dict) or step.get("task") not in CATALOGUE:
        return step
    task, said = step["task"], step.get("instruction")
    words = " ".join(said.split()) if isinstance(said, str) else ""
    if task in OPERATIONS and not step.get("options"):
        # Of several steps, the request says another's options as well: it is asked only where there must be some.
        texts = (words, request if alone or not _optional(task) else "")
        found = next((options for text in texts if text and (options := _options(task, text, step))), {})
        return {**step, "instruction": words, "options": found}
    if task == "text_to_image" and not words:
        return {**step, "instruction": request}
    if task == "outpaint" and not (step.get("mask") or step.get("region") or sized):
        side = outpaint_region(tokenize(words or request))
        return {**step, "mask": side.model_dump(exclude_defaults=True)}
    if task in VERB_FORMS and "{image" not in words and _VERB_FIRST.match(words):
        return {**step, "instruction": f"{words[:1].upper()}{words[1:].rstrip('.')} in {{image}}."}
    return {**step, "instruction": words} if isinstance(said, str) else step


def _options(task: str, text: str, step: Mapping[str, Any]) -> dict[str, Any]:
    images = step.get("images")
    try:
        return dict(
            said_operation(task, text, pictures=len(images) if isinstance(images, list) else 1).options
        )
    except PlanError:
        return {}


def _optional(task: str) -> bool:
    """Whether an operation does something sensible without any options."""
    try:
        options_of(task, {})
    except ValueError:
        return False
    return True


def fault(proposed: ProposedPlan, context: Context) -> str:
    """The first field of a plan that keeps it from running, with the reason; empty if none does."""
    masks = [image.id for image in context.masks]
    pictures = [image.id for image in (*context.images, *context.handed) if image.kind != "mask"]
    kinds = {"ask": proposed.ask, "answer": proposed.answer}
    if given := next(
        (name for name, words in kinds.items() if words and (proposed.steps or proposed.goto)), ""
    ):
        return f"{given}: give it alone, or the steps without it"
    if proposed.goto is not None and proposed.goto not in {image.id for image in context.images}:
        return f"goto: there is no picture {proposed.goto}; there are: {_listed(pictures)}"
    for at, step in enumerate(proposed.steps):
        if wrong := _fault_of(step, pictures, masks, [f"${number}" for number in range(1, at + 1)]):
            return f"steps[{at}].{wrong}"
        segmented = any(before.task == "segment" for before in proposed.steps[:at])
        if step.task == "inpaint" and not (step.mask or step.region or masks or segmented or context.mask):
            return f"steps[{at}].mask: there is no mask to paint in; say in region which part, in words"
    known = {image.id for image in context.images}
    for at, name in enumerate(proposed.pictures):
        if name not in known:
            return f"pictures[{at}]: there is no {name} in the conversation; there are: {_listed(pictures)}"
    used = {name for step in proposed.steps for name in (*step.images, step.mask) if isinstance(name, str)}
    left = [name for name in context.named if name not in used]
    if proposed.steps and left:
        return f"steps: no step takes {_listed(left)}, which the person named"
    if not any((proposed.steps, proposed.goto, proposed.refuse, proposed.answer, proposed.ask, proposed.act)):
        return "steps: nothing is proposed; give steps, goto, act, ask, answer or refuse"
    return ""


def _fault_of(
    step: ProposedStep, pictures: Sequence[str], masks: Sequence[str], results: Sequence[str]
) -> str:
    row = CATALOGUE[step.task]
    for image in step.images:
        if image in masks:
            return f"images: {image} is a mask; name it in mask"
        if image not in (*pictures, *results):
            return f"images: there is no {image} at this step; there are: {_listed([*pictures, *results])}"
    if len(step.images) > row.max_images:
        return f"images: {step.task} takes at most {row.max_images} pictures, not {len(step.images)}"
    if step.images and len(step.images) < row.min_images:
        return f"images: {step.task} needs {row.min_images} pictures, not {len(step.images)}"
    if step.mask and step.region:
        return "region: give a mask or a region, not both"
    if row.mask == "none" and (step.mask or step.region):
        return f"{'mask' if step.mask else 'region'}: {step.task} takes none"
    if isinstance(step.mask, str) and step.mask not in (*masks, *results):
        return f"mask: there is no mask {step.mask}; there are: {_listed(masks)}; or give a region in words"
    if len(step.instruction) > MAX_INSTRUCTION:
        return f"instruction: has {len(step.instruction)} characters, more than {MAX_INSTRUCTION}"
    return ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
