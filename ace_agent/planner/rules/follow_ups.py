"""Follow-ups that leave out what the last turn said: "a bit more", "green rather", "no, I mean laughing"."""

from __future__ import annotations

import re

from ace_agent.plan.wording import in_words
from ace_agent.planner.english.tokens import Token, join_tokens, tokenize
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.rules.verbs import begins_command

_MOST = 60
"""Characters of the longest follow-up that is completed here."""
_OPENING = (
    r"\A(?:(?:no|nope|nah|hm+|h?mmm+|ok|okay|oh|well|and|but|now|wait|sorry|oops|actually|maybe|perhaps|rather|yes|yeah"
    r"|please|just|still|good|nice|better|great|thanks|lovely|then)\b[\s,.!?-]*+)*+"
)
_CLOSING = (
    r"(?:[\s,]*+\b(?:please|pls|rather|instead|then|maybe|perhaps|though|again|yet|still|now|thanks)\b)*+"
    r"[\s.!?]*+\Z"
)
_DEGREE = r"(?:(?:a|one|little|tiny|bit|tad|touch|lot|much|even|some|still|way|far)\s+)*+"
_MORE = re.compile(rf"{_OPENING}{_DEGREE}(?:more|stronger|further){_CLOSING}", re.IGNORECASE)
_LESS = re.compile(
    rf"{_OPENING}(?:that'?s\s+|it'?s\s+)?{_DEGREE}(?:less|weaker|too\s+(?:much|strong)){_CLOSING}",
    re.IGNORECASE,
)
_MEANT = re.compile(
    rf"{_OPENING}i\s+meant?+\b\s*+[,:]?\s*+(?P<said>[\w' -]{{2,40}}?){_CLOSING}", re.IGNORECASE
)
_BARE = re.compile(rf"{_OPENING}(?:in\s+)?(?P<said>[\w -]{{2,30}}?){_CLOSING}", re.IGNORECASE)
_SAME = re.compile(
    rf"{_OPENING}(?:do\s+|make\s+)?(?:the\s+)?same(?:\s+(?:one|picture|thing|again))?,?\s+(?:but\s+)?(?:as|in)\s+"
    rf"(?P<said>[\w' -]{{3,40}}?){_CLOSING}",
    re.IGNORECASE,
)
_LIKEWISE = re.compile(
    rf"{_OPENING}(?:(?:can|could|would|will)\s+you\s+)?(?:do|apply|make|use|repeat)?\s*(?:exactly\s+)?(?:the\s+)?"
    r"(?:same|that|this)(?:\s+(?:thing|changes?|edits?|steps?))?\s+(?:to|for|with|on)\s+(?P<where>[\w'@ -]{2,40}?)"
    rf"(?:\s+(?:too|as\s+well|also))?{_CLOSING}",
    re.IGNORECASE,
)
_NOUN = r"[\w-]{2,20}"
_NOUNS = r"[\w -]{2,30}?"
_INSTEAD = re.compile(
    rf"{_OPENING}(?:i\s+(?:said|meant?)\s+)?"
    rf"(?:not\s+(?:the|his|her|its)\s+(?P<wrong>{_NOUN}),?\s+(?:but\s+)?the\s+(?P<right>{_NOUNS})"
    rf"|the\s+(?P<first>{_NOUNS}),?\s+not\s+the\s+(?P<second>{_NOUN})){_CLOSING}",
    re.IGNORECASE,
)
_THIS = re.compile(r"(?:this|that|it|the new)(?:\s+(?:one|picture|photo|image|file))?", re.IGNORECASE)
_REPEATED = re.compile(r"(?:, a bit more|, very slightly)+\Z")
_WITH_THING = frozenset(("add", "edit_color", "edit_texture", "edit_motion", "replace", "fuse_layers"))
"""Tasks whose instruction names one thing, which the next turn may leave out."""
_GROWN = frozenset(
    ("bigger", "larger", "smaller", "taller", "shorter", "longer", "wider", "thinner", "thicker", "narrower")
)
_SHADES = frozenset(("dark", "light", "pale", "bright", "deep"))
_JOINED = frozenset(
    ("in", "on", "to", "from", "into", "with", "of", "at", "behind", "beside", "next", "under", "over", "by", "for",
     "and", "as", "that", "who", "so", "near", "above", "below", "onto", "inside", "around", "through", "against",
     "between", ",", ".", "(")
)  # fmt: skip
"""What ends the name of a thing."""
_DETERMINERS = frozenset(
    ("a", "an", "the", "some", "him", "his", "her", "it", "its", "them", "their", "me", "my", "our", "your")
)


