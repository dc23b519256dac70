"""The style, colour and texture that the words around a name give the thing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ace_agent.references.colors import TEXTURES, TINTS
from ace_agent.references.vocabulary import FACE_WORDS, STYLE_WORDS, STYLES

_STYLE_OF = {word: style for style, word in STYLE_WORDS.items()}
_BEFORE = re.compile(
    rf"\b(?:({'|'.join(_STYLE_OF)})\s+)?(?:\b({'|'.join(TINTS)}|grey)\s+)?$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"\s+(?:made\s+of\s+({'|'.join(TEXTURES)})|with\s+({'|'.join(t for t in TEXTURES if ' ' in t)}))\b(?!\s+cream)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Description:
    """A thing as words describe it; "" for a colour or texture that they do not mention."""

    name: str
    style: str = STYLES[0]
    color: str = ""
    texture: str = ""

    @property
    def drawing(self) -> str:
        """Key of its picture in the library."""
        return f"{self.name}|{self.style}"

    @property
    def key(self) -> str:
        """Key of its placement."""
        return f"{self.drawing}|{self.texture}" if self.texture else self.drawing


def describe(name: str, instruction: str, start: int, stop: int) -> Description:
    """What the words around ``instruction[start:stop]`` say of the thing: "a glossy red car made of wood"."""
    before, after = _BEFORE.search(instruction[:start]), _AFTER.match(instruction, stop)
    style, color = (word.lower() if word else "" for word in before.groups()) if before else ("", "")
    color = "gray" if color == "grey" else color
    texture = (after[1] or after[2]).lower() if after else ""
    return Description(name, _STYLE_OF.get(style, STYLES[0]), color, texture)


_CHANGES = (
    ("texture", re.compile(rf"\b({'|'.join(TEXTURES)})\b(?!\s+cream)", re.IGNORECASE)),
    ("color", re.compile(rf"(?<!\bon )\b({'|'.join(TINTS)})\b(?!\s+(?:field|hair)\b)", re.IGNORECASE)),
)
_NOT_OF_IT = re.compile(r"\"|\bbackground\b|\bfading\b", re.IGNORECASE)


def describe_changed(look: Description, instruction: str, start: int, stop: int) -> Description:
    """The only thing that an instruction names, as its change leaves it: "set the colour of the car to red", "cover the
    car with moss". Colours of lettering, backgrounds, fields and hair are not the thing's."""
    if _NOT_OF_IT.search(instruction):
        return look
    rest = _BEFORE.sub("", instruction[:start]) + " , " + instruction[stop:]
    for part, words in _CHANGES:
        said = {match[1].lower() for match in words.finditer(rest)}
        if len(said) == 1:
            return replace(look, **{"color": "", "texture": "", part: said.pop()})
    return look


_FACE = re.compile(r"\bfaces?\b(?!\s+of\b)", re.IGNORECASE)
_MOODS = {words: face for face, both in FACE_WORDS.items() for words in both}
_MOOD = re.compile(rf"\b({'|'.join(sorted(_MOODS, key=len, reverse=True))})\b(?!\s+face)", re.IGNORECASE)


def expression(instruction: str) -> tuple[str, int, int] | None:
    """The face that "make the happy face sad" asks for, with the start and stop of the word."""
    moods = list(_MOOD.finditer(instruction)) if _FACE.search(instruction) else []
    return (_MOODS[moods[0][1].lower()], *moods[0].span()) if len(moods) == 1 else None
