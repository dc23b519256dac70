"""The rule planner: a request to a plan without a language model, in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ace_agent.errors import PlanError
from ace_agent.plan import MAX_STEPS, Plan
from ace_agent.planner import instructions
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.interface import Choice, Context, Question
from ace_agent.planner.proposal import ProposedPlan, ProposedStep
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules import refusals
from ace_agent.planner.rules.acts import act_of
from ace_agent.planner.rules.clauses import Clause, split
from ace_agent.planner.rules.image_index import ImageIndex
from ace_agent.planner.rules.image_kinds import kinds_of
from ace_agent.planner.rules.implicit_images import chosen_by_name
from ace_agent.planner.rules.limits import with_limit
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.places import widened
from ace_agent.planner.rules.small_talk import without_small_talk
from ace_agent.planner.rules.steps import ANALYSIS, SURE_WEIGHT, ClauseStep, clause_steps, first_named, merged
from ace_agent.planner.rules.undo import undo_target

_SELECTORS = wordset("selectors")


@dataclass(frozen=True)
class RuleProposal:
    """What the rules propose for a request, with how sure they are of each step."""

    request: ParsedRequest
    steps: tuple[ClauseStep, ...]
    goto: str | None

    @property
    def plan(self) -> ProposedPlan:
        """The proposal for the resolver."""
        steps = tuple(item.step for item in self.steps)
        if len(steps) == 1:
            steps = (with_limit(steps[0], self.request.text),)
        settings = widened(steps, self.request.settings, self.request.text, self.request.context)
        return ProposedPlan(steps=steps, goto=self.goto, settings=settings)

    @property
    def ambiguous(self) -> dict[str, tuple[str, ...]]:
        """Phrases that fit several pictures equally well, with those pictures."""
        return self.request.images.ambiguous

    @property
    def sure(self) -> bool:
        """Whether the rules are sure of every step's task."""
        return all(item.sure for item in self.steps)


