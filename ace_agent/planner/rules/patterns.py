"""A small pattern language over tagged tokens, compiled to regular expressions.

A pattern is a row of items:

* ``make/turn``: one of these words; words with blanks are written with ``_``;
* ``COLOR/STYLE``: a token with one of these tags; words and tags may be mixed;
* ``..``: up to ten tokens, as few as possible; ``.``: any one token;
* ``-COLOR`` or ``-the``: the next token is not this;
* ``^`` and ``$``: the beginning and the end;
* an item may end in ``?``, and may begin with ``name:`` to capture what it matched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from ace_agent.planner.english.tokens import Token

_ANY = r"(?:\S+ )"


def render(tokens: Sequence[Token]) -> str:
    """Tokens as the text that compiled patterns search: ``word|TAG|TAG| word||``."""
    return "".join(f"{t.text.replace(' ', '_')}|{'|'.join(sorted(t.tags))}| " for t in tokens)


def _atom(item: str) -> str:
    choices = [
        rf"\S*?\|{re.escape(part)}\|\S* " if part.isupper() and len(part) > 1 else rf"{re.escape(part)}\|\S* "
        for part in item.split("/")
    ]
    return f"(?:{'|'.join(choices)})"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern."""
    out: list[str] = []
    for item in pattern.split():
        name, colon, rest = item.partition(":")
        capture = name if colon and name.isidentifier() and rest else ""
        body = rest if capture else item
        if body == "^":
            part = "^"
        elif body == "$":
            part = r"(?:[^\s|]\|PUNCT\| )*$"
        elif body == "..":
            part = f"{_ANY}{{0,10}}?"
        elif body == ".":
            part = _ANY
        elif body.startswith("-") and len(body) > 1:
            part = f"(?!{_atom(body[1:])})"
        elif body.endswith("?"):
            part = f"{_atom(body[:-1]) if body != '.?' else _ANY}?"
        else:
            part = _atom(body)
        out.append(f"(?P<{capture}>{part})" if capture else part)
    head = "" if pattern.startswith("^") else r"(?:(?<= )|^)"
    return re.compile(head + "".join(out))


def search(pattern: str, rendered: str) -> re.Match[str] | None:
    """The first place where ``pattern`` matches a rendered row of tokens."""
    return compiled(pattern).search(rendered)


def index(rendered: str, offset: int) -> int:
    """The number of the token at a character offset of a rendered row."""
    return rendered.count(" ", 0, offset)
