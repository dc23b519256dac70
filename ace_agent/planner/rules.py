"""The rule planner: a request to a plan without a language model, in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ace_agent.errors import PlanError
from ace_agent.planner import Context, guards, wording
from ace_agent.planner.classifier import Verdict, classify
from ace_agent.planner.clauses import Clause, split
from ace_agent.planner.descriptions import find_mentions
from ace_agent.planner.gallery import Gallery, content
from ace_agent.planner.kinds import kinds, tagged
from ace_agent.planner.places import arrange, outpaint_region
from ace_agent.planner.reading import Token, read
from ace_agent.planner.references import IT, OTHER
from ace_agent.planner.settings import Settings, take
from ace_agent.planner.tables import wordset
from ace_agent.planner.undo import undo_target
from ace_agent.tasks import TASKS

if TYPE_CHECKING:
    from ace_agent.plan import Plan, Region

QUIET = 2.0
"""A clause whose loudest task weighs less is talk, not a wish."""

_ANALYSIS = frozenset({"segment", "depth", "pose", "edge", "contour", "scribble", "doodle"})
_SELECTORS = wordset("selectors")
_PAIRS = frozenset({"fuse_layers", "style_reference", "try_on", "face_swap", "multi_control"})


@dataclass
class Draft:
    """A step in the making."""

    task: str
    images: tuple[str, ...]
    instruction: str
    mask: str | Region | None = None
    settings: Settings = field(default_factory=Settings)
    base: str | None = None


@dataclass
class _State:
    """Where a request has got to: the steps so far, and the picture chosen for the next one."""

    drafts: list[Draft] = field(default_factory=list)
    chosen: str | None = None
    goto: str | None = None
    going: bool = False


class RulePlanner:
    """Plans by rules alone: clauses, a weighted pattern table, references by order, relation and caption.

    Every plan it returns passes :func:`ace_agent.plan.check`.
    """

    name = "rules"

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        Args:
            request: what the person wrote.
            context: the conversation's pictures.

        Raises:
            PlanError: in one line, why there is no plan and what to say instead.
        """
        text = guards.check_text(request)
        guards.check_purpose(text)
        gallery = Gallery(context)
        tokens = read(text, gallery.vocabulary)
        if not tokens:
            raise guards.refuse(text)
        tokens, settings = take(tokens)
        clauses = split(find_mentions(tokens, gallery))
        state = _State()
        for at, clause in enumerate(clauses):
            self._clause(clause, gallery, state, alone=len(clauses) == 1, final=at == len(clauses) - 1)
        if not state.drafts and state.goto is None and state.chosen and state.going:
            state.goto = state.chosen
        if not state.drafts and state.goto is None:
            state = self._fallback(text, clauses, gallery)
        return finish(state.drafts, state.goto, settings, context)

    def _clause(self, clause: Clause, gallery: Gallery, state: _State, *, alone: bool, final: bool) -> None:
        tokens = clause.tokens
        if self._undo(tokens, gallery, state):
            return
        if _chooses(tokens):
            state.chosen = _first(tokens, gallery, state)
            state.going = (
                state.going
                or alone
                or any(t.has("UNDO") for t in tokens)
                or bool({"go", "back", "return", "use", "take"} & {t.text for t in tokens})
            )
            return
        drafts = draft(tokens, gallery, state.drafts, state.chosen)
        if not drafts:
            named = [t for t in tokens if t.has("IMG") and not t.has("PRON")]
            if named and state.chosen is None and len(tokens) < 9 and not final:
                state.chosen = _first(tokens, gallery, state)
            return
        state.drafts.extend(drafts)
        state.chosen = None

    def _undo(self, tokens: Sequence[Token], gallery: Gallery, state: _State) -> bool:
        """Handles an undo-like clause: chooses the earlier picture; whether it was one."""
        target = undo_target(tokens, gallery)
        if target is None:
            return False
        state.chosen = target
        state.goto = target if not state.drafts else state.goto
        state.going = True
        return True

    def _fallback(self, text: str, clauses: Sequence[Clause], gallery: Gallery) -> _State:
        """A request in which no pattern was found: a bare description is drawn, anything else refused."""
        if not clauses or guards.gibberish(text) or not _describes(clauses):
            raise guards.refuse(text)
        tokens = [t for c in clauses for t in c.tokens]
        words = wording.caption(tokens)
        if not words:
            raise guards.refuse(text)
        return _State([Draft("text_to_image", (), words)])


