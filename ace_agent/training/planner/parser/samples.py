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
from ace_agent.training.planner.paraphrase import slipped

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


def samples_in(path: Path) -> list[Sample]:
    """The requests of a file, in either form that `ace plan --eval` takes. Raises ValueError for an invalid row."""
    text = path.read_text("utf-8")
    return request_samples(path) if '"plan":' in text.partition("\n")[0] else authored_samples(path)


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
    if chance.random() < 0.4:
        sample = _referred(sample, chance, others)
    elif chance.random() < 0.5:
        sample = _shuffled(sample, chance)
    request = sample.request
    counted = bool(_COUNTED.search(request))
    if not re.search(r"\d", request) and chance.random() < 0.6:
        sample = _renumbered(sample, chance.choice((0, 1, 2, 5, 11, 20)))
    if not counted and chance.random() < 0.3:
        sample = _with_older(sample, chance, others)
    if chance.random() < 0.15:
        request = slipped(request, chance, max(1, len(request.split()) // 10))
    if chance.random() < 0.1:
        request = request.rstrip(".!?")
    return replace(sample, request=request)


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_PLACED = (
    "in {m}, {r}", "{m}: {r}", "on {m} {r}", "take {m} and {r}", "{r}, in {m}", "{r} - {m} I mean", "for {m}, {r}",
    "go back to {m} and {r}", "{r} ({m})", "{m}. {r}", "now {m}, {r}", "in {m} {r}", "{r} in {m}", "with {m}: {r}",
    "use {m}. {r}", "not this one, {m}: {r}", "{r}. I'm talking about {m}", "same conversation, but {m}: {r}",
)  # fmt: skip
"""How a request and a mention of its picture come together."""
_GOING = (
    "back to {m}", "go back to {m}", "I liked {m} better", "{m} again please", "return to {m}",
    "show {m} again, I want to go on with that", "let's continue from {m}", "no, {m} was better",
    "take me back to {m}", "drop that, {m} it is",
)  # fmt: skip


def _referred(sample: Sample, chance: random.Random, others: Sequence[Sample]) -> Sample:
    """A request on one picture, as one on a picture among others that it names: by id, order or content."""
    known = [seen for seen in sample.pictures if seen.name[0] == "@"]
    steps = sample.plans[0]
    targets = {name for plan in sample.plans for step in plan for name in step.pictures if name[0] != "$"}
    if (
        len(targets) != 1
        or len(known) != len(sample.pictures)
        or any(step.mask for step in steps)
        or steps[0].name in ACTS
        or _COUNTED.search(sample.request)
        or re.search(r"\d", sample.request)
    ):
        return sample
    (target,) = targets
    mine = next((seen for seen in known if seen.name == target), None)
    if mine is None or mine.kind == "mask" or mine.name != next((s.name for s in known if s.current), ""):
        return sample
    pool = [
        seen for _ in range(4) for seen in chance.choice(others).pictures
        if seen.name[0] == "@" and seen.kind != "mask" and seen.description != mine.description
    ]  # fmt: skip
    row = [*chance.sample(pool, min(len(pool), chance.randint(1, 5)))]
    at = chance.randint(0, len(row))
    row.insert(at, mine)
    shift = chance.choice((0, 0, 1, 4, 11))
    tip = len(row) - 1 if chance.random() < 0.7 else chance.randrange(len(row))
    named = [
        replace(seen, name=f"@{n + 1 + shift}", current=n == tip, undone=False,
                description=re.sub(r"@\d+", "the first", seen.description))
        for n, seen in enumerate(row)
    ]  # fmt: skip
    said = _mention(named, at, tip, chance)
    if said is None:
        return sample
    if chance.random() < 0.08:
        request, plan = (
            chance.choice(_GOING).format(m=said),
            (AuthoredStep("goto", pictures=(named[at].name,)),),
        )
        return replace(sample, request=request, pictures=tuple(named), plans=(plan,))
    first = sample.request[:1].lower() + sample.request[1:].rstrip(".!? ")
    plans = tuple(
        tuple(
            replace(step, pictures=tuple(named[at].name if p == target else p for p in step.pictures))
            for step in plan
        )
        for plan in sample.plans
    )
    request = chance.choice(_PLACED).format(m=said, r=first)
    return replace(sample, request=request, pictures=tuple(named), plans=plans)


def _mention(row: Sequence[Seen], at: int, tip: int, chance: random.Random) -> str | None:
    """Words for one of several pictures; None where nothing tells it apart."""
    number = row[at].name[1:]
    ways = [f"@{number}", f"picture {number}", f"image {number}", f"number {number}", f"@{number}"]
    if int(row[0].name[1:]) == 1 and at < len(_ORDINALS):
        ways += [f"the {_ORDINALS[at]} one", f"the {_ORDINALS[at]} picture"]
    if at == 0:
        ways += ["the original", "the very first one", "the first picture", "the oldest one"]
    if at == len(row) - 1:
        ways += ["the last one", "the newest one", "the latest picture", "the most recent one"]
    if at == tip:
        ways += ["this one", "the current one", "the one I'm looking at"]
    if at == tip - 1:
        ways += ["the previous one", "the one before", "the one before this"]
    own = [stem(w) for w in re.findall(r"[^\W\d_]{3,}", row[at].description.lower())]
    rest = {
        stem(w)
        for n, seen in enumerate(row)
        if n != at
        for w in re.findall(r"[^\W\d_]{3,}", seen.description.lower())
    }
    words = [
        w for w in re.findall(r"[^\W\d_]{3,}", row[at].description.lower()) if stem(w) and stem(w) not in rest
    ]
    for word in chance.sample(words, min(len(words), 4)) if own else ():
        ways += [
            f"the {word} picture",
            f"the one with the {word}",
            f"the {word} one",
            f"the picture of the {word}",
        ]
    return chance.choice(ways)


def _shuffled(sample: Sample, chance: random.Random) -> Sample:
    """The pictures before the current one in another order, where the request counts on none."""
    known = [seen for seen in sample.pictures if seen.name[0] == "@"]
    if len(known) < 3 or _COUNTED.search(sample.request) or re.search(r"\d", sample.request):
        return sample
    if any("@" in seen.description for seen in known) or not known[-1].current:
        return sample
    if any(step.name in ("undo", "redo", "goto") for plan in sample.plans for step in plan):
        return sample
    order = chance.sample(range(len(known) - 1), len(known) - 1)
    names = {known[old].name: known[new].name for new, old in enumerate(order)}
    row = [replace(known[old], name=known[new].name) for new, old in enumerate(order)]
    return replace(
        sample,
        pictures=(*row, known[-1], *(seen for seen in sample.pictures if seen.name[0] != "@")),
        plans=tuple(
            tuple(
                replace(
                    step,
                    pictures=tuple(names.get(p, p) for p in step.pictures),
                    mask=names.get(step.mask, step.mask) if step.mask else step.mask,
                )
                for step in plan
            )
            for plan in sample.plans
        ),
    )


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
