"""Words for tones, colours and sharpness of a whole picture, and for photo filters, as options of an operation."""

from __future__ import annotations

import re
from typing import Any

from ace_agent.planner.english.tables import wordset
from ace_agent.planner.rules.amounts import amount, percent

_FIELDS = {
    "brightness": "brightness", "light": "brightness", "lightness": "brightness", "contrast": "contrast",
    "contrasts": "contrast", "saturation": "saturation", "exposure": "exposure", "warmth": "warmth",
    "sharpness": "sharpness", "vignette": "vignette", "vignetting": "vignette", "shadows": "shadows",
    "highlights": "highlights",
}  # fmt: skip
_CHANGES: dict[str, tuple[str, int]] = {
    "brighten": ("brightness", 1), "brighter": ("brightness", 1), "lighten": ("brightness", 1),
    "lighter": ("brightness", 1), "luminous": ("brightness", 1), "darken": ("brightness", -1),
    "darker": ("brightness", -1), "dimmer": ("brightness", -1), "sharpen": ("sharpness", 1),
    "sharper": ("sharpness", 1), "crisper": ("sharpness", 1), "soften": ("sharpness", -1),
    "softer": ("sharpness", -1), "saturate": ("saturation", 1), "warmer": ("warmth", 1), "cooler": ("warmth", -1),
    "colder": ("warmth", -1), "contrasty": ("contrast", 1), "punchier": ("contrast", 1),
    "vivid": ("saturation", 1), "vibrant": ("saturation", 1), "saturated": ("saturation", 1),
    "muted": ("saturation", -1), "bluer": ("warmth", -1),
}  # fmt: skip
_NEED_MORE = frozenset({"vivid", "vibrant", "saturated", "contrasty", "luminous", "muted"})
_BASIC = {
    "bright": "brightness", "dark": "-brightness", "warm": "warmth", "cold": "-warmth", "cool": "-warmth",
    "saturated": "saturation", "colourful": "saturation", "colorful": "saturation", "flat": "-contrast",
    "sharp": "sharpness", "soft": "-sharpness", "yellow": "warmth", "orange": "warmth", "blue": "-warmth",
    "contrasty": "contrast", "light": "brightness", "vivid": "saturation", "harsh": "contrast",
}  # fmt: skip
_UP = wordset("rising")
_DOWN = wordset("falling")
_PLAIN = wordset("plain-in-tones")
_THING = re.compile(r"\b(?:the|his|her|my|their|our|your|its|this|that|these|those) (?=\S)")
_WHOLE = wordset("whole-picture")
_FILTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("sepia", re.compile(r"\bsepia\b|\bold (?:timey |time )?brown (?:look|tone|tint)\b")),
    (
        "invert",
        re.compile(
            r"\binvert(?:ed)?\b|\bnegative (?:of|version|image|effect|filter|look)\b"
            r"|\b(?:photo|colou?r|film) negative\b|\b(?:into|as|to) (?:a|its|the) negative\b"
        ),
    ),
    ("posterize", re.compile(r"\bposteri[sz]ed?\b")),
    (
        "vintage",
        re.compile(
            r"\b(?:vintage|retro|old film|old movie|analogue?)"
            r"(?= (?:filter|effect|look|photo|film|feel|style|vibe|tone)|$)"
        ),
    ),
    ("emboss", re.compile(r"\bemboss(?:ed|ing)?\b")),
)
_NAMED = re.compile(
    r"\b(sepia|negative|posteri[sz]e|pencil|comic|comics|cartoon|oil|oil paint(?:ing)?|watercolou?r|"
    r"pixel art|vintage|retro|neon|emboss|cool|cold|warm) (?:filter|effect)s?\b"
)
_FILTER_NAMES = {
    "negative": "invert", "posterise": "posterize", "comics": "comic", "watercolour": "watercolor", "retro": "vintage",
    "cold": "cool", "oil paint": "oil", "oil painting": "oil",
}  # fmt: skip


def thing(text: str) -> str | None:
    """The first noun with an article that is not the picture itself; None if there is none."""
    for found in _THING.finditer(text):
        rest = text[found.end() :].split(maxsplit=2)
        if rest and rest[0][0].isalnum() and rest[0] not in _WHOLE and rest[0] not in _PLAIN:
            owned = rest[1:2] if rest[0].endswith(("'s", "s'")) else []
            return f"{found[0]}{' '.join([rest[0], *owned])}"
    return None


