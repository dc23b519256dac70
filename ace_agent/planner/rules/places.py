"""The order of a step's pictures, and the side on which a widened picture grows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.image_kinds import EarlierStep
from ace_agent.planner.rules.mentions import IT, OTHER

if TYPE_CHECKING:
    from ace_agent.plan import Region
    from ace_agent.planner.interface import Context
    from ace_agent.planner.proposal import ProposedStep, RequestSettings

_INTO = frozenset({"on", "onto", "to", "into", "for", "over", "upon"})
_ONTO = _INTO | {
    "in",
    "inside",
    "at",
    "within",
    "beside",
    "behind",
    "under",
    "near",
    "in front",
    "above",
    "below",
}
_FROM = frozenset({"from", "of", "in"})


def arrange(
    task: str,
    tokens: Sequence[Token],
    base: str | None,
    named: Sequence[str],
    chosen: str | None,
    earlier: Sequence[EarlierStep],
    other: str | None = None,
) -> tuple[str, ...]:
    """The images of a step that takes several, in the catalogue's order.

    Args:
        task: catalogue id.
        tokens: the clause.
        base: the picture the clause works on.
        named: the pictures it names, in the order of the words.
        chosen: the picture that a clause before it chose.
        earlier: the steps before it.
        other: the newest picture that the clause does not name.
    """
    mentioned: list[str] = []
    for token in tokens:
        if not token.has("IMG"):
            continue
        for image in token.images:
            real = (
                base
                if image == IT
                else next((n for n in named if n not in mentioned), None)
                if image == OTHER
                else image
            )
            if real and real not in mentioned and (real in named or real == base):
                mentioned.append(real)
    if task == "style_reference":
        return _style(tokens, mentioned, base, other)
    if len(mentioned) < 2 and chosen and chosen not in mentioned:
        mentioned.insert(0, chosen)
    if len(mentioned) < 2 and task in ("fuse_layers", "multi_control") and not named and len(earlier) >= 2:
        return f"${len(earlier) - 1}", f"${len(earlier)}"
    if len(mentioned) == 1 and not earlier and other and task == "fuse_layers":
        mentioned.insert(0, other)
    if len(mentioned) == 1 and earlier and f"${len(earlier)}" not in mentioned:
        mentioned.insert(0, f"${len(earlier)}")
    if len(mentioned) < 2 and base and base not in mentioned:
        mentioned.insert(0, base)
    if task == "try_on" and len(mentioned) >= 2:
        return _pair(mentioned, flipped=_garment_first(tokens, mentioned, base))
    if task == "face_swap" and len(mentioned) >= 2:
        return _pair(mentioned, flipped=_face_first(tokens, mentioned, base))
    if task == "fuse_layers" and len(mentioned) == 2:
        return _pair(mentioned, flipped=_goes_into(tokens, mentioned, base))
    return tuple(mentioned)


def _style(
    tokens: Sequence[Token], mentioned: list[str], base: str | None, other: str | None
) -> tuple[str, ...]:
    """Content, then style; only the style if a new picture is described."""
    if len(mentioned) == 1:
        only = mentioned[0]
        created = _creates(tokens)
        if base and base != only and not created:
            return base, only
        if other and other != only and not created:
            return other, only
        return (only,)
    if len(mentioned) < 2:
        return (base,) if base else ()
    places = {s: i for i, t in enumerate(tokens) if t.has("IMG") for s in _real(t, base)}
    giving = next(
        (
            i
            for i, t in enumerate(tokens)
            if t.has("STYLEWORD")
            and i + 1 < len(tokens)
            and any(x.text in _FROM or x.text in ("used", "as", "like") for x in tokens[i + 1 : i + 3])
        ),
        None,
    )
    first, second = mentioned[0], mentioned[1]
    if giving is not None:
        after = [s for s in mentioned if places.get(s, -1) > giving]
        if after:
            style = after[0]
            return next(s for s in mentioned if s != style), style
    lead = [t.text for t in tokens[: places.get(first, 0)]]
    between = [t.text for t in tokens[places.get(first, 0) : places.get(second, 0)]]
    if lead and lead[0] in wordset("style-givers") and any(w in wordset("style-takers") for w in between):
        if lead[0] == "give" and "of" not in between[:3] and "'s" not in between:
            return first, second
        return second, first
    if (
        tokens
        and tokens[0].text in ("in", "like", "following", "matching", "with")
        and places.get(first, 9) <= 4
        and tokens[0].text != "give"
    ):
        return second, first
    return first, second


def _goes_into(tokens: Sequence[Token], mentioned: Sequence[str], base: str | None) -> bool:
    """Whether the first picture goes into the second, which is the base then: "put the cat on the beach"."""
    first, second = (_place(tokens, image, base) for image in mentioned)
    if second < 0:
        return False
    row = [t.text for t in tokens[max(0, second - 4) : second]]
    while row and row[-1] in (
        "the",
        "a",
        "an",
        "my",
        "this",
        "that",
        "picture",
        "photo",
        "image",
        "of",
        "scene",
    ):
        row.pop()
    leads = bool(row) and row[-1].split()[-1] in _ONTO
    return leads and first < second


def _creates(tokens: Sequence[Token]) -> bool:
    """Whether a clause describes a new picture rather than one to redo."""
    for at, token in enumerate(tokens):
        if token.text in ("a", "an", "some", "two", "three"):
            before = tokens[at - 1] if at else None
            return before is None or before.has("VCREATE") or before.text in ("me", "of")
        if token.has("PRON") and not any(t.text in (",", "draw") for t in tokens[at:]):
            break
    return any(t.has("QUOTE") for t in tokens)


def _real(token: Token, base: str | None) -> list[str]:
    return [base if i == IT and base else i for i in token.images]


def _pair(mentioned: Sequence[str], *, flipped: bool) -> tuple[str, ...]:
    return (mentioned[1], mentioned[0]) if flipped else (mentioned[0], mentioned[1])


def _place(tokens: Sequence[Token], image: str, base: str | None) -> int:
    return next((i for i, t in enumerate(tokens) if t.has("IMG") and image in _real(t, base)), -1)


def _garment_first(tokens: Sequence[Token], mentioned: Sequence[str], base: str | None) -> bool:
    """Whether the first picture mentioned is the garment's."""
    one, two = (_place(tokens, s, base) for s in mentioned[:2])
    if one < 0 or two < 0:
        return False
    before = tokens[:one]
    between = tokens[one + 1 : two]
    a, b = tokens[one], tokens[two]
    if (
        before
        and before[0].text in ("change", "replace", "swap", "switch", "exchange")
        and any(t.has("GARMENT") for t in before)
    ):
        return False
    person_before = any(
        t.has("PERSON") or t.text in ("wear", "wearing", "wears", "dress", "model") for t in before
    )
    garment_before = any(t.has("GARMENT") for t in before)
    if garment_before and not person_before and (any(t.text in _INTO or t.has("PERSON") for t in between)):
        return True
    if person_before and not garment_before:
        return False
    if a.has("KGARMENT") and not a.has("KPERSON") and b.has("KPERSON"):
        return True
    if b.has("KGARMENT") and not b.has("KPERSON") and a.has("KPERSON"):
        return False
    return bool(before and before[0].text in wordset("garment-movers")) and any(
        t.text in _INTO for t in between
    )


