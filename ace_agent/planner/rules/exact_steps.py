"""The steps of a clause that asks for an exact operation, on the pictures that it names."""

from __future__ import annotations

from collections.abc import Sequence

from ace_agent.errors import PlanError
from ace_agent.plan.filter_words import named_filter
from ace_agent.plan.tasks import MAX_IMAGES
from ace_agent.planner import instructions
from ace_agent.planner.english.lexicon import NUMBERS
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.proposal import ProposedStep
from ace_agent.planner.rules.image_index import ImageIndex
from ace_agent.planner.rules.mentions import IT
from ace_agent.planner.rules.operations import operation
from ace_agent.planner.rules.reshaping import Operation


def exact_steps(
    tokens: Sequence[Token],
    images: ImageIndex,
    earlier: Sequence[ProposedStep],
    base: str | None,
    named: Sequence[str],
    masks: Sequence[str],
    *,
    each: bool,
) -> list[ProposedStep] | None:
    """The steps of a clause that asks for an exact operation; None if it asks for none.

    Args:
        tokens: the clause.
        images: the conversation's pictures.
        earlier: the steps before it.
        base: the picture that it works on.
        named: the pictures that it names, in the order of the words.
        masks: the masks that it names.
        each: whether it applies to every picture that it names.

    Raises:
        PlanError: the operation lacks what it needs.
    """
    if base is None or tokens[0].text in wordset("questions"):
        return None
    known = images.by_id.get(base)
    found = operation(tokens, (known.width, known.height) if known is not None else None)
    if found is None:
        return None
    drawn = any(step.task == "text_to_image" for step in earlier)
    if drawn and "aspect" in found.options and not any("crop" in t.text.split() for t in tokens):
        return None  # the shape of a picture that is drawn in this request
    if found.task == "collage":
        tiles = _side_by_side(tokens, images, earlier, named, base)
        return None if tiles is None else [_step(found, tiles, tokens, masks)]
    if found.task in ("watermark", "background") and len(named) > 1:
        return [_step(found, _stamped(found.task, tokens, named), tokens, masks)]
    if found.task == "watermark" and not found.options.get("text"):
        return [_step(found, (base, _logo(tokens, images, earlier, named, base)), tokens, masks)]
    targets = named if len(named) > 1 and each else [base]
    before = _look_before(found, tokens)
    if before is not None and len(targets) == 1:
        first = _step(before, (targets[0],), tokens, masks)
        return [first, _step(found, (f"${len(earlier) + 1}",), tokens, masks)]
    return [_step(found, (target,), tokens, masks) for target in targets]


_LOOKS = frozenset(("black and white", "sepia", "pencil", "comic", "cartoon", "oil", "watercolor"))


def _look_before(found: Operation, tokens: Sequence[Token]) -> Operation | None:
    """The filter that a clause names beside its adjustment: "a black and white version with more contrast"."""
    words = " ".join(token.text for token in tokens)
    name = (
        named_filter(words) if found.task == "adjust" and found.region is None and not found.limit else None
    )
    return Operation("filter", {"name": name}) if name in _LOOKS else None


def _step(
    found: Operation, images: tuple[str, ...], tokens: Sequence[Token], masks: Sequence[str]
) -> ProposedStep:
    order = {image: at for at, image in enumerate(images)} | {IT: 0}
    return ProposedStep(
        task=found.task,
        images=images,
        instruction=instructions.instruction(found.task, tokens, order),
        mask=found.mask or (masks[-1] if masks else None),
        options=found.options,
    )


def _logo(
    tokens: Sequence[Token],
    images: ImageIndex,
    earlier: Sequence[ProposedStep],
    named: Sequence[str],
    base: str,
) -> str:
    """The picture that a watermark without text puts over another."""
    if named and earlier and named[0] != base:
        return named[0]
    if any(t.text in ("logo", "picture", "image", "attached") for t in tokens):
        spare = [image for image in _inputs(images) if image != base]
        if spare:
            return spare[0]
    raise PlanError("a watermark needs its words or a second picture", 'say watermark it with "draft"')


def _inputs(images: ImageIndex) -> list[str]:
    return [f"input{number or ''}" for number in range(images.context.inputs)]


def _counted(tokens: Sequence[Token]) -> int | None:
    """How many pictures a clause counts: "the last three", "all" (0); None if it does not say."""
    words = [w for t in tokens for w in t.text.split()]
    if {"all", "every", "everything"} & set(words):
        return 0
    return next((NUMBERS[w] for w in words if 2 <= NUMBERS.get(w, 0) <= MAX_IMAGES), None)


def _side_by_side(
    tokens: Sequence[Token],
    images: ImageIndex,
    earlier: Sequence[ProposedStep],
    named: Sequence[str],
    base: str,
) -> tuple[str, ...] | None:
    """The pictures of a collage, in order; None if there is only one."""
    count = _counted(tokens)
    made = [f"${number}" for number in range(1, len(earlier) + 1)]
    known = [image.id for image in images.pictures]
    if len(named) > 1:
        return tuple(named[:MAX_IMAGES])
    if named and base not in named:
        return (named[0], base)
    if named and made:
        return (named[0], made[-1])
    if images.context.inputs > 1 and not made:
        return tuple(_inputs(images)[: count or MAX_IMAGES])
    if len(made) > 1:
        return tuple(made[-(count or len(made)) :][:MAX_IMAGES])
    if made:
        return (earlier[-1].images[0], made[0]) if earlier[-1].images else None
    if len(known) < 2:
        return None
    return tuple(known[-MAX_IMAGES:] if count == 0 else known[-(count or 2) :])


def _stamped(task: str, tokens: Sequence[Token], named: Sequence[str]) -> tuple[str, ...]:
    """The two pictures: first the one to edit, then the one that goes onto or behind it."""
    words = [t.text for t in tokens]
    places = [at for at, t in enumerate(tokens) if t.has("IMG")]
    between = words[places[0] : places[-1]]
    leads = task == "watermark" and {"use", "put", "add"} & set(words[: places[0] + 1])
    return (named[1], named[0]) if leads and {"on", "onto", "over", "to"} & set(between) else tuple(named[:2])