def tones(text: str) -> tuple[dict[str, Any], str] | None:
    """The options of `adjust` and the remaining words, which may limit it; None if the text asks for no adjustment."""
    row = [w.strip(".,;!?") or w for w in text.split()]
    found: dict[str, float] = {}
    left: list[str] = []
    nouns = False
    taken: set[int] = set()
    if (auto := _automatic(text)) is not None:
        return auto, ""
    for at, word in enumerate(row):
        near = " ".join(row[max(0, at - 6) : at + 6])
        before = row[max(0, at - 4) : at]
        if word in _FIELDS and (word != "light" or "more" in before or "less" in before):
            signed = _direction(row, at)
            if signed is not None:
                name = _FIELDS[word]
                found.setdefault(name, _value(name, signed, _beside(row, at), near))
                nouns = nouns or word != "light"
                taken.add(at)
                continue
        if word in _CHANGES and not (word in _NEED_MORE and not {"more", "less"} & set(before)):
            name, sign = _CHANGES[word]
            sign = -sign if "less" in before[-2:] or "too" in before[-1:] else sign
            found.setdefault(name, _value(name, sign, _ahead(row, at), near))
            taken.add(at)
            continue
        if word in ("warm", "cool") and row[at + 1 : at + 2] and ({"up", "down"} & set(row[at + 1 : at + 4])):
            found.setdefault("warmth", _value("warmth", 1 if word == "warm" else -1, "", near))
            taken.add(at)
            continue
        if word in _BASIC and (_complaint(row, at) or before[-1:] in (["less"], ["more"])):
            name = _BASIC[word].lstrip("-")
            sign = -1 if _BASIC[word].startswith("-") else 1
            sign = sign if before[-1:] == ["more"] else -sign
            found.setdefault(name, _value(name, sign, "", near))
            taken.add(at)
    if not found:
        return None
    for at, word in enumerate(row):
        plain = (
            not word[0].isalnum()
            or word in _PLAIN
            or word in _FIELDS
            or word in _WHOLE
            or word in _UP
            or word in _DOWN
        )
        if at not in taken and not plain and not word.lstrip("+-").rstrip("%").replace(".", "").isdigit():
            left.append(word)
    limit = thing(text) or ""
    if not limit and left and not nouns:
        limit = " ".join(left)
    return dict(found), limit


def _automatic(text: str) -> dict[str, Any] | None:
    if re.search(r"\bauto(?:matic)?(?: adjust)? (?:levels?|contrast|tones?|colou?rs?)\b", text):
        return {"levels": True}
    return None


def _direction(row: list[str], at: int) -> int | None:
    """Whether to raise (1) or lower (-1) a tone; None if nothing says."""
    for step in (1, 2, 3, 4):
        for place in (at - step, at + step):
            if 0 <= place < len(row):
                word = row[place]
                if word in (",", "and", "but") and place > at:
                    break
                if word in _DOWN or (word.startswith("-") and word[1:2].isdigit()):
                    return -1
                if word in _UP:
                    return 1
    beside = row[at + 1 : at + 2]
    return 1 if beside and beside[0].rstrip("%").isdigit() else None


def _beside(row: list[str], at: int) -> str:
    after = row[at + 1 : at + 6]
    stop = next((n for n, w in enumerate(after) if w in _FIELDS or w in _CHANGES or w == ","), len(after))
    return " ".join(after[:stop]) or " ".join(row[max(0, at - 3) : at])


def _ahead(row: list[str], at: int) -> str:
    return " ".join(row[at + 1 : at + 6])


def _value(name: str, sign: int, beside: str, near: str) -> float:
    size = percent(beside)
    digits = re.search(r"(?<![\w.])\d+(?:\.\d+)?(?![\w:])", beside)
    if name == "exposure":
        stops = float(digits[0]) if digits and size is None else 2 * amount(near, 0.25)
        return round(max(-4.0, min(4.0, sign * stops)), 3)
    if size is None and digits:
        size = float(digits[0]) / 100 if float(digits[0]) > 1 else float(digits[0])
    size = min(size, 1.0) if size is not None else amount(near)
    if name == "vignette":
        return round(size if sign > 0 else 0.0, 3)
    return round(sign * size, 3)


def _complaint(row: list[str], at: int) -> bool:
    """Whether an adjective names a fault of the picture: "it is too dark", "looks a bit flat"."""
    before = row[max(0, at - 4) : at]
    if before[-1:] == ["too"]:
        return True
    seen = {"is", "looks", "it's", "came", "turned", "'s", "looking", "was"} & set(before)
    return bool(seen) and row[at] in ("dark", "flat") and not {"not", "like", "a"} & set(before[-1:])


def photo_filter(text: str) -> tuple[dict[str, Any], str] | None:
    """The options of `filter` and what limits it; None if the text asks for no filter."""
    name = None
    if found := _NAMED.search(text):
        name = _FILTER_NAMES.get(found[1], found[1])
    else:
        for candidate, pattern in _FILTERS:
            found = pattern.search(text)
            if found:
                name = candidate
                break
    if name is None or found is None:
        return None
    rest = f"{text[: found.start()]} {text[found.end() :]}"
    spoken = thing(rest)
    extra = {
        "filter",
        "effect",
        "effects",
        "style",
        "vibe",
        "old",
        "film",
        "apply",
        "put",
        "use",
        "go",
        "into",
        "convert",
    }
    left = [
        w.strip(".,!?") for w in rest.split()
        if w[0].isalnum() and w.strip(".,!?") not in _PLAIN | extra | _WHOLE and not w.rstrip("%").isdigit()
    ]  # fmt: skip
    options: dict[str, Any] = {"name": name}
    share = percent(rest)
    if share is not None:
        options["strength"] = min(share, 1.0)
    elif re.search(r"\b(?:bit|little|slight|slightly|subtle|touch|light|faint)\b", rest):
        options["strength"] = 0.5
    return options, spoken or " ".join(left)
