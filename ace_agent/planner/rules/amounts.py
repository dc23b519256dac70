"""How much, how large, where and in which colour: the parameters that a clause gives its operation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ace_agent.planner.english.lexicon import NUMBERS
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token

PIC = "@"
"""What stands for a mention of a picture in a clause's words."""

QUOTE = '"'
"""What stands for a quotation in a clause's words."""

_HYPHEN = re.compile(r"(?<=\w)-")
_UNITS = wordset("measures")
_LITTLE = re.compile(
    r"\b(?:bit|little|slight|slightly|touch|tad|notch|hair|gently|gentle|subtle|subtly|somewhat|smidge|finger|mildly)\b"
)
_MUCH = re.compile(
    r"\b(?:much|lot|lots|way|far|very|strong|strongly|heavy|heavily|significantly|dramatically|really|super|loads|ton|"
    r"tons|extremely|considerably|hugely)\b"
)
_SIDES: dict[str, Literal["left", "right", "top", "bottom"]] = {
    "left": "left", "right": "right", "top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom",
}  # fmt: skip
_PART = re.compile(
    r"\b(left|right|top|upper|bottom|lower)(?: hand)? (half|third|quarter|two thirds)\b"
    r"|\b(half|third|quarter|two thirds)(?: of)?(?: (?:it|@|the))?(?: (?:picture|image|photo))?"
    r" (?:at|on|from|off)? ?(?:the )?(left|right|top|bottom)\b"
)
_SHARES = {"half": 0.5, "third": 1 / 3, "quarter": 0.25, "two thirds": 2 / 3}
_COLORS = re.compile(
    r"\b(white|black|gr[ae]y|red|green|blue|yellow|orange|purple|pink|brown|gold(?:en)?|silver|cream|beige|ivory|navy|"
    r"teal|turquoise|violet|lavender|lilac|magenta|cyan|maroon|coral|salmon|khaki|olive|crimson|indigo|mustard|cobalt|charcoal|"
    r"off white)\b"
)
_CSS = {
    "golden": "gold", "cream": "#fffdd0", "lilac": "#c8a2c8", "mustard": "#e1ad01", "off white": "#faf9f6",
    "grey": "gray", "cobalt": "#0047ab", "charcoal": "#36454f",
}  # fmt: skip
_SHADES = re.compile(r"\b(light|pale|dark|deep) (blue|gr[ae]y|green|pink|red|yellow|orange)\b")
_SHADED = {
    "light": {
        "blue": "lightblue", "gray": "lightgray", "green": "lightgreen", "pink": "lightpink", "red": "lightcoral",
        "yellow": "lightyellow", "orange": "#ffd8a8",
    },
    "dark": {
        "blue": "darkblue", "gray": "#404040", "green": "darkgreen", "pink": "deeppink", "red": "darkred",
        "yellow": "#b8a000", "orange": "darkorange",
    },
}  # fmt: skip


def words_of(tokens: Sequence[Token]) -> str:
    """A clause as plain words: `@` for a picture, `"` for a quotation, digits for numbers before a unit."""
    row = []
    for at, token in enumerate(tokens):
        after = tokens[at + 1].text.split()[0] if at + 1 < len(tokens) and tokens[at + 1].text.split() else ""
        if token.has("IMG"):
            row.append(PIC)
        elif token.has("QUOTE"):
            row.append(QUOTE)
        elif token.text in NUMBERS and after in _UNITS:
            row.append(str(NUMBERS[token.text]))
        else:
            row.append(_HYPHEN.sub(" ", token.text))
    return " ".join(row)


def number(text: str) -> float | None:
    """The first number of a text."""
    found = re.search(r"(?<![\w:@.])-?\d+(?:\.\d+)?", text)
    return float(found[0]) if found else None


def percent(text: str) -> float | None:
    """The first percentage of a text, as a fraction."""
    found = re.search(r"(?<![\w.])(\d+(?:\.\d+)?) ?(?:%|percent\b|per cent\b)", text)
    return float(found[1]) / 100 if found else None


def pixels(text: str) -> int | None:
    """The first number of pixels of a text."""
    found = re.search(r"(?<![\w.])(\d{1,5}) ?(?:px|pixels?)\b", text)
    return int(found[1]) if found else None