def _face_first(tokens: Sequence[Token], mentioned: Sequence[str], base: str | None) -> bool:
    """Whether the first picture mentioned gives the face."""
    one, two = (_place(tokens, s, base) for s in mentioned[:2])
    if one < 0 or two < 0:
        return False
    before = [t.text for t in tokens[:one]]
    between = [t.text for t in tokens[one + 1 : two]]
    if any(t.has("FACESWAP") for t in tokens):
        return any(w in _INTO for w in between) and any(w in ("from", "of") for w in before[-2:])
    if any(w in wordset("face-swappers") for w in before):
        return False
    moves = any(w in wordset("face-movers") for w in before)
    return (
        moves
        and any(w in ("face", "head", "faces") for w in (*before, *between))
        and any(w in _INTO or w in ("in", "and") for w in between)
    )


def outpaint_region(tokens: Sequence[Token]) -> Region:
    """The side on which a picture is to grow; ``middle`` means all of them."""
    from ace_agent.plan import Region

    sides: dict[str, Literal["left", "right", "top", "bottom"]] = {
        "left": "left", "leftwards": "left", "left hand": "left", "right": "right", "rightwards": "right",
        "right hand": "right", "top": "top", "up": "top", "upward": "top", "upwards": "top", "above": "top",
        "sky": "top", "more sky": "top", "bottom": "bottom", "down": "bottom", "downward": "bottom",
        "downwards": "bottom", "below": "bottom", "ground": "bottom", "far left": "left",
        "far right": "right", "headroom": "top", "more headroom": "top",
    }  # fmt: skip
    named = list(dict.fromkeys(sides[t.text] for t in tokens if t.text in sides))
    return Region(side=named[0] if len(named) == 1 else "middle")


_RATIO = re.compile(r"(?<![\d:])(\d{1,2}) ?: ?(\d{1,2})(?![\d:])")


def widened(
    steps: Sequence[ProposedStep], settings: RequestSettings, request: str, context: Context
) -> RequestSettings:
    """The settings with the size to which the one step widens its picture for a ratio: "widen it to 16:9"."""
    found = _RATIO.search(request)
    if found is None or settings.size is not None or [step.task for step in steps] != ["outpaint"]:
        return settings
    known = {image.id: image for image in (*context.images, *context.handed)}
    picture = known.get(steps[0].images[0]) if steps[0].images else None
    if picture is None or not picture.width:
        return settings
    across = int(found[1]) / max(1, int(found[2]))
    size = (
        max(picture.width, round(picture.height * across)),
        max(picture.height, round(picture.width / max(across, 0.01))),
    )
    grows = size != (picture.width, picture.height) and max(size) <= 4 * max(picture.width, picture.height)
    return replace(settings, size=size) if grows else settings
