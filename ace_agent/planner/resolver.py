"""From what a planner proposes to a plan that runs: ids, number of pictures, masks and settings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ace_agent.errors import PlanError
from ace_agent.plan import Plan, Step, check
from ace_agent.plan.schema import MAX_INSTRUCTION, Region
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.english.vocabulary import reword
from ace_agent.planner.instructions import phrase
from ace_agent.planner.interface import Context
from ace_agent.planner.proposal import ProposedPlan, ProposedStep


def resolve(proposed: ProposedPlan, context: Context) -> Plan:
    """The plan of a proposal, every step completed and the whole checked.

    A size goes to the first step that makes a new picture, or to the last step; variations go to the last step.

    Raises:
        PlanError: nothing is proposed, or what is proposed cannot run.
    """
    steps: list[ProposedStep] = []
    for step in proposed.steps:
        steps.append(complete(step, context, steps))
    goto = proposed.goto
    if not steps and goto is None:
        raise PlanError("the request names nothing to make or change")
    if goto is not None and goto.startswith("@"):
        if goto not in {image.id for image in context.images}:
            raise PlanError(f"there is no picture {goto}", "name one by its id")
    else:
        goto = None
    settings = proposed.settings
    last = len(steps) - 1
    sized = next((at for at, step in enumerate(steps) if not CATALOGUE[step.task].max_images), last)
    plan = Plan(
        goto=goto,
        steps=tuple(
            Step(
                task=step.task,
                instruction=reword(step.instruction, context.vocabulary, context.note)[:MAX_INSTRUCTION],
                images=step.images,
                mask=step.mask,
                size=settings.size if at == sized else None,
                seed=settings.seed,
                variations=settings.variations if at == last else 1,
                steps=settings.steps,
                guidance=settings.guidance,
                options=step.options,
            )
            for at, step in enumerate(steps)
        ),
    )
    if not context.mask:  # the agent puts a mask that came with the request into the step that needs it
        check(plan, images=[image.id for image in context.images], inputs=context.inputs, files=False)
    return plan


def complete(
    step: ProposedStep, context: Context, earlier: Sequence[ProposedStep], named: Sequence[str] = ()
) -> ProposedStep:
    """A step with pictures that exist, as many as its task takes, a mask if it needs one, and its instruction.

    Unknown pictures are dropped. Missing ones are taken from those that the request names, then the result of the
    step before, then the newest pictures.

    Args:
        step: one step as a planner proposes it.
        context: the conversation.
        earlier: the steps before it.
        named: pictures that the request names.

    Raises:
        PlanError: there are too few pictures, or no mask, for its task.
    """
    images = _images(step, context, len(earlier), named)
    if step.region and step.mask is None:
        step = step.model_copy(update={"mask": region_of(step.region)})
    mask = _mask(step, context, earlier)
    words = step.instruction
    instruction = words if "{image" in words else phrase(step.task, words, len(images))
    return step.model_copy(update={"images": images, "mask": mask, "instruction": instruction})


_BUT = re.compile(
    r"^(?:everything|all|anything)(?: (?:but|except|apart from|other than))+ (?:for )?", re.IGNORECASE
)
_SIDE = re.compile(r"(?:the )?(left|right|top|bottom|middle)(?: (?:half|side|part))?", re.IGNORECASE)


def region_of(words: str) -> Region:
    """A region as somebody describes it: "the left half", "everything but the dog"."""
    text = " ".join(words.split()).strip(" .,;")[:100]
    if found := _SIDE.fullmatch(text):
        return Region.model_validate({"side": found[1].lower()})
    return Region(words=_BUT.sub("", text), inverted=bool(_BUT.match(text)))


def _exists(reference: str, context: Context, earlier: int) -> bool:
    if reference.startswith("$"):
        return reference[1:].isdigit() and 1 <= int(reference[1:]) <= earlier
    handed_over = {f"input{number or ''}" for number in range(context.inputs)}
    return reference in handed_over or any(image.id == reference for image in context.images)


def _images(step: ProposedStep, context: Context, earlier: int, named: Sequence[str]) -> tuple[str, ...]:
    row = CATALOGUE[step.task]
    if row.max_images == 0:
        return ()
    masks = {mask.id for mask in context.masks}
    images = [i for i in step.images if _exists(i, context, earlier) and i not in masks]
    usual = f"${earlier}" if earlier else context.default
    for spare in (*named, usual, *(image.id for image in reversed(context.pictures))):
        if len(images) < row.min_images and spare and spare not in images:
            images.append(spare)
    if len(images) < row.min_images:
        if not images:
            raise PlanError("there is no picture to work on yet", "make one first, or hand one over")
        raise PlanError(f"{step.task.replace('_', ' ')} needs {row.min_images} pictures", "name them by id")
    return tuple(images[: row.max_images])


def _mask(step: ProposedStep, context: Context, earlier: Sequence[ProposedStep]) -> str | Region | None:
    if CATALOGUE[step.task].mask == "none":
        return None
    if step.mask and (not isinstance(step.mask, str) or _exists(step.mask, context, len(earlier))):
        return step.mask
    masks = [mask.id for mask in context.masks]
    named = [image for image in step.images if image in masks]
    if named:
        return named[0]
    if step.task != "inpaint" or context.mask:  # a mask that came with the request is put in by the agent
        return None
    segmented = [f"${number}" for number, before in enumerate(earlier, 1) if before.task == "segment"]
    found = segmented[-1:] or masks[-1:]
    if not found:
        raise PlanError(
            "there is no mask for that", "make one first: segment the part, or draw it with /mask"
        )
    return found[0]
