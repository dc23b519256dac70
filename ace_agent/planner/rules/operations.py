"""One clause as an exact operation: crop, turn, resize, adjust, frame ... with the options that its words give."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules import amounts
from ace_agent.planner.rules.reshaping import (
    Operation,
    canvas,
    crop,
    flip,
    frame,
    resize,
    rotate,
    straighten,
    tinted,
    upscale,
)
from ace_agent.planner.rules.tones import photo_filter, thing, tones

_LOCAL = frozenset({"adjust", "filter", "blur_region", "pixelate_region"})
_DRAWS = frozenset({"draw", "paint", "imagine", "generate", "render", "write", "replace", "swap"})
_DAMAGE = re.compile(
    r"\b(?:blurry|blurred|noisy|grainy|scratch\w*|noise|grain|blur|hazy|faded|torn|restore|clear)\b"
)
"""Words for what is mended rather than adjusted."""

_REFUSED = re.compile(r"(?:please )?(?:don't|do not|no|not|never|without|dont|instead of)\b")
_EXCEPT = re.compile(
    r"(?:\b(?:except|but not|besides|excluding|apart from|other than|everything but|all but)|@ but) (?:for )?(.+)"
)
_BUT_KEEP = re.compile(r"\b(?:but|and|,) (?:leave|keep) (.+)")
_ONLY = re.compile(
    r"\b(?:only|just|nothing but) (?=the|his|her|my|their|its)(.+)|\b(the [a-z ]{1,40}) only\b"
)
_FINDABLE = re.compile(r"\b(?:sky|clouds|background|foreground|subject)\b")
_HALF = re.compile(
    r"\b(?:on|in|of|at|only|just|blur|pixelate|pixellate|darken|brighten|lighten|sharpen"
    r"|make) (?:only |just )?(?:the )?"
    r"(left|right|top|upper|bottom|lower)(?: hand)? (?:half|side|part)\b"
)


def operation(tokens: Sequence[Token], size: tuple[int, int] | None = None) -> Operation | None:
    """The operation that a clause asks for; None if it asks for none, or for one on an object in the picture.

    Args:
        tokens: the clause, its mentions of pictures one token each.
        size: width and height of the picture that it works on, for lengths in pixels.

    Raises:
        PlanError: the operation lacks what it needs, such as a crop that does not say what to keep.
    """
    found = named_operation(tokens, size)
    if found is None or not found.limit:
        return found
    # of other things, "make the stove darker" is a change that a model makes; only that cannot miss them
    said = found.task not in ("adjust", "filter") or _FINDABLE.search(found.limit)
    said = (
        said
        or _ONLY.search(text := amounts.words_of(tokens))
        or _EXCEPT.search(text)
        or _BUT_KEEP.search(text)
    )
    return found if said and found.mask is not None else None


def named_operation(tokens: Sequence[Token], size: tuple[int, int] | None = None) -> Operation | None:
    """Like :func:`operation`, but includes those on an object in the picture, named in `limit`."""
    text = amounts.words_of(tokens)
    if not text or _REFUSED.match(text) or (text.split()[0] in _DRAWS and _background(text, size) is None):
        return None
    for reader in _READERS:
        found = reader(text, size)
        if found is None or (found.task == "adjust" and any(_DAMAGE.search(t.text) for t in tokens)):
            continue
        if found.task == "watermark" and any(t.has("QUOTE") for t in tokens):
            found.options["text"] = next(t.surface for t in tokens if t.has("QUOTE")).strip('"')
        return _limited(found, text) if found.task in _LOCAL else found
    return None


def _limited(found: Operation, text: str) -> Operation:
    """The operation, limited to the part of the picture that its words name, if any."""
    from ace_agent.plan import Region

    if half := (_HALF.search(text)):
        where = amounts.side(half[1])
        if where is not None:
            return Operation(found.task, found.options, Region(side=where))
    if (share := amounts.part(text)) is not None:
        return Operation(found.task, found.options, Region(box=amounts.box_of(*share)))
    if re.search(r"\b(?:in|of) the (?:middle|cent(?:er|re))$", text):
        return Operation(found.task, found.options, Region(side="middle"))
    if kept := (_EXCEPT.search(text) or _BUT_KEEP.search(text)):
        return Operation(found.task, found.options, limit=kept[1], inverted=True)
    if (alone := _ONLY.search(text)) and thing(alone[1] or alone[2]):
        return Operation(found.task, found.options, limit=(alone[1] or alone[2]).strip())
    return found


_COLLAGE = re.compile(
    r"\bside by side\b|\bcollages?\b|\bcontact (?:sheet|strip)\b|\b(?:diptych|triptych)\b"
    r"|\bnext to each other\b|\b(?:one )?beside (?:each|the) other\b"
    r"|\bin (?:a|one) (?:row|strip|grid|line|column)\b|\b(?:a|one) (?:single )?(?:strip"
    r"|grid) (?:of|with|from)\b|\b\d ?(?:x|by) ?\d (?:grid|sheet)\b|\bphoto ?grid\b"
)


def _collage(text: str, size: tuple[int, int] | None) -> Operation | None:
    found = _COLLAGE.search(text)
    if not found or re.search(
        r"\b(?:style|look) of a collage|\bcollage (?:style|look|art)\b|\bas a collage\b"
        r"|\bpaper collage\b",
        text,
    ):
        return None
    sure = re.search(r"\bcollage|contact|diptych|triptych|grid", found[0]) is not None
    spoken = thing(text)
    if (
        not sure
        and amounts.PIC not in text
        and not re.search(
            r"\b(?:both|all|them|these|those|pictures|photos|images|shots|the (?:two|three|four|five))\b"
            r"|^side by side",
            text,
        )
    ):
        return None
    if (
        not sure
        and re.search(
            r"\b(?:a|an|another) (?!row|strip|line|grid|thin|thick|white|black|small|narrow)\w+", text
        )
        and spoken is None
        and amounts.PIC not in text
    ):
        return None
    options: dict[str, Any] = {}
    if cells := re.search(
        r"(?<!\w)([1-9]) ?(?:x|by) ?([1-9])(?!\w)|\b(two|three|four) by (?:two|three|four)\b", text
    ):
        options["columns"] = int(cells[1]) if cells[1] else {"two": 2, "three": 3, "four": 4}[cells[3]]
    elif columns := re.search(r"(?<!\w)([1-9]) (?:columns?|across)\b", text):
        options["columns"] = int(columns[1])
    elif re.search(r"\b(?:one above the other|on top of each other|vertical(?:ly)?|column)\b", text):
        options["columns"] = 1
    if re.search(r"\bno (?:gaps?|borders?|space)|\bwithout (?:a )?(?:gaps?|borders?|space)", text):
        options["gap"] = 0.0
    elif re.search(r"\b(?:gaps?|borders?|gutters?|lines?|space|joint|margin)\b", text):
        share = amounts.percent(text)
        options["gap"] = (
            share
            if share is not None
            else 0.01
            if re.search(r"\b(?:thin|fine|narrow|small)\b", text)
            else 0.02
        )
    return Operation("collage", {**options, **tinted(text)})


def _watermark(text: str, size: tuple[int, int] | None) -> Operation | None:
    if not re.search(r"\bwater ?mark(?:ed)?\b", text) or re.search(
        r"\b(?:remove|erase|delete|get rid|without|clean|no) .{0,12}water ?mark"
        r"|\bwater ?marks?\b.{0,8}\b(?:off|away|gone)\b",
        text,
    ):
        return None
    options: dict[str, Any] = {}
    where = amounts.place(text)
    if where:
        options["place"] = where
    elif "diagonal" in text or "across" in text:
        options.update(place="middle", size=0.8)
    share = amounts.percent(text)
    if share is not None:
        options["opacity"] = share
    elif re.search(r"\b(?:faint|pale|transparent|subtle|see through|barely|light)\b", text):
        options["opacity"] = 0.25
    return Operation("watermark", {**options, **tinted(text)})


_ON_A_COLOUR = re.compile(
    r"\b(?:put|place|set|paste|lay|have|show) (?:@|it|him|her|them|that|this|the [\w-]+) (?:on|onto|against|over|before"
    r"|in front of) (?P<color>(?:an? )?(?:(?:plain|solid|pure|clean|simple|flat|light|dark|pale) )*[\w-]+)$"
)


def _background(text: str, size: tuple[int, int] | None) -> Operation | None:
    found = _ON_A_COLOUR.search(text)
    if found is not None and (shade := amounts.color(found["color"])) and amounts.only_color(found["color"]):
        return Operation("background", {"fill": "color", "color": shade})
    if not re.search(r"\bback ?(?:ground|drop)\b|\bbehind (?:@|me|him|her|them|it|us)\b", text):
        return None
    if re.search(r"\b(?:keep|extract|only the background|except|but|from|grayscale|layer|only)\b", text):
        return None
    if re.search(r"\btransparent\b", text) and not re.search(r"\b(?:glass|dress|text)\b", text):
        return Operation("background", {"fill": "transparent"})
    if re.search(r"\b(?:blur|blurred|blurry|out of focus|bokeh|defocus)\b", text):
        radius = (
            {"radius": 0.04}
            if amounts.amount(text) > 0.3
            else {"radius": 0.01}
            if amounts.amount(text) < 0.3
            else {}
        )
        return Operation("background", {"fill": "blur", **radius})
    shade = amounts.color(text)
    if shade is None:
        return None
    rest = re.sub(
        r"\b(?:(?<=the )\w+ (?=back ?(?:ground|drop))|back ?(?:ground|drop)|behind|change|turn|replace|swap|set|with"
        r"|into|for|put|give"
        r"|want|need|of|on|has|have|should|is|@|me|him|her|them|it|us|this|i|add|by|against"
        r"|studio|a|an|the)\b",
        "",
        text,
    )
    return Operation("background", {"fill": "color", "color": shade}) if amounts.only_color(rest) else None


def _blur(text: str, size: tuple[int, int] | None) -> Operation | None:
    found = re.search(r"\b(blur|pixelate|pixellate|censor)\b", text)
    if not found or re.search(
        r"\b(?:remove|un|less|without|fix|no|motion|clear|reduce|get rid of"
        r"|undo) ?(?:the )?(?:motion )?blur\b",
        text,
    ):
        return None
    limit = thing(text[found.start() :]) or ""
    half = _HALF.search(text) or amounts.part(text)
    if found[1] == "blur":
        if (
            not half
            and not limit
            and not re.search(
                r"\bblur (?:@|everything|it|this|all|the (?:whole|entire|picture|image|photo))|\b(?:add"
                r"|give) .{0,12}blur$",
                text,
            )
        ):
            limit = text[found.end() :].strip() or "something"
        strength = amounts.amount(text)
        return Operation(
            "blur_region",
            {"radius": 0.04} if strength > 0.3 else {"radius": 0.01} if strength < 0.3 else {},
            limit="" if half else limit,
        )
    if not half and not limit:
        return None  # pixelating the whole picture is the task mosaic
    return Operation("pixelate_region", {}, limit="" if half else limit)


def _filter(text: str, size: tuple[int, int] | None) -> Operation | None:
    found = photo_filter(text)
    return None if found is None else Operation("filter", found[0], limit=found[1])


def _adjust(text: str, size: tuple[int, int] | None) -> Operation | None:
    if re.search(r"\b(?:night|sunset|sunrise|evening|smile|hair|eyes?)\b", text):
        return None  # a change of daylight, or of a face, takes generation
    found = tones(text)
    return None if found is None else Operation("adjust", found[0], limit=found[1])


_READERS: tuple[Callable[[str, tuple[int, int] | None], Operation | None], ...] = (
    _watermark, _collage, _background, canvas, crop, frame, straighten, rotate, flip, upscale, resize,
    _blur, _filter, _adjust,
)  # fmt: skip


def read_as(task: str, text: str, size: tuple[int, int] | None = None) -> Operation | None:
    """The operation `task` as some words give it; None if they do not. Raises PlanError as :func:`operation`."""
    for reader in _READERS:
        found = reader(text, size)
        if found is not None and found.task == task:
            return _limited(found, text) if task in _LOCAL else found
    return None
