"""What the plan parser reads: the request, then a line for each picture, as word pieces with markers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_REQUEST = 160
"""Word pieces of a request; a longer one loses its middle."""
MOST_PICTURES = 12
"""The newest pictures, those handed over included."""
MOST_DESCRIPTION = 30
"""Word pieces of a description; a longer one loses its middle."""


@dataclass(frozen=True)
class Seen:
    """A picture as the parser sees it: `@3` or `input1`, what it is, and what is known of it."""

    name: str
    kind: str  # photo, made, mask
    description: str
    current: bool = False
    undone: bool = False

    @property
    def handed_over(self) -> bool:
        return self.name.startswith("input")


@dataclass(frozen=True)
class Encoded:
    """Token ids, and where the words and pictures are among them.

    Args:
        ids: of the whole, `[CLS]` first.
        offsets: of each of the request's word pieces, first and last character + 1.
        first: the position of the request's first word piece.
        pictures: position of each picture's marker, by its name.
        masks: positions of the markers of masks.
        places: int [3, L], of each position of `ids`, 0 where it is of no picture: the picture's place counted from the
            newest, on its whole line and on words of the request that fit it alone; on its marker, its place counted
            from the oldest, and its kind.
        masked: whether a mask came with the request.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    first: int
    pictures: dict[str, int]
    masks: list[int]
    places: list[list[int]]
    masked: bool

    @property
    def words(self) -> tuple[int, int]:
        """The first and the last position of the request's words."""
        return self.first, self.first + max(1, len(self.offsets)) - 1

    def text(self, request: str, first: int, last: int) -> str:
        """The request's text between two positions, grown to whole words."""
        if not self.offsets:
            return ""
        begin = self.offsets[min(max(first - self.first, 0), len(self.offsets) - 1)][0]
        end = self.offsets[min(max(last - self.first, 0), len(self.offsets) - 1)][1]
        while begin > 0 and request[begin - 1].isalnum() and request[begin].isalnum():
            begin -= 1
        while end < len(request) and request[end].isalnum() and request[end - 1].isalnum():
            end += 1
        return request[begin:end]


