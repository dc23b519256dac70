"""Requests for something that makes no new picture: again, redo, save, show, and talk that wants an answer."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ace_agent.errors import PlanError
from ace_agent.planner.english.lexicon import NUMBERS
from ace_agent.planner.english.tables import rows
from ace_agent.planner.interface import Act
from ace_agent.planner.rules import HERE

if TYPE_CHECKING:
    from ace_agent.planner.interface import Context
    from ace_agent.planner.rules.parsed_request import ParsedRequest

_POLITE = re.compile(
    r"\A(?:\W*+(?:please|pls|plz|can|could|would|will|you|hey|ok|okay|now|just|and|then|so|yeah|yes|no|hmm|actually|i|want"
    r" to|to|let's|lets|good|great|fine|perfect|nice|lovely|cool|right|sure|thanks|thank you|that's it|done)\b\W*+)++",
    re.IGNORECASE,
)
_THANKS_AFTER = re.compile(
    r"(?<![\s,.!?])[\s,.!?]++(?:please|pls|thanks|thank you|thx|cheers|ta|mate)?+[\s,.!?]*+$", re.IGNORECASE
)
_IT = r"(?:it|this|that|this one|that one|the same|the same thing|the (?:last )?(?:picture|image|photo|result|one))"
_COUNT = rf"(?P<count>\d|{'|'.join(name for name, value in NUMBERS.items() if 1 < value < 10)})"
_AGAIN = re.compile(
    rf"(?:(?:try|do|make|run|generate|give me|get me|draw|have)\s+)?(?:{_IT}\s+)?"
    r"(?:again|once more|once again|one more(?: time| try| go)?|another(?: one| go| try| version| take| attempt)?"
    r"|an ?other one|a (?:different|new|fresh) (?:one|version|take|try)|over again|re-?roll(?: it)?|re-?try"
    rf"|(?:another )?{_COUNT}(?: more| others?| other (?:tries|takes|versions|ones)| tries)"
    r"(?: (?:like|of) (?:it|this|that|these|those|them)| (?:versions?|variations?|tries|takes))?"
    r"|try again|same again|new seed|another seed|(?:again )?with (?:another|a new|a different|other) seeds?)"
    r"(?:,? with (?:another|a new|a different) seed)?",
    re.IGNORECASE,
)
_REDO = re.compile(
    r"redo(?: it| that| the last (?:one|change|step))?|(?:go )?forward(?: again)?|undo the undo",
    re.IGNORECASE,
)
_SAVE = re.compile(
    r"(?:save|export|download|store|write|keep|call|name)\b(?P<what>.{0,60}?)(?:\s+(?:(?:as|to|in|into|under|called|named)\s+)?"
    r"\"?(?P<file>[^\s\"]{1,80}\.[A-Za-z]{3,4})\"?)?",
    re.IGNORECASE,
)
_SHOW = re.compile(
    r"(?:show|display|open|view|let me (?:see|look at)|see)\b(?: me)?(?P<what>.{0,60})", re.IGNORECASE
)
_DESCRIBE = re.compile(
    r"(?:describe|what(?:'s| is| are| can you see| do you see)?(?: there| shown| visible)?(?: in| on| of)?"
    r"|(?:tell me )?what(?: does)?|who(?:'s| is| are)(?: there)?(?: in| on))"
    r"(?P<what> (?:this|that|the|my|it|@\d+)\b.{0,50}?)(?: shows?)?",
    re.IGNORECASE,
)
_MENTION = re.compile(
    rf"\s*(?:{_IT}|(?:this|that|my) (?:picture|photo|image)|me|@\d+|@last|@first"
    r"|(?:the )?(?:first|second|third|fourth|fifth|last|latest|newest|previous|original)"
    r"(?: (?:one|picture|image|photo|version))?|(?:picture|image|photo|number) \d+"
    r"|the .{1,40} (?:one|picture|photo|image)|what (?:you|we) (?:have|made)(?: so far)?|the result)?\s*",
    re.IGNORECASE,
)
_WHICH = re.compile(
    r"(?:which|what) (?:picture|image|photo|one) (?:is|am|are) (?:this|it|that|current|i (?:looking )?(?:at|on)"
    r"|we (?:at|on))(?: now)?",
    re.IGNORECASE,
)


@cache
def _answers() -> tuple[tuple[re.Pattern[str], str], ...]:
    split = (row.split(" | ", 1) for row in rows("talk", HERE))
    return tuple((re.compile(rf"\A(?:{pattern})", re.IGNORECASE), said) for pattern, said in split)


_AND_SAVE = re.compile(
    r"(?<=\w)\W{1,3}(?:(?:and|then|also|please|finally)\s{1,3}){0,3}(?:save|export|store|call|name)\s+"
    r"(?:it|this|that|the result|everything)?"
    r"\s*(?:(?:as|to|under|called|named)\s+)?\"?(?P<file>[^\s\"]{1,80}\.(?:png|jpe?g|webp|tiff?))\"?[\s.!]*\Z",
    re.IGNORECASE,
)


def without_save(request: str) -> tuple[str, str]:
    """A request for a picture without "and save it as x.png" at its end, and that file; else as it is, and nothing."""
    found = _AND_SAVE.search(request)
    if found is None or _POLITE.fullmatch(f"{request[: found.start()]} "):
        return request, ""
    return request[: found.start()], found["file"]


def act_of(request: ParsedRequest) -> Act | None:
    """What a request asks for that makes no picture; None if it makes one."""
    text = " ".join(request.asked.split())
    if len(text) > 160:
        return None
    bare = _THANKS_AFTER.sub("", text)
    if said := _answer(bare or text, request.context):
        return Act("talk", said=said)
    bare = _POLITE.sub("", bare, count=1) if _POLITE.match(bare) else bare
    if found := _AGAIN.fullmatch(bare):
        count = (found["count"] or "1").lower()
        return Act("again", count=NUMBERS.get(count) or int(count))
    if _REDO.fullmatch(bare):
        return Act("redo")
    if (found := _SAVE.fullmatch(bare)) and _MENTION.fullmatch(found["what"]):
        return Act("save", _pictures(request, found["what"]), found["file"] or "")
    if (found := _DESCRIBE.fullmatch(bare.rstrip("? "))) and _MENTION.fullmatch(found["what"]):
        return Act("describe", _pictures(request, found["what"]))
    if (found := _SHOW.fullmatch(bare)) and _MENTION.fullmatch(found["what"]):
        return Act("show", _pictures(request, found["what"]))
    return None


def _answer(text: str, context: Context) -> str:
    if _WHICH.fullmatch(text):
        newest = next((image for image in context.images if image.id == context.newest), None)
        return f"The current picture is {newest.id}: {newest.text}." if newest else "There is no picture yet."
    if said := _said(text):
        return said
    answers = [_said(part) for part in _parts(text)]
    return answers[0] if answers and all(answers) else ""


def _said(text: str) -> str:
    return next((said for pattern, said in _answers() if text and pattern.fullmatch(text)), "")


def _parts(text: str) -> list[str]:
    """The sentences of small talk: "thanks, that's lovely!" has two."""
    return [part.strip() for part in re.split("[,.!;]", text) if part.strip()]


def _pictures(request: ParsedRequest, what: str) -> tuple[str, ...]:
    if not what.strip():
        return ()
    try:
        return tuple(dict.fromkeys(request.named))
    except PlanError:
        return ()