def needs_planning(request: str) -> bool:
    """Whether a request is more than one plain instruction on the newest picture or one plain description.

    A request that needs no planning goes straight to the rules, which answer in milliseconds; only others are
    worth the language model's second.
    """
    try:
        tokens = read(guards.check_text(request))
    except PlanError:
        return False
    gallery = Gallery(Context())
    if any(t.has("ID", "ORD", "UNDO") for t in tokens) or re.search(
        r"\b(one|before|after|previous|last|first|original|earlier|other|both|all|same|each|back|again|picture|image|photo)\b",
        request.lower(),
    ):
        return True
    clauses = split(tokens)
    if len(clauses) != 1:
        return True
    verdict = classify(
        clauses[0].tokens, frozenset({"picture"}) | _facts(clauses[0].tokens, gallery, None, (), [])
    )
    if verdict.weight < 6 or not verdict.task:
        return not (verdict.task == "text_to_image" and verdict.weight >= 3)
    return len(verdict.ranked) > 1 and verdict.ranked[0][1] - verdict.ranked[1][1] < 0.3


def finish(drafts: Sequence[Draft], goto: str | None, settings: Settings, context: Context) -> Plan:
    """Drafts as a checked plan. Raises PlanError when it could not run."""
    from ace_agent.plan import Plan, Step, check

    steps = []
    creators = [i for i, d in enumerate(drafts) if not TASKS[d.task].max_images]
    for at, item in enumerate(drafts):
        row = TASKS[item.task]
        sized = settings.size if at == (creators[0] if creators else len(drafts) - 1) else None
        many = settings.variations if at == len(drafts) - 1 else 1
        steps.append(
            Step(
                task=item.task,
                instruction=item.instruction[:2000],
                images=item.images,
                mask=item.mask if row.mask != "none" else None,
                size=sized,
                seed=settings.seed,
                variations=many,
                steps=settings.steps,
                guidance=settings.guidance,
            )
        )
    if not steps and goto is None:
        raise PlanError("the request names nothing to make or change")
    if goto is not None and not goto.startswith("@"):
        goto = None
    plan = Plan(goto=goto, steps=tuple(steps))
    if not context.mask:  # the agent puts a mask that came with the request into the step that needs it
        check(plan, images=[i.id for i in context.images], inputs=context.inputs, files=False)
    return plan


def _chooses(tokens: Sequence[Token]) -> bool:
    """Whether a clause does no more than name the picture to work on: "take the first one"."""
    named = [t for t in tokens if t.has("IMG") and not t.has("PRON")]
    if len(named) != 1 or len(named[0].images) != 1:
        return False
    return all(t.has("IMG", "PUNCT", "UNDO") or set(t.text.split()) <= _SELECTORS for t in tokens)


def _first(tokens: Sequence[Token], gallery: Gallery, state: _State) -> str | None:
    for token in tokens:
        if token.has("IMG") and token.images[0] == OTHER:
            return _other(gallery, set())
        if token.has("IMG") and not token.has("PRON"):
            return token.images[0]
    return None


def _other(gallery: Gallery, named: set[str]) -> str:
    newest = gallery.last
    rest = [i.id for i in gallery.images if i.id not in named and (named or i.id != newest)]
    if not rest:
        raise PlanError("there is no other picture", "name one by its id")
    return rest[-1]


