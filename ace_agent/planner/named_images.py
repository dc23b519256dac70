"""A request about images that the caller has named, instead of leaving them to the planner to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ace_agent.plan import Plan
from ace_agent.plan.single_step import single_step_plan
from ace_agent.planner.interface import Choice, Context, KnownImage, Planner, Question


def plan_on(planner: Planner, request: str, context: Context, images: Sequence[str]) -> Plan:
    """The plan of an edit of `images` (`@3`, `@last`, `input` ...), or of the latest picture if there are none.

    The planner sees them as pictures handed over with the request. Words that name no change ("a red fox in the
    snow") would read as a new picture; here they say what the picture is to become. Raises what the planner raises.
    """
    if not images:
        return _as_edit(planner.plan(request, context), request, ("@last",))
    known = {image.id: image for image in (*context.images, *context.handed)}
    if context.newest is not None:
        known["@last"] = known[context.newest]
    handed = replace(
        context,
        handed=tuple(
            replace(known.get(name, KnownImage(name)), id=f"input{number or ''}")
            for number, name in enumerate(images)
        ),
    )
    try:
        return _as_edit(_renamed(planner.plan(request, handed), images), request, images)
    except Question as question:
        choices = tuple(Choice(choice.label, _renamed(choice.plan, images)) for choice in question.choices)
        raise Question(question.question, choices) from None


def _renamed(plan: Plan, images: Sequence[str]) -> Plan:
    """The plan with the caller's names in place of `input`, `input1` ..."""
    names = {f"input{number or ''}": text for number, text in enumerate(images)}
    steps = []
    for step in plan.steps:
        mask = names.get(step.mask, step.mask) if isinstance(step.mask, str) else step.mask
        steps.append(
            step.model_copy(
                update={"images": tuple(names.get(text, text) for text in step.images), "mask": mask}
            )
        )
    return plan.model_copy(update={"steps": tuple(steps)})


def _as_edit(plan: Plan, request: str, images: Sequence[str]) -> Plan:
    if plan.goto is not None or any(step.images for step in plan.steps):
        return plan
    return single_step_plan("edit_general", request, images)