def in_full(request: str, context: Context) -> str:
    """A follow-up of a few words with what it leaves out, from the step that made the current picture.

    Any other request is returned as it is.
    """
    if len(request) > _MOST:
        return request
    if found := _LIKEWISE.match(request):
        return _likewise(found["where"], context) or request
    last = next((image for image in context.images if image.id == context.newest), None)
    if last is None or not last.task or not last.instruction or context.handed:
        return request
    done = _REPEATED.sub("", in_words(last.instruction))
    if _MORE.match(request):
        return f"{done}, a bit more"
    before = context.path[-2] if len(context.path) > 1 else None
    if _LESS.match(request) and before is not None:
        return f"in {before}, {done}, very slightly"
    if (found := _SAME.match(request)) and any(token.has("STYLE") for token in tokenize(found["said"])):
        styled = last.task in ("edit_style", "filter") and before is not None
        return f"{f'in {before}, ' if styled else ''}turn it into {found['said']}"
    if (found := _INSTEAD.match(request)) and before is not None:
        wrong, right = (
            (found["wrong"], found["right"]) if found["right"] else (found["second"], found["first"])
        )
        spot = re.compile(rf"\b{re.escape(wrong)}\b", re.IGNORECASE)
        if spot.search(done):
            return f"in {before}, {spot.sub(right, done)}"
    if found := _MEANT.match(request):
        return _corrected(found["said"], last, before) or request
    found = _BARE.match(request)
    return (_completed(found["said"], last) if found else "") or request


def _likewise(where: str, context: Context) -> str:
    """What the last turn did, for another picture; empty if nothing was done yet."""
    made = [image for image in context.images if image.task and image.instruction]
    if not made or made[-1].task == "text_to_image":
        return ""
    done = dict.fromkeys(in_words(image.instruction) for image in made if image.turn == made[-1].turn)
    words = ", then ".join(done)
    if _THIS.fullmatch(where):
        return words if context.handed or context.newest != made[-1].id else ""
    return f"in {where}, {words}"


def _completed(said: str, last: KnownImage) -> str:
    """ "make the scarf green" of "green"; empty if it is no bare colour or size, or no thing is known."""
    tokens = tokenize(said)
    thing = _thing(last)
    if not thing or not tokens:
        return ""
    words = [token for token in tokens if token.text not in ("a", "bit", "little", "much", "even", "lot")]
    shades = [token for token in words if not token.has("COLOR") and token.text not in _SHADES]
    if words and not shades and words[-1].has("COLOR") and last.task != "text_to_image":
        return f"make the {thing} {join_tokens(words)}"
    if len(words) == 1 and words[0].text in _GROWN:
        return f"make the {thing} {said}"
    return ""


def _corrected(said: str, last: KnownImage, before: str | None) -> str:
    """The last request with the word that was meant; on the picture before it, if there is one."""
    tokens = tokenize(said)
    if not tokens or len(tokens) > 3 or any(token.has("IMG", "ID", "ORD") for token in tokens):
        return ""
    if full := _completed(said, last):
        return full
    row = tokenize(in_words(last.instruction))
    if len(row) < 2 or before is None or not begins_command(row, 0):
        return ""
    same = [at for at, token in enumerate(row) if at and not token.tags.isdisjoint(tokens[-1].tags)]
    at = same[-1] if same and tokens[-1].tags else len(row) - 1
    return f"in {before}, {join_tokens([*row[:at], *tokens, *row[at + 1 :]])}"


def _thing(last: KnownImage) -> str:
    """The thing that the last step named, without its colour: "scarf" of "add a red scarf to it"."""
    if last.task == "render_text":
        return "lettering"
    if last.task not in _WITH_THING:
        return ""
    row = tokenize(in_words(last.instruction))
    if row and begins_command(row, 0):
        row = row[1:]
    kept: list[Token] = []
    for token in row:
        if token.text in _JOINED or (
            kept and (token.has("COLOR", "NUM") or token.text in _GROWN or token.text in _DETERMINERS)
        ):
            break
        if not token.has("COLOR", "NUM", "PUNCT") and token.text not in _DETERMINERS:
            kept.append(token)
    return join_tokens(kept) if 0 < len(kept) <= 4 else ""