def _facts(
    tokens: Sequence[Token], gallery: Gallery, base: str | None, named: Sequence[str], drafts: Sequence[Draft]
) -> frozenset[str]:
    facts = set(kinds(base, gallery, drafts))
    facts.add("picture" if base else "blank")
    if len(named) >= 2:
        facts.add("two")
    if len(named) == 1:
        facts.add("one")
    if gallery.masks or gallery.context.mask or any(d.task == "segment" for d in drafts):
        facts.add("mask")
    if drafts and drafts[-1].task == "segment":
        facts.add("after-mask")
    return frozenset(facts)


def draft(
    tokens: Sequence[Token], gallery: Gallery, drafts: Sequence[Draft], chosen: str | None
) -> list[Draft]:
    """The steps of one clause, usually one; none when the clause wishes nothing.

    Args:
        tokens: the clause.
        gallery: the conversation's pictures.
        drafts: the steps before it.
        chosen: the picture that a clause before it chose.
    """
    ids = [i for t in tokens if t.has("IMG") for i in t.images]
    named = [i for i in dict.fromkeys(ids) if i not in (IT, OTHER)]
    masks = [i for i in named if i in gallery.known and gallery.known[i].kind == "mask"]
    named = [i for i in named if i not in masks]
    if OTHER in ids:
        named.append(_other(gallery, set(named)))
    pronoun = IT in ids
    base = _base(tokens, gallery, drafts, chosen, named, pronoun)
    marked = tagged(_plain_mask(tokens), base, gallery, drafts)
    shown = list(named)
    if (pronoun or chosen) and base and base not in shown and len(named) == 1:
        shown.append(base)
    facts = _facts(marked, gallery, base, shown, drafts)
    verdict = classify(marked, facts)
    task = choose(verdict, marked, facts, drafts)
    if task is None:
        return []
    return build(task, marked, gallery, drafts, base, named, masks, chosen)


def _plain_mask(tokens: Sequence[Token]) -> list[Token]:
    """Takes the mask's tag from a mask to wear ("put a mask on him")."""
    row = list(tokens)
    for at, token in enumerate(row):
        if (
            token.has("MASK")
            and token.text in ("mask", "masks", "mark", "masked")
            and at
            and row[at - 1].text in ("a", "carnival", "venetian", "surgical", "gas", "ski", "face")
        ):
            row[at] = replace(token, tags=token.tags - {"MASK"})
    return row


def _base(
    tokens: Sequence[Token],
    gallery: Gallery,
    drafts: Sequence[Draft],
    chosen: str | None,
    named: Sequence[str],
    pronoun: bool,
) -> str | None:
    """The picture a clause works on when it needs one."""
    if chosen is not None:
        return chosen
    if len(named) == 1 and not pronoun:
        return named[0]
    if drafts:
        before = drafts[-1]
        if before.task in _ANALYSIS and not pronoun and before.base and not _uses_result(tokens):
            return before.base
        return f"${len(drafts)}"
    if named and not pronoun:
        return named[0]
    return gallery.last


def _uses_result(tokens: Sequence[Token]) -> bool:
    """Whether a clause after an analysis goes on with its result."""
    return any(
        t.text in wordset("goes-on")
        or t.has(
            "VFUSE",
            "DEPTH",
            "POSE",
            "EDGE",
            "CONTOUR",
            "SCRIBBLE",
            "DOODLE",
            "SEGMAP",
            "MASK",
            "COLORIZE",
            "VFILL",
            "VCREATE",
            "STYLE",
        )
        for t in tokens
    )


def choose(
    verdict: Verdict, tokens: Sequence[Token], facts: frozenset[str], drafts: Sequence[Draft]
) -> str | None:
    """The task of a clause: the loudest one that the pictures at hand allow."""
    for task, weight in verdict.ranked:
        if weight < QUIET:
            return None
        row = TASKS[task]
        if row.min_images >= 2 and "two" not in facts and len(drafts) < 2:
            if task in ("try_on", "face_swap", "multi_control"):
                continue
            if task == "fuse_layers" and "two" not in facts:
                continue
        return task
    return None


