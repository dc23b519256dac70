"""From what a language model proposes to a plan that runs: references, arity, masks, sizes and counts by rule."""

from __future__ import annotations

from collections.abc import Sequence

from ace_agent.errors import PlanError
from ace_agent.plan import Plan
from ace_agent.plan.tasks import TASKS
from ace_agent.planner.english.tokens import Token, read
from ace_agent.planner.interface import Context
from ace_agent.planner.llm.plan_language import Line, Script
from ace_agent.planner.rules import refusals
from ace_agent.planner.rules.descriptions import find_mentions
from ace_agent.planner.rules.drafts import PAIRS, Draft, build
from ace_agent.planner.rules.image_index import Gallery
from ace_agent.planner.rules.mentions import IT, OTHER, THEM
from ace_agent.planner.rules.places import outpaint_region
from ace_agent.planner.rules.request_settings import Settings, take
from ace_agent.planner.rules.rule_planner import Proposal, finish


def resolve(script: Script, request: str, context: Context, proposal: Proposal | None = None) -> Plan:
    """The plan of a model's script.

    The model is trusted for tasks and words; what the request says of pictures, sizes, seeds and counts is read by
    rule. Where the rules cut the request into as many steps as the model, each step takes its pictures from its own
    clause.

    Args:
        script: what the model wrote.
        request: the request it answered.
        context: the conversation's pictures.
        proposal: what the rules make of the request, if they make anything of it.

    Raises:
        PlanError: when the script is a refusal, or no plan that could run can be made of it.
    """
    if script.goto is not None:
        if script.goto not in {i.id for i in context.images}:
            raise PlanError(f"there is no picture {script.goto}", "name one by its id")
        return finish((), script.goto, Settings(), context)
    if not script.lines:
        raise refusals.refuse(request)
    gallery = Gallery(context)
    tokens, settings = take(read(refusals.check_text(request), gallery.vocabulary))
    mentioned = find_mentions(tokens, gallery)
    drafts: list[Draft] = []
    aligned = proposal is not None and len(proposal.drafts) == len(script.lines)
    for at, line in enumerate(script.lines):
        own = proposal.drafts[at] if aligned and proposal is not None else None
        drafts.append(_step(line, own, gallery, drafts, mentioned, alone=len(script.lines) == 1))
    return finish(drafts, proposal.goto if aligned and proposal else None, settings, context)


def _step(
    line: Line,
    own: Draft | None,
    gallery: Gallery,
    drafts: Sequence[Draft],
    mentioned: Sequence[Token],
    *,
    alone: bool,
) -> Draft:
    """One step: by its own clause where there is one, else by what the model wrote, mended."""
    if own is not None and own.wish is not None:
        made = _by_clause(line, own, gallery, drafts)
        if made is not None:
            return made
    images = _images(line, gallery, drafts, mentioned, alone=alone)
    mask = _mask(line, gallery, drafts)
    base = images[0] if images else None
    words = Line(line.task, images, None, line.text).instruction
    if line.task == "outpaint" and mask is None:
        return Draft(line.task, images, words, outpaint_region(mentioned), base)
    return Draft(line.task, images, words, mask, base)


def _by_clause(line: Line, own: Draft, gallery: Gallery, drafts: Sequence[Draft]) -> Draft | None:
    """The clause's own pictures under the model's task; None when they do not make one step of it."""
    if own.wish is None:
        return None
    if own.task == line.task:
        return own
    try:
        made = build(line.task, own.wish, gallery, drafts)
    except PlanError:
        return None
    return made[0] if len(made) == 1 else None


def _exists(reference: str, gallery: Gallery, drafts: Sequence[Draft]) -> bool:
    if reference.startswith("$"):
        return 1 <= int(reference[1:]) <= len(drafts)
    if reference == "input":
        return bool(gallery.context.inputs)
    return reference in gallery.known


def _images(
    line: Line, gallery: Gallery, drafts: Sequence[Draft], mentioned: Sequence[Token], *, alone: bool
) -> tuple[str, ...]:
    row = TASKS[line.task]
    if row.max_images == 0:
        return ()
    masks = {m.id for m in gallery.masks}
    given = [r for r in dict.fromkeys(line.images) if _exists(r, gallery, drafts) and r not in masks]
    said = [i for t in mentioned if t.has("IMG") for i in t.images if i not in (IT, OTHER, THEM, *masks)]
    if alone and len(said) == 1 and line.task not in PAIRS:
        given = said
    usual = f"${len(drafts)}" if drafts else gallery.last
    for spare in (*said, usual, *(i.id for i in reversed(gallery.images))):
        if len(given) < row.min_images and spare and spare not in given:
            given.append(spare)
    if len(given) < row.min_images:
        if not given:
            raise PlanError("there is no picture to work on yet", "make one first, or hand one over")
        raise PlanError(f"{line.task.replace('_', ' ')} needs {row.min_images} pictures", "name them by id")
    return tuple(given[: row.max_images])


def _mask(line: Line, gallery: Gallery, drafts: Sequence[Draft]) -> str | None:
    row = TASKS[line.task]
    if row.mask == "none":
        return None
    if line.mask and _exists(line.mask, gallery, drafts):
        return line.mask
    named = [r for r in line.images if r in {m.id for m in gallery.masks}]
    if named:
        return named[0]
    if line.task != "inpaint":
        return None
    segmented = [f"${n}" for n, d in enumerate(drafts, 1) if d.task == "segment"]
    found = segmented[-1:] or [m.id for m in gallery.masks[-1:]]
    if not found and not gallery.context.mask:
        raise PlanError(
            "there is no mask for that", "make one first: segment the part, or draw it with /mask"
        )
    return found[0] if found else None
