"""The language that the plan parser writes: tokens of a fixed vocabulary, and pointers into what it read.

A step is a task or an act, how many variations, its pictures, and what the request says of it::

    task [xN] (picture | $n)* [words from to] [only from to] [except from to] [mask picture | masked]

`picture`, `from` and `to` are pointers: positions of the encoded request. `$n` is the result of step n. The plan
ends with `end`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ace_agent.plan.tasks import CATALOGUE

ACTS = ("goto", "undo", "redo", "again", "save", "show", "answer", "ask", "refuse")
"""Steps that make no picture."""
SPANS = ("words", "only", "except")
"""What the request says of a step, each a span of its words: what to do, where alone, and where not."""
MOST_STEPS = 9
END = "end"
PAD = "pad"

VOCABULARY: tuple[str, ...] = (
    PAD,
    "begin",
    END,
    *ACTS,
    *(f"x{n}" for n in range(2, 10)),
    *(f"n{n}" for n in range(1, 10)),
    *(f"${n}" for n in range(1, MOST_STEPS)),
    *SPANS,
    "mask",
    "masked",
    *CATALOGUE,
)
"""Every token; a pointer to position p is written as `len(VOCABULARY) + p`."""
IDS = {token: at for at, token in enumerate(VOCABULARY)}
SIZE = len(VOCABULARY)


@dataclass
class WrittenStep:
    """A step as the parser wrote it; pointers are positions of the encoded request."""

    name: str
    count: int | None = None
    pictures: list[int | str] = field(default_factory=list)  # a position, or `$n`
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)  # first and last position
    mask: int | str | None = None  # a position, or `masked`: the one that came with the request

    @property
    def is_act(self) -> bool:
        return self.name in ACTS


def write(steps: Iterable[WrittenStep]) -> list[int]:
    """The tokens of a plan, `end` included."""
    ids: list[int] = []
    for step in steps:
        ids.append(IDS[step.name])
        if step.count is not None:
            ids.append(IDS[f"{'n' if step.is_act else 'x'}{step.count}"])
        ids += [IDS[p] if isinstance(p, str) else SIZE + p for p in step.pictures]
        for span in SPANS:
            if span in step.spans:
                first, last = step.spans[span]
                ids += [IDS[span], SIZE + first, SIZE + last]
        if step.mask == "masked":
            ids.append(IDS["masked"])
        elif isinstance(step.mask, int):
            ids += [IDS["mask"], SIZE + step.mask]
    return [*ids, IDS[END]]


class Writer:
    """A plan as it is written: which tokens may come next, and the steps so far.

    Args:
        pictures: positions of the pictures.
        masks: positions of the masks among them.
        words: positions of the request's words, first and last.
        masked: whether a mask came with the request.
    """

    def __init__(
        self, pictures: Sequence[int], masks: Sequence[int], words: tuple[int, int], masked: bool
    ) -> None:
        self.steps: list[WrittenStep] = []
        self.ended = False
        self._pictures = [p for p in pictures if p not in set(masks)]
        self._all = list(pictures)
        self._masks = list(masks)
        self._words = words
        self._masked = masked
        self._pending: str | None = None  # a span or a mask that waits for its pointer
        self._first: int | None = None

    def allowed(self) -> list[int]:
        """The tokens that may come next."""
        if self._pending in SPANS:
            start = self._words[0] if self._first is None else self._first
            return [SIZE + p for p in range(start, self._words[1] + 1)]
        if self._pending == "mask":
            return [SIZE + p for p in self._masks]
        following = [IDS[END]] if self.steps else []
        if len(self.steps) < MOST_STEPS:
            following += [IDS[name] for name in (*ACTS, *CATALOGUE)]
        if not self.steps:
            return following
        step = self.steps[-1]
        row = CATALOGUE.get(step.name)
        made = sum(not earlier.is_act for earlier in self.steps[:-1])
        most = row.max_images if row else {"goto": 1, "save": 1, "show": 9}.get(step.name, 0)
        fewest = row.min_images if row else int(step.name == "goto")
        untouched = not step.spans and step.mask is None
        more: list[int] = []
        if untouched and len(step.pictures) < most:
            known = self._all if step.name in ("show", "save", "goto") else self._pictures
            more += [SIZE + p for p in known if p not in step.pictures]
            more += [IDS[f"${n}"] for n in range(1, made + 1) if f"${n}" not in step.pictures]
        if len(step.pictures) < fewest and more:
            return more + [
                IDS[f"x{n}"] for n in range(2, 10) if step.count is None and row and not step.pictures
            ]
        if untouched and step.count is None and not step.pictures:
            if row:
                more += [IDS[f"x{n}"] for n in range(2, 10)]
            elif step.name in ("undo", "redo"):
                more += [IDS[f"n{n}"] for n in range(1, 10)]
        if row:
            if step.mask is None:
                past = max((SPANS.index(s) for s in step.spans), default=-1)
                more += [IDS[span] for span in SPANS[past + 1 :]]
                if row.mask != "none" and self._masks:
                    more.append(IDS["mask"])
                if row.mask != "none" and self._masked:
                    more.append(IDS["masked"])
        elif step.name in ("answer", "ask", "refuse") and len(self.steps) == 1:
            return [*more, IDS[END]]
        return more + following

    def take(self, token: int) -> None:
        """Adds a token that is allowed."""
        if token >= SIZE:
            position = token - SIZE
            step = self.steps[-1]
            if self._pending in SPANS:
                if self._first is None:
                    self._first = position
                    return
                step.spans[self._pending] = (self._first, position)
            elif self._pending == "mask":
                step.mask = position
            else:
                step.pictures.append(position)
            self._pending = self._first = None
            return
        name = VOCABULARY[token]
        if name == END:
            self.ended = True
        elif name in SPANS or name == "mask":
            self._pending = name
        elif name == "masked":
            self.steps[-1].mask = name
        elif name[0] == "$":
            self.steps[-1].pictures.append(name)
        elif name[0] in "xn" and name[1:].isdigit():
            self.steps[-1].count = int(name[1:])
        else:
            self.steps.append(WrittenStep(name))