def build(
    task: str,
    tokens: Sequence[Token],
    gallery: Gallery,
    drafts: Sequence[Draft],
    base: str | None,
    named: Sequence[str],
    masks: Sequence[str],
    chosen: str | None,
) -> list[Draft]:
    """The steps of a clause whose task is known."""
    row = TASKS[task]
    if row.max_images == 0:
        return [Draft(task, (), wording.instruction(task, tokens, {}))]
    if base is None and not named:
        raise PlanError("there is no picture to work on yet", "make one first, or hand one over")
    mask: str | Region | None = masks[-1] if masks else None
    speaks = (
        mask is None and any(t.has("MASK") and not t.has("VSEGMENT") for t in tokens) and task != "segment"
    )
    if mask is None and (speaks or task == "inpaint"):
        segmented = next((i for i in range(len(drafts), 0, -1) if drafts[i - 1].task == "segment"), None)
        if segmented:
            mask = f"${segmented}"
            if base == mask:
                base = drafts[segmented - 1].base or base
        elif gallery.masks:
            said = [w for t in tokens if not t.has("IMG") for w in content(t.text)]
            fitting = gallery.match(said, "mask") if len(gallery.masks) > 1 else []
            mask = fitting[0] if fitting else gallery.masks[-1].id
        elif task == "inpaint" and not gallery.context.mask:
            raise PlanError(
                "there is no mask for that", "make one first: segment the part, or draw it with /mask"
            )
    if task == "outpaint" and mask is None:
        mask = outpaint_region(tokens)
    pairs = row.min_images >= 2 or (row.max_images > 1 and (len(named) > 1 or task == "style_reference"))
    if pairs:
        images = arrange(task, tokens, base, named, chosen, drafts)
        if len(images) < row.min_images:
            raise PlanError(
                f"{task.replace('_', ' ')} needs {row.min_images} pictures", "name them by id, like @1 and @2"
            )
        order = {r: i for i, r in enumerate(images)} | ({IT: images.index(base)} if base in images else {})
        return [Draft(task, images, wording.instruction(task, tokens, order), mask, base=images[0])]
    targets = (
        list(named) if named and (base in named or len(named) > 1) and chosen is None else [base or named[0]]
    )
    if (
        named
        and base is not None
        and base not in named
        and len(named) == 1
        and not any(t.has("PRON") for t in tokens)
    ):
        targets = [named[0]] if chosen is None else [base]
    if row.max_images > 1 and len(targets) > 1:
        order = {r: i for i, r in enumerate(targets)}
        return [Draft(task, tuple(targets), wording.instruction(task, tokens, order), mask, base=targets[0])]
    if len(targets) > 1 and not _distributes(tokens):
        targets = targets[:1]
    return [
        Draft(task, (target,), wording.instruction(task, tokens, {target: 0, IT: 0}), mask, base=target)
        for target in targets
    ]


def _distributes(tokens: Sequence[Token]) -> bool:
    """Whether a clause that names several pictures wants the same done to each."""
    if any(len(t.images) > 1 for t in tokens):
        return True
    places = [i for i, t in enumerate(tokens) if t.has("IMG")]
    return (
        any(tokens[i].text in ("and", ",", "plus") for i in range(places[0], places[-1]))
        if len(places) > 1
        else False
    )


def _describes(clauses: Sequence[Clause]) -> bool:
    """Whether a request is a bare description of something to draw."""
    tokens = [t for c in clauses for t in c.tokens]
    words = [t.text for t in tokens]
    if not words or len(words) > 40 or any(t.has("IMG") for t in tokens):
        return False
    if words[0] in wordset("talk-openers"):
        return False
    if any(w in wordset("talk-words") for w in words):
        return False
    return any(
        t.has("ANIMAL", "THING", "PERSON", "PLACE", "TIME", "GARMENT", "COLOR", "MATERIAL", "STYLE", "SCENE")
        for t in tokens
    )
