"""Requests with their plans, as the parser's trainer draws them.

Authors' rows (`assets/planner/train_*.jsonl`) give a plan as strings (`ace_agent.evaluation.planner.authored`); the
corpus gives proposals. Both become requests with pictures, and plans whose words are spans of the request.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ace_agent.evaluation.planner.authored import AuthoredStep, read_authored
from ace_agent.evaluation.planner.request_files import load
from ace_agent.evaluation.planner.scoring import Answer
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.parser.encoding import Encoded, Seen, stem
from ace_agent.planner.parser.plan_tokens import ACTS, MOST_STEPS, WrittenStep
from ace_agent.planner.parser.planner import seen
from ace_agent.training.planner.corpus import Example

_COUNTED = re.compile(
    r"\b(?:\d+|first|second|third|fourth|fifth|last|latest|previous|before|original|start\w*|old\w*|new\w*|both|all|every\w*"
    r"|each|two|three|four|other|rest|them|these|those|begin\w*|undo|back|again|one|earlier|ago|middle|next)\b",
    re.I,
)
"""Words whose meaning depends on which other pictures there are."""


@dataclass(frozen=True)
class Sample:
    """A request, what the parser sees, and the right plans, the main one first."""

    request: str
    pictures: tuple[Seen, ...]
    masked: bool
    plans: tuple[tuple[AuthoredStep, ...], ...]


def authored_samples(path: Path) -> list[Sample]:
    """The requests of an author, those of conversations included. Raises ValueError for an invalid row."""
    return [
        Sample(one.request, tuple(seen(one.context)), one.context.mask, one.plans)
        for one in read_authored(path.read_text("utf-8"))
    ]


def request_samples(path: Path) -> list[Sample]:
    """Requests with their plans in the form of `ace_agent.evaluation.planner.scoring`. Raises InputError."""
    return [
        Sample(
            request.text,
            tuple(seen(request.context)),
            False,
            tuple(tuple(_steps(answer)) for answer in request.answers),
        )
        for request in load(path)
    ]


def _steps(answer: Answer) -> Iterator[AuthoredStep]:
    if answer.refused:
        yield AuthoredStep("refuse")
    if answer.moves is not None:
        yield AuthoredStep("goto", pictures=(answer.moves,))
    for row in answer.rows:
        yield AuthoredStep(row.task, None, row.images, " ".join(row.key), mask=row.mask)


def corpus_sample(example: Example) -> Sample:
    """A request of the corpus."""
    script = example.script
    steps = [AuthoredStep("goto", pictures=(script.goto,))] if script.goto else []
    steps += [
        AuthoredStep(s.task, None, s.images, s.instruction, mask=s.mask if isinstance(s.mask, str) else None)
        for s in script.steps
    ]
    plan = tuple(steps or [AuthoredStep("refuse")])
    return Sample(example.request, tuple(seen(example.context)), False, (plan,))


# -- from a plan to tokens
def written(plan: Iterable[AuthoredStep], encoded: Encoded, request: str) -> list[WrittenStep] | None:
    """The steps with pointers; None where a picture is not among those that the parser sees."""
    steps: list[WrittenStep] = []
    for step in plan:
        if len(steps) == MOST_STEPS:
            return None
        pictures: list[int | str] = []
        for name in step.pictures:
            if name[0] == "$":
                pictures.append(name)
            elif name in encoded.pictures:
                if encoded.pictures[name] in encoded.masks and step.name not in ACTS:
                    return None
                pictures.append(encoded.pictures[name])
            else:
                return None
        out = WrittenStep(step.name, step.count, pictures)
        if step.name in CATALOGUE:
            for span, text in (("words", step.words), ("only", step.only), ("except", step.besides)):
                found = aligned(text, encoded, request)
                if found is not None:
                    out.spans[span] = found
            row = CATALOGUE[step.name]
            if step.mask in encoded.pictures and encoded.pictures[step.mask or ""] in encoded.masks:
                out.mask = encoded.pictures[step.mask or ""]
            elif step.name == "inpaint" and encoded.masked and row.mask != "none":
                out.mask = "masked"
        elif step.name not in ("goto", "undo", "redo", "save", "show"):
            out.pictures, out.count = [], None
        if step.name in ("undo", "redo"):
            out.pictures = []
        steps.append(out)
    return steps


def aligned(text: str, encoded: Encoded, request: str) -> tuple[int, int] | None:
    """The shortest span of the request that holds the most of some words, as positions; None if it holds none."""
    stems = {stem(word) for word in re.findall(r"\w+", text.lower())} - {""}
    if not stems or not encoded.offsets:
        return None
    words = [(m.start(), m.end(), stem(m[0].lower())) for m in re.finditer(r"\w+", request)][:150]
    hits = [n for n, (_, _, word) in enumerate(words) if word in stems]
    best: tuple[float, int, int] | None = None
    for at, first in enumerate(hits):
        found: set[str] = set()
        for last in hits[at:]:
            found.add(words[last][2])
            score = sum(min(3, len(word)) for word in found) / 3 - 0.06 * (last - first + 1)
            if best is None or score > best[0] + 1e-9:
                best = (score, first, last)
    if best is None or best[0] < 0.3:
        return None
    begin, end = words[best[1]][0], words[best[2]][1]
    inside = [n for n, (a, b) in enumerate(encoded.offsets) if a < end and b > begin]
    if not inside:
        return None
    return encoded.first + inside[0], encoded.first + inside[-1]


# -- variety
def varied(sample: Sample, chance: random.Random, others: Sequence[Sample]) -> Sample:
    """The same request with other numbers of pictures, more old pictures, slips of typing."""
    request = sample.request
    counted = bool(_COUNTED.search(request))
    if not re.search(r"\d", request) and chance.random() < 0.6:
        sample = _renumbered(sample, chance.choice((0, 1, 2, 5, 11, 20)))
    if not counted and chance.random() < 0.3:
        sample = _with_older(sample, chance, others)
    if chance.random() < 0.15:
        request = _slipped(request, chance)
    if chance.random() < 0.1:
        request = request.rstrip(".!?")
    return replace(sample, request=request)


def _renumbered(sample: Sample, shift: int) -> Sample:
    def moved(name: str) -> str:
        return f"@{int(name[1:]) + shift}" if name[0] == "@" else name

    def described(text: str) -> str:
        return re.sub(r"@(\d+)", lambda m: f"@{int(m[1]) + shift}", text)

    return replace(
        sample,
        pictures=tuple(
            replace(s, name=moved(s.name), description=described(s.description)) for s in sample.pictures
        ),
        plans=tuple(
            tuple(
                replace(
                    step,
                    pictures=tuple(map(moved, step.pictures)),
                    mask=step.mask and moved(step.mask),
                )
                for step in plan
            )
            for plan in sample.plans
        ),
    )


def _with_older(sample: Sample, chance: random.Random, others: Sequence[Sample]) -> Sample:
    if not any(s.name[0] == "@" for s in sample.pictures):
        return sample  # "make me a cat" with a picture there may mean another thing
    more = [s for s in chance.choice(others).pictures if s.name[0] == "@" and "@" not in s.description]
    asked = {stem(w) for w in re.findall(r"\w{3,}", sample.request.lower())}
    more = [s for s in more if not asked & {stem(w) for w in re.findall(r"\w{3,}", s.description.lower())}]
    more = more[: chance.randint(1, 3)]
    moved = _renumbered(sample, len(more))
    older = tuple(replace(s, name=f"@{n}", current=False) for n, s in enumerate(more, 1))
    numbers = [int(s.name[1:]) for s in moved.pictures if s.name[0] == "@"]
    if not older or re.search(r"\d", sample.request) or min(numbers) <= len(older):
        return sample
    return replace(moved, pictures=(*older, *moved.pictures))


def _slipped(request: str, chance: random.Random) -> str:
    words = request.split(" ")
    for _ in range(max(1, len(words) // 10)):
        at = chance.randrange(len(words))
        word = words[at]
        if len(word) < 4 or not word.isalpha():
            continue
        place = chance.randrange(1, len(word) - 1)
        way = chance.random()
        if way < 0.4:
            word = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        elif way < 0.7:
            word = word[:place] + word[place + 1 :]
        else:
            word = word[:place] + word[place] + word[place:]
        words[at] = word
    return " ".join(words)
