"""A request about images that the caller has named, instead of leaving them to the planner to find."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ace_agent.errors import PlanError
from ace_agent.plan import Plan
from ace_agent.plan.single_step import single_step_plan
from ace_agent.planner.interface import Choice, Context, Planner, Question
from ace_agent.planner.rules.refusals import FOUND_NOTHING

_IDS = re.compile(r"@\d+")


def plan_on(planner: Planner, request: str, context: Context, images: Sequence[str]) -> Plan:
    """The plan of an edit of `images` (`@3`, `@last`, `input` ...), or of the latest picture if there are none.

    The planner sees no other pictures of the conversation than these and those whose ids the words give, so that
    words can add to them and never replace them. Words that name no change ("a red fox in the snow") would read as a
    new picture; here they say what the picture is to become. A planner with `binds_named` is told which are named, and
    its plan is taken as it is. Raises what the planner raises.
    """
    if getattr(planner, "binds_named", False) and (bound := _bound(context, images, request)) is not None:
        return planner.plan(request, bound)
    if not images:
        return _as_edit(planner.plan(request, context), request, ("@last",))
    if context.newest is not None:
        images = [context.newest if name == "@last" else name for name in images]
    if not set(images) <= {image.id for image in (*context.images, *context.handed)}:
        return single_step_plan("edit_general", request, images)  # refused with the names that do not exist
    narrowed = _narrowed(context, images, _IDS.findall(request))
    try:
        plan = planner.plan(request, narrowed)
    except Question as question:
        choices = tuple(
            Choice(choice.label, partial(_chosen, choice, tuple(images))) for choice in question.choices
        )
        raise Question(question.question, choices) from None
    except PlanError as error:
        if error.message != FOUND_NOTHING or len(images) < 2:
            raise
        return single_step_plan(_together(request), request, images)
    return _as_edit(_in_order(plan, images), request, images)


def _bound(context: Context, images: Sequence[str], request: str) -> Context | None:
    """The context with the named pictures, or the latest, as those to use; None where one of them is not there."""
    latest = context.newest
    named = tuple(latest or name if name == "@last" else name for name in images or ("@last",))
    if not set(named) <= {image.id for image in (*context.images, *context.handed)}:
        return None
    return replace(_narrowed(context, named, _IDS.findall(request)) if images else context, named=named)


def _chosen(choice: Choice, images: Sequence[str]) -> Plan:
    return _in_order(choice.plan, images)


def _narrowed(context: Context, images: Sequence[str], said: Sequence[str]) -> Context:
    """The context with only the named pictures and its masks; the first named picture is the current one."""
    known = {image.id: image for image in context.images}
    kept = [known[name] for name in dict.fromkeys((*images, *said)) if name in known]
    named = [name for name in images if name in known]
    handed = tuple(image for image in context.handed if image.id in images)
    masks = tuple(mask for mask in context.masks if mask not in kept)
    return replace(
        context,
        images=(*masks, *(replace(image, on_path=True) for image in kept)),
        tip=named[0] if named else None,
        path=tuple(named[:1]),
        handed=handed,
    )


def _in_order(plan: Plan, images: Sequence[str]) -> Plan:
    """The plan, every step's named pictures in the order in which they were named; it goes back to none."""
    steps = []
    for step in plan.steps:
        named = sorted((text for text in step.images if text in images), key=list(images).index)
        row = iter(named)
        ordered = tuple(next(row) if text in images else text for text in step.images)
        steps.append(step.model_copy(update={"images": ordered}))
    return plan.model_copy(update={"steps": tuple(steps), "goto": None})


def _as_edit(plan: Plan, request: str, images: Sequence[str]) -> Plan:
    """The plan, if it edits pictures and uses more than one where several are named; else one step that does."""
    used = {text for step in plan.steps for text in step.images}
    if plan.goto is not None or (used and (len(images) == 1 or len(used & set(images)) > 1)):
        return plan
    return single_step_plan(_together(request) if len(images) > 1 else "edit_general", request, images)


_TOGETHER = (
    ("try_on", re.compile(r"\b(?:dress|wear\w*|try|put on|clothes|outfit|garment)\b", re.IGNORECASE)),
    ("face_swap", re.compile(r"\b(?:face|head)s?\b", re.IGNORECASE)),
    ("style_reference", re.compile(r"\b(?:style|styled|manner|look like|painted like)\b", re.IGNORECASE)),
    ("collage", re.compile(r"\b(?:side by side|collage|grid|row|next to each other)\b", re.IGNORECASE)),
)


def _together(request: str) -> str:
    """The task that takes several pictures and fits a request's words best."""
    return next((task for task, words in _TOGETHER if words.search(request)), "fuse_layers")