class RulePlanner:
    """Plans by rules: clauses, a table of weighted patterns, and pictures found by id, order, relation and caption."""

    name = "rules"

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        Args:
            request: what the person wrote.
            context: the conversation.

        Raises:
            PlanError: one line that says why there is no plan, and what to say instead.
            Question: a phrase fits several pictures equally well; the newest is the first choice.
        """
        return plan_of(propose(ParsedRequest(request, context)))


def plan_of(proposal: RuleProposal) -> Plan:
    """The plan of a proposal of the rules. Raises PlanError and Question as :meth:`RulePlanner.plan` does."""
    context = proposal.request.context
    plan = resolve(proposal.plan, context)
    if not proposal.ambiguous:
        return plan
    phrase, ids = next(iter(proposal.ambiguous.items()))
    captions = {image.id: image.text for image in context.images}
    choices = tuple(
        Choice(
            f"{id_}, {captions[id_]}",
            resolve(propose(proposal.request.answered({phrase: id_})).plan, context),
        )
        for id_ in ids
    )
    raise Question(f"which picture is {phrase!r}?", choices)


def propose(request: ParsedRequest) -> RuleProposal:
    """The steps that the rules find in a request. Raises PlanError as :meth:`RulePlanner.plan` does."""
    act = act_of(request)
    if act is not None:
        raise act
    if request.off_topic is not None:
        raise request.off_topic
    if not request.words:
        raise refusals.nothing_found(request.text)
    off_topic = refusals.off_topic(" ".join(token.text for token in request.words))
    if off_topic is not None:
        raise off_topic
    clauses = without_small_talk(split(request.mentions))
    reader = _ClauseReader(request.images)
    for at, clause in enumerate(clauses):
        reader.read(clause, alone=len(clauses) == 1, final=at == len(clauses) - 1)
        if len(reader.steps) > MAX_STEPS:
            raise PlanError(f"the request asks for more than {MAX_STEPS} steps", "ask for a few at a time")
    steps, goto = reader.steps, reader.goto
    if not steps and goto is None and reader.goes_back:
        goto = reader.chosen
    if not steps and goto is None:
        steps = [_description(request, clauses)]
    return RuleProposal(request, tuple(merged(steps)), goto)


def _description(request: ParsedRequest, clauses: Sequence[Clause]) -> ClauseStep:
    """A new picture, if a request in which no pattern was found describes one. Raises PlanError if it does not."""
    words = ""
    if (
        clauses
        and not refusals.is_gibberish(request.text)
        and _describes(clauses, blank=not request.images.pictures)
    ):
        words = instructions.caption([token for clause in clauses for token in clause.tokens])
    if not words:
        raise refusals.nothing_found(request.text)
    return ClauseStep(ProposedStep(task="text_to_image", instruction=words))


@dataclass
class _ClauseReader:
    """Reads the clauses of a request one by one.

    Args:
        images: the pictures of the conversation.
        steps: the steps so far.
        chosen: the picture that the last clause chose for the next one.
        goto: the picture that the request goes back to.
        goes_back: whether a picture was chosen to go back to it.
        prefix: a mask that the next clause uses.
    """

    images: ImageIndex
    steps: list[ClauseStep] = field(default_factory=list)
    chosen: str | None = None
    goto: str | None = None
    goes_back: bool = False
    prefix: tuple[Token, ...] = ()

    def read(self, clause: Clause, *, alone: bool, final: bool) -> None:
        """Adds the steps of a clause, or notes the picture that it chooses."""
        tokens = (*self.prefix, *clause.tokens)
        self.prefix = ()
        if not final and _only_mask(tokens, self.images):
            self.prefix = tokens
            return
        bare = (
            final and len(tokens) < 4 and not any(t.has("MOSAIC", "GRAY", "STYLE", "COLOR") for t in tokens)
        )
        if (not self.steps or bare) and self._undo(tokens):
            if bare and self.steps:  # "remove the hat ... no, undo": nothing of it is wanted
                self.steps.clear()
                self.goto = self.chosen
            return
        if _only_selects(tokens):
            self.chosen = first_named(tokens, self.images)
            self.goes_back = (
                self.goes_back
                or alone
                or any(t.has("UNDO") for t in tokens)
                or bool({"go", "back", "return", "use", "take"} & {t.text for t in tokens})
            )
            return
        if (by_name := chosen_by_name(tokens, self.images)) is not None:
            self.chosen, self.goes_back = by_name, True
            return
        steps = clause_steps(tokens, self.images, self.steps, self.chosen)
        if tokens[0].text in wordset("questions") and any(step.weight < SURE_WEIGHT for step in steps):
            steps = []  # a question about the world, not about a picture
        if len(steps) == 1 and _already_is(steps[0], self.images):
            self.chosen = steps[0].base
            return
        if not steps:
            named = [t for t in tokens if t.has("IMG") and not t.has("PRON")]
            if named and self.chosen is None and len(tokens) < 9 and not final:
                self.chosen = first_named(tokens, self.images)
            return
        self.steps.extend(steps)
        self.chosen = None

    def _undo(self, tokens: Sequence[Token]) -> bool:
        """Chooses the picture that a clause undoes to; False if it undoes nothing."""
        target = undo_target(tokens, self.images)
        if target is None:
            return False
        if self.chosen is not None and not self.steps and len(tokens) < 3:
            target = self.chosen  # "the first one was better, go back"
        self.chosen = target
        self.goto = target if not self.steps else self.goto
        self.goes_back = True
        return True


def _only_selects(tokens: Sequence[Token]) -> bool:
    """Whether a clause does no more than name the picture to work on: "take the first one"."""
    named = [t for t in tokens if t.has("IMG") and not t.has("PRON")]
    if len(named) != 1 or len(named[0].images) != 1:
        return False
    return all(t.has("IMG", "PUNCT", "UNDO") or set(t.text.split()) <= _SELECTORS for t in tokens)


def _already_is(item: ClauseStep, images: ImageIndex) -> bool:
    """Whether a step would only find what its picture already is: "take the pose from @1", which is a pose."""
    return (
        item.task in ANALYSIS and item.base in images.by_id and item.task in kinds_of(item.base, images, ())
    )


def _only_mask(tokens: Sequence[Token], images: ImageIndex) -> bool:
    """Whether a clause only names a mask for the next one: "with the second mask, ..."."""
    named = [i for t in tokens if t.has("IMG") and not t.has("PRON") for i in t.images]
    masks = {m.id for m in images.masks}
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