def encode(tokenizer: Tokenizer, request: str, pictures: Sequence[Seen], masked: bool = False) -> Encoded:
    """Encode a request and its pictures, oldest first."""
    mark = {name: piece(tokenizer, f"[unused{n}]") for n, name in enumerate(_MARKS, 1)}
    asked = tokenizer.encode(request, add_special_tokens=False)
    pieces = list(zip(asked.ids, asked.offsets, strict=True))
    if len(pieces) > MOST_REQUEST:
        pieces = pieces[: MOST_REQUEST // 2] + pieces[-MOST_REQUEST // 2 :]
    kept = list(pictures)[-MOST_PICTURES:]
    current = next((seen for seen in pictures if seen.current), None)
    if current is not None and current not in kept:
        kept[0] = current
    ids = [piece(tokenizer, "[CLS]"), *(number for number, _ in pieces)]
    ranks = linked(request, kept)
    pictured = [(0, 0, 0), *((ranks.get(begin, 0), 0, 0) for _, (begin, _) in pieces)]
    if masked:
        ids.append(mark["masked"])
    ids.append(piece(tokenizer, "[SEP]"))
    pictured += [(0, 0, 0)] * (len(ids) - len(pictured))
    markers: dict[str, int] = {}
    masks: list[int] = []
    for rank, seen in enumerate(reversed(kept), 1):
        markers[seen.name] = len(ids)
        if seen.kind == "mask":
            masks.append(len(ids))
        line = [mark[_mark(seen)], *_pieces(tokenizer, _line(seen))]
        pictured.append((rank, 1 + len(kept) - rank, 1 + _MARKS.index(_mark(seen))))
        pictured += [(rank, 0, 0)] * (len(line) - 1)
        ids += line
    ids.append(piece(tokenizer, "[SEP]"))
    pictured.append((0, 0, 0))
    places = [list(row) for row in zip(*pictured, strict=True)]
    return Encoded(ids, [offset for _, offset in pieces], 1, markers, masks, places, masked)


def linked(request: str, pictures: Sequence[Seen]) -> dict[int, int]:
    """Places in the request of words that fit one picture alone, and that picture's place counted from the newest.

    A word fits a picture whose description has it and no other's does; an id or an ordinal fits the picture that it
    counts to.
    """
    ranks = {seen.name: rank for rank, seen in enumerate(reversed(pictures), 1)}
    having: dict[str, set[str]] = {}
    for seen in pictures:
        for word in _WORD.findall(seen.description.lower()):
            if stem(word):
                having.setdefault(stem(word), set()).add(seen.name)
    found: dict[int, int] = {}
    for match in _WORD.finditer(request.lower()):
        owners = having.get(stem(match[0]), set()) if len(match[0]) > 2 else set()
        if len(owners) == 1 and len(pictures) > 1:
            found[match.start()] = ranks[next(iter(owners))]
    images = [seen.name for seen in pictures if seen.kind != "mask" and not seen.handed_over]
    for match in _NUMBERED.finditer(request.lower()):
        name = f"@{match[1] or match[2]}"
        if name in ranks:
            found[match.start(1) if match[1] else match.start(2)] = ranks[name]
    for match in _WORD.finditer(request.lower()):
        at = _ORDINALS.get(match[0])
        if at is not None and -len(images) <= at < len(images):
            found[match.start()] = ranks[images[at]]
    return found


_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBERED = re.compile(
    r"@(\d{1,5})|\b(?:pictures?|images?|photos?|pics?|numbers?|no\.?|nr\.?|version|bild|foto|imagen?|imagem|#)"
    r" ?#?(\d{1,5})\b"
)
_ORDINALS = {
    "first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "original": 0, "oldest": 0,
    "last": -1, "latest": -1, "newest": -1, "erste": 0, "ersten": 0, "erstes": 0, "zweite": 1, "zweiten": 1,
    "dritte": 2, "dritten": 2, "letzte": -1, "letzten": -1, "première": 0, "premier": 0, "deuxième": 1,
    "troisième": 2, "dernière": -1, "dernier": -1, "primera": 0, "primero": 0, "segunda": 1, "segundo": 1,
    "tercera": 2, "última": -1, "último": -1, "primeira": 0, "primeiro": 0, "terceira": 2,
}  # fmt: skip
_SAYS_LITTLE = frozenset(
    "the a an of to in on at and or it its is be with for from as that this into by up out off over under make "  # noqa: SIM905
    "put more less than so no not only my me you we he she his her their our one then made photo picture image jpg "
    "png jpeg img dsc pic photograph".split()
)


def stem(word: str) -> str:
    """A word without its ending, or nothing for one that says little."""
    if word in _SAYS_LITTLE:
        return ""
    for ending in ("ing", "ed", "es", "s", "er", "ly", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def piece(tokenizer: Tokenizer, name: str) -> int:
    """The id of a special piece. Raises ValueError if the tokenizer has none of that name."""
    found: int | None = tokenizer.token_to_id(name)
    if found is None:
        raise ValueError(f"the tokenizer has no {name}")
    return found


KINDS = 6
_MARKS = ("picture", "current", "mask", "input", "undone", "masked")


def _mark(seen: Seen) -> str:
    if seen.handed_over:
        return "input"
    if seen.kind == "mask":
        return "mask"
    return "current" if seen.current else "undone" if seen.undone else "picture"


def _line(seen: Seen) -> str:
    number = seen.name[5:] or "0" if seen.handed_over else seen.name[1:]
    return f"{number} {seen.kind} {re.sub(r'[_-]+', ' ', seen.description)}"


def _pieces(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    if len(ids) <= MOST_DESCRIPTION:
        return ids
    return ids[: MOST_DESCRIPTION // 2] + ids[-MOST_DESCRIPTION // 2 :]
