"""The rule planner: a request to a plan without a language model, in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ace_agent.errors import PlanError
from ace_agent.plan import MAX_STEPS
from ace_agent.plan.tasks import TASKS
from ace_agent.planner import instructions
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import MAX_TOKENS, Token, read
from ace_agent.planner.english.vocabulary import reword
from ace_agent.planner.interface import Choice, Context, Question
from ace_agent.planner.rules import refusals
from ace_agent.planner.rules.classifier import classify
from ace_agent.planner.rules.clauses import Clause, split
from ace_agent.planner.rules.descriptions import find_mentions
from ace_agent.planner.rules.drafts import ANALYSIS, Draft, draft, facts_of, first_named, merged
from ace_agent.planner.rules.image_index import Gallery
from ace_agent.planner.rules.image_kinds import kinds
from ace_agent.planner.rules.implicit_images import chosen_by_name
from ace_agent.planner.rules.request_settings import Settings, take
from ace_agent.planner.rules.small_talk import heard
from ace_agent.planner.rules.undo import undo_target

if TYPE_CHECKING:
    from ace_agent.plan import Plan

_SELECTORS = wordset("selectors")


@dataclass
class _State:
    """Where a request has got to: the steps so far, and the picture chosen for the next one."""

    drafts: list[Draft] = field(default_factory=list)
    chosen: str | None = None
    goto: str | None = None
    going: bool = False
    prefix: tuple[Token, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What the rules make of a request before it becomes a plan."""

    drafts: tuple[Draft, ...]
    goto: str | None
    settings: Settings
    gallery: Gallery

    @property
    def doubts(self) -> dict[str, tuple[str, ...]]:
        """Phrases that fit several pictures equally well, with those pictures."""
        return self.gallery.doubts

    @property
    def sure(self) -> bool:
        """Whether every step's task was loud and clear."""
        return all(item.sure for item in self.drafts)


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
            Question: when a phrase fits several pictures equally well; the newest is the first choice.
        """
        proposal = self.propose(request, context)
        plan = finish(proposal.drafts, proposal.goto, proposal.settings, context)
        if proposal.doubts:
            raise self._question(request, context, proposal)
        return plan

    def _question(self, request: str, context: Context, proposal: Proposal) -> Question:
        phrase, ids = next(iter(proposal.doubts.items()))
        known = {image.id: image.caption for image in context.images}
        choices = []
        for id_ in ids:
            answered = self.propose(request, context, {phrase: id_})
            plan = finish(answered.drafts, answered.goto, answered.settings, context)
            choices.append(Choice(f"{id_}, {known[id_]}", plan))
        return Question(f"which picture is {phrase!r}?", tuple(choices))

    def propose(self, request: str, context: Context, answers: Mapping[str, str] | None = None) -> Proposal:
        """The steps of a request before they are checked, and how sure each is; for planners that build on these.

        Args:
            request: what the person wrote.
            context: the conversation's pictures.
            answers: phrases that fit several pictures, and the one each is to mean.

        Raises PlanError as :meth:`plan` does.
        """
        text = refusals.check_text(request)
        refusals.check_purpose(text)
        gallery = Gallery(context, answers)
        tokens = read(text, gallery.vocabulary)
        if not tokens:
            raise refusals.refuse(text)
        if len(tokens) > MAX_TOKENS:
            raise PlanError(
                f"the request has more than {MAX_TOKENS} words and marks", "say it in a few sentences"
            )
        refusals.check_purpose(" ".join(t.text for t in tokens))  # again, with slips mended
        tokens, settings = take(tokens)
        state = _State()
        clauses = heard(split(find_mentions(tokens, gallery)))
        for at, clause in enumerate(clauses):
            self._clause(clause, gallery, state, alone=len(clauses) == 1, final=at == len(clauses) - 1)
            if len(state.drafts) > MAX_STEPS:
                raise PlanError(
                    f"the request asks for more than {MAX_STEPS} steps", "ask for a few at a time"
                )
        if not state.drafts and state.goto is None and state.chosen and state.going:
            state.goto = state.chosen
        if not state.drafts and state.goto is None:
            state = self._fallback(text, clauses, gallery)
        return Proposal(tuple(merged(state.drafts)), state.goto, settings, gallery)

    def _clause(self, clause: Clause, gallery: Gallery, state: _State, *, alone: bool, final: bool) -> None:
        tokens = (*state.prefix, *clause.tokens)
        state.prefix = ()
        if not final and _only_mask(tokens, gallery):
            state.prefix = tokens
            return
        bare = (
            final and len(tokens) < 4 and not any(t.has("MOSAIC", "GRAY", "STYLE", "COLOR") for t in tokens)
        )
        if (not state.drafts or bare) and self._undo(tokens, gallery, state):
            if bare and state.drafts:  # "remove the hat ... no, undo": nothing of it is wanted
                state.drafts.clear()
                state.goto = state.chosen
            return
        if _chooses(tokens):
            state.chosen = first_named(tokens, gallery)
            state.going = (
                state.going
                or alone
                or any(t.has("UNDO") for t in tokens)
                or bool({"go", "back", "return", "use", "take"} & {t.text for t in tokens})
            )
            return
        if (by_name := chosen_by_name(tokens, gallery)) is not None:
            state.chosen, state.going = by_name, True
            return
        drafts = draft(tokens, gallery, state.drafts, state.chosen)
        if tokens[0].text in wordset("questions") and any(d.weight < 7 for d in drafts):
            drafts = []  # a question about the world, not about a picture
        if len(drafts) == 1 and _already(drafts[0], gallery):
            state.chosen = drafts[0].base
            return
        if not drafts:
            named = [t for t in tokens if t.has("IMG") and not t.has("PRON")]
            if named and state.chosen is None and len(tokens) < 9 and not final:
                state.chosen = first_named(tokens, gallery)
            return
        state.drafts.extend(drafts)
        state.chosen = None

    def _undo(self, tokens: Sequence[Token], gallery: Gallery, state: _State) -> bool:
        """Handles an undo-like clause: chooses the earlier picture; whether it was one."""
        target = undo_target(tokens, gallery)
        if target is None:
            return False
        if state.chosen is not None and not state.drafts and len(tokens) < 3:
            target = state.chosen  # "the first one was better, go back"
        state.chosen = target
        state.goto = target if not state.drafts else state.goto
        state.going = True
        return True

    def _fallback(self, text: str, clauses: Sequence[Clause], gallery: Gallery) -> _State:
        """A request in which no pattern was found: a bare description is drawn, anything else refused."""
        if not clauses or refusals.gibberish(text) or not _describes(clauses, blank=not gallery.images):
            raise refusals.refuse(text)
        tokens = [t for c in clauses for t in c.tokens]
        words = instructions.caption(tokens)
        if not words:
            raise refusals.refuse(text)
        return _State([Draft("text_to_image", (), words)])


def needs_planning(request: str) -> bool:
    """Whether a request is more than one plain instruction on the newest picture or one plain description.

    A request that needs no planning goes straight to the rules, which answer in milliseconds; only others are
    worth the language model's second.
    """
    try:
        tokens = read(refusals.check_text(request))
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
        clauses[0].tokens, frozenset({"picture"}) | facts_of(clauses[0].tokens, gallery, None, (), [])
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
                instruction=reword(item.instruction, context.vocabulary, context.note)[:2000],
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


def _already(item: Draft, gallery: Gallery) -> bool:
    """Whether a step would only find what its picture already is: "take the pose from @1", which is a pose."""
    return item.task in ANALYSIS and item.base in gallery.known and item.task in kinds(item.base, gallery, ())


def _only_mask(tokens: Sequence[Token], gallery: Gallery) -> bool:
    """Whether a clause only names a mask for the next one: "with the second mask, ..."."""
    named = [i for t in tokens if t.has("IMG") and not t.has("PRON") for i in t.images]
    masks = {m.id for m in gallery.masks}
    return (
        bool(named)
        and set(named) <= masks
        and all(t.has("IMG", "PUNCT") or t.text in _SELECTORS for t in tokens)
    )


def _describes(clauses: Sequence[Clause], *, blank: bool) -> bool:
    """Whether a request is a bare description of something to draw; with no picture yet, any noun phrase is one."""
    tokens = [t for c in clauses for t in c.tokens]
    words = [t.text for t in tokens]
    if not words or len(words) > 40 or any(t.has("IMG") for t in tokens):
        return False
    if any(w in wordset("talk-words") for w in words):
        return False
    if blank and len(words) > 3 and words[0] in ("a", "an", "the", "some", "two", "three", "many"):
        return True
    if words[0] in wordset("talk-openers"):
        return False
    return any(
        t.has("ANIMAL", "THING", "PERSON", "PLACE", "TIME", "GARMENT", "COLOR", "MATERIAL", "STYLE", "SCENE")
        for t in tokens
    )