def size(text: str) -> tuple[int, int] | None:
    """Width and height, of `800x600`, `800 by 600` or `800 on 600`."""
    found = re.search(r"(?<![\w.])(\d{2,5}) ?(?:px |pixels )?(?:x|by|on|\*) ?(\d{2,5})(?!\w|:)", text)
    return (int(found[1]), int(found[2])) if found else None


def aspect(text: str) -> str | None:
    """An aspect ratio, as the options of an operation write it."""
    if found := re.search(r"(?<![\w.:])(\d{1,2}(?:\.\d+)?)[:/](\d{1,2}(?:\.\d+)?)(?![\w:])", text):
        return f"{found[1]}:{found[2]}"
    if found := re.search(
        r"(?<![\w.])(\d{1,2}) (?:by|to|x) (\d{1,2})(?!\w)(?! (?:px|pixels|degrees|%))", text
    ):
        return f"{found[1]}:{found[2]}"
    if re.search(r"\bsquared?\b", text):
        return "1:1"
    if re.search(r"\bpostcard\b", text):
        return "3:2"
    if re.search(r"\b(?:wide ?screen|banner format)\b", text):
        return "16:9"
    if found := re.search(r"\b(portrait|landscape) (?:format|orientation|shape|mode|ratio)\b", text):
        return found[1]
    return None


def amount(text: str, default: float = 0.3) -> float:
    """The strength of a change, 0 to 1: by a percentage, by "a bit" or "much", else the default."""
    given = percent(text)
    if given is not None:
        return min(given, 1.0)
    if little := _LITTLE.findall(text):
        return default / 2 ** min(len(little), 2)  # "a bit ... very slightly"
    return min(default * 2, 1.0) if _MUCH.search(text) else default


def side(text: str) -> Literal["left", "right", "top", "bottom"] | None:
    """The one side that a text names; None when it names none or several."""
    found = {_SIDES[w] for w in text.split() if w in _SIDES}
    return found.pop() if len(found) == 1 else None


def part(text: str) -> tuple[Literal["left", "right", "top", "bottom"], float] | None:
    """A side and the share of the picture there: "the left third"."""
    found = _PART.search(text)
    if not found:
        return None
    return _SIDES[found[1] or found[4]], _SHARES[found[2] or found[3]]


def box_of(
    where: Literal["left", "right", "top", "bottom"], share: float
) -> tuple[float, float, float, float]:
    """That part of a picture as [x0, y0, x1, y1] in fractions."""
    share = round(share, 4)
    return {
        "left": (0.0, 0.0, share, 1.0),
        "right": (round(1 - share, 4), 0.0, 1.0, 1.0),
        "top": (0.0, 0.0, 1.0, share),
        "bottom": (0.0, round(1 - share, 4), 1.0, 1.0),
    }[where]


def place(text: str) -> str | None:
    """Where something goes: a corner, a side or the middle."""
    words = set(text.split())
    down = "top" if words & {"top", "upper"} else "bottom" if words & {"bottom", "lower", "foot"} else ""
    across = "left" if "left" in words else "right" if "right" in words else ""
    if down or across:
        return f"{down} {across}".strip()
    return "middle" if words & {"middle", "center", "centre", "centred", "centered"} else None


def color(text: str) -> str | None:
    """The colour that a text names, as CSS writes it."""
    if shade := _SHADES.search(text):
        tone = "light" if shade[1] in ("light", "pale") else "dark"
        return _SHADED[tone][shade[2].replace("grey", "gray")]
    found = _COLORS.search(text)
    return _CSS.get(found[1], found[1]) if found else None


def only_color(text: str) -> bool:
    """Whether a text is only a colour: "plain light grey", "a solid white"."""
    rest = _COLORS.sub("", text)
    return not re.sub(
        r"\b(?:plain|solid|flat|simple|uniform|clean|pure|all|light|pale|dark|deep|a|an|the|to|in|be|with|just|only|"
        r"colou?r|instead|please|completely|totally|fully|and|rich|one|make|now)\b",
        "",
        rest,
    ).strip(" ,.@")
