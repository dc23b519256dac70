"""The plan parser as a planner: what it wrote, as a proposal whose words the rules complete."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan, Region
from ace_agent.plan.lettering_words import said_lettering
from ace_agent.plan.operations import OPERATIONS
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.interface import Act, Context
from ace_agent.planner.parser.encoding import Encoded, Seen
from ace_agent.planner.parser.plan_tokens import WrittenStep
from ace_agent.planner.parser.weights import PlanParser, Read
from ace_agent.planner.proposal import ProposedPlan, ProposedStep
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.limits import with_limit
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.places import outpaint_region, widened
from ace_agent.planner.rules.reshaping import region_words
from ace_agent.planner.rules.rule_planner import RuleProposal, propose
from ace_agent.planner.rules.said_options import said_operation
from ace_agent.planner.rules.steps import ClauseStep

_FILE = re.compile(r"(?<![\w-])[\w-]{1,80}\.(?:png|jpe?g|webp|tiff?)\b", re.IGNORECASE)


class ParserPlanner:
    """Plans with the parser alone; sizes, counts and options are read by rule.

    Args:
        parser: the parser; None: the one that ships with the package.
    """

    name = "parser"

    def __init__(self, parser: PlanParser | None = None) -> None:
        self.parser = parser or PlanParser()

    def preload(self) -> threading.Thread:
        """Begins to load in the background; the first request waits for it."""
        thread = threading.Thread(target=self._try, name="planner", daemon=True)
        thread.start()
        return thread

    def _try(self) -> None:
        try:
            self.parser.load()
        except ModelError:
            return  # raised again by the first request

    def read(self, request: ParsedRequest) -> Read:
        """What the parser writes for a request. Raises ModelError if it cannot be loaded."""
        context = request.context
        return self.parser.read(request.spoken, seen(context), context.mask)

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        Raises:
            PlanError: one line that the person can act on.
            Act: the request makes no new picture.
            ModelError: the parser cannot be loaded.
        """
        parsed = ParsedRequest(request, context)
        if parsed.off_topic is not None:
            raise parsed.off_topic
        try:
            rules = propose(parsed)
        except PlanError:
            rules = None
        return resolve(proposal_of(self.read(parsed), parsed, rules), context)


def seen(context: Context) -> list[Seen]:
    """The conversation's pictures as the parser sees them, those handed over last."""
    known = [
        Seen(
            image.id,
            "mask" if image.kind == "mask" else "made" if image.made else "photo",
            image.text,
            image.id == context.newest,
            not image.on_path,
        )
        for image in context.images
    ]
    given = [Seen(image.id, "photo", image.text) for image in context.handed]
    return [*known, *given]


def proposal_of(read: Read, request: ParsedRequest, rules: RuleProposal | None) -> ProposedPlan:
    """What the parser wrote as a proposal.

    Args:
        read: what it wrote.
        request: the request.
        rules: what the rules propose: where they find the same task in the same place, their wording is kept.

    Raises:
        PlanError: it is a question or cannot be done.
        Act: it makes no new picture.
    """
    names = {place: name for name, place in read.encoded.pictures.items()}
    goto: str | None = None
    steps: list[ProposedStep] = []
    tasks = [step for step in read.steps if not step.is_act]
    own = rules.steps if rules is not None and len(rules.steps) == len(tasks) else ()
    undone = _undone(request)
    moved: dict[str, str] = {}  # the results of steps, once a step that repeats another is left out
    for step in read.steps:
        if step.is_act:
            goto = _act(step, names, request, made=bool(tasks)) or goto
            continue
        at = len(moved)
        built = _step(step, names, read.encoded, request, alone=len(tasks) == 1)
        if own and own[at].task == step.name:
            built = _with_rules(built, own[at])
        built = built.model_copy(
            update={"images": tuple(moved.get(i, undone.get(i, i)) for i in built.images)}
        )
        if not steps or not _repeats(built, steps[-1], len(steps)):
            steps.append(built)
        moved[f"${at + 1}"] = f"${len(steps)}"
    steps = [_apart(step, request.context) for step in _with_handed(steps, request.context)]
    if len(steps) == 1:
        steps = [with_limit(steps[0], request.text)]
    if not steps and goto is None:
        raise _unclear(request)
    counts = [step.count for step in tasks if step.count]
    settings = request.settings
    if counts and settings.variations == 1:
        settings = replace(settings, variations=counts[-1])
    settings = widened(steps, settings, request.text, request.context)
    return ProposedPlan(steps=tuple(steps), goto=goto, settings=settings)


_FEW = 6
"""Words of a request that names an older picture, if it does, in a way that the rules read."""


def _undone(request: ParsedRequest) -> dict[str, str]:
    """For pictures that were undone, the current one, which a few words that name none mean."""
    context = request.context
    try:
        names = bool(request.named)
    except PlanError:
        names = True
    if names or context.newest is None or len(request.asked.split()) > _FEW:
        return {}
    return {image.id: context.newest for image in context.images if not image.on_path}


def _with_handed(steps: list[ProposedStep], context: Context) -> list[ProposedStep]:
    """The steps, on the file handed over where none takes one and they work on the current picture instead."""
    used = {image for step in steps for image in step.images}
    spare = [image.id for image in context.handed if image.id not in used]
    if len(spare) == 1 and len(steps) == 1 and steps[0].task == "background" and not steps[0].options:
        images = (*(i if i.startswith("input") else "input" for i in steps[0].images), spare[0])
        return [steps[0].model_copy(update={"images": images, "options": {"fill": "image"}})]
    if not context.handed or any(image.startswith("input") for image in used) or context.newest not in used:
        return steps
    return [
        step.model_copy(
            update={"images": tuple("input" if image == context.newest else image for image in step.images)}
        )
        for step in steps
    ]


_ALONE = {"fuse_layers": "add", "try_on": "add", "face_swap": "edit_face", "style_reference": "edit_style"}
"""Tasks of several pictures, and what each is on one."""


def _apart(step: ProposedStep, context: Context) -> ProposedStep:
    """A step that would put two versions of one picture together, as a change of the later one alone."""
    if step.task not in _ALONE or len(step.images) != 2:
        return step
    known = {image.id: image for image in context.images}
    first, second = (known.get(image) for image in step.images)
    if first is None or second is None:
        return step
    early, late = sorted((first, second), key=lambda image: len(image.text))
    if not late.text.startswith(f"{early.text}, then: "):
        return step
    return step.model_copy(update={"task": _ALONE[step.task], "images": (late.id,)})


def _repeats(step: ProposedStep, before: ProposedStep, earlier: int) -> bool:
    """Whether a step only does to a result what made it: a crop of the crop."""
    return (
        step.task == before.task and step.images == (f"${earlier}",) and step.options == before.options != {}
    )


def _with_rules(built: ProposedStep, own: ClauseStep) -> ProposedStep:
    """The parser's step with the mask and the options that the rules found, and the pictures that its clause names.

    Their wording is kept if they are sure of it and it is not the whole of a long clause.
    """
    theirs = own.step
    if own.clause is not None and own.clause.named and len(theirs.images) == len(built.images):
        built = built.model_copy(update={"images": theirs.images})
    short = len(theirs.instruction) <= 2 * len(built.instruction) + 16
    keeps = (
        (own.sure or own.task in OPERATIONS or own.task == "text_to_image")
        and short
        and len(theirs.images) == len(built.images)
    )
    return built.model_copy(
        update={
            "instruction": theirs.instruction if keeps else built.instruction,
            "options": theirs.options or built.options,
            "mask": built.mask or theirs.mask,
        }
    )


def _act(step: WrittenStep, names: Mapping[int, str], request: ParsedRequest, *, made: bool) -> str | None:
    """The picture that an act goes back to."""
    pictures = tuple(names[p] for p in step.pictures if isinstance(p, int))
    if step.name == "goto":
        return pictures[0] if pictures else None
    if step.name == "undo":
        path = request.context.path
        back = step.count or 1
        if len(path) <= back:
            raise PlanError("there is nothing to undo", "this is the beginning of the conversation")
        return path[-1 - back]
    if made:
        return None  # a question beside steps that can be carried out
    if step.name == "refuse":
        if request.context.default is None:
            raise _unclear(request)
        raise request.off_topic or PlanError(
            "that cannot be done here", "ask for a picture, or for a change of one"
        )
    if step.name == "ask":
        raise _unclear(request)
    if step.name == "answer":
        raise request.off_topic or PlanError(
            "that asks for no picture and no change", "say what to draw or what to change"
        )
    file = _FILE.search(request.text)
    name = cast('Literal["again", "redo", "save", "show"]', step.name)
    raise Act(name, pictures, file[0] if file else "")


def _unclear(request: ParsedRequest) -> PlanError:
    if request.off_topic is not None:
        return request.off_topic
    if request.context.default is None:
        return PlanError("there is no picture yet to change", "hand one over, or say what to draw")
    return PlanError("it is not clear what is meant", "name the picture by its id, and the thing by a word")


def _quoted(words: str, request: str) -> str:
    """The words of a lettering with what stands in quotes in the request whole and in quotes."""
    for quote in re.findall(r"[\"“„]([^\"“”„]{1,200})[\"”“]", request):
        if set(re.findall(r"\w+", quote)) & set(re.findall(r"\w+", words)):
            rest = " ".join(words.replace(quote, " ").replace('"', " ").split())
            return f'"{quote}" {rest}'.strip()
    return words


def _region(task: str, said: Mapping[str, str]) -> Region | None:
    """Where a step is limited to, by the words of the request; a local edit names its own thing."""
    row = CATALOGUE[task]
    if row.mask == "none" or row.local:
        return None
    if words := region_words(said.get("except", "")):
        return Region(words=words[:100], inverted=True)
    words = region_words(said.get("only", ""))
    return Region(words=words[:100]) if words else None


def _step(
    step: WrittenStep, names: Mapping[int, str], encoded: Encoded, request: ParsedRequest, *, alone: bool
) -> ProposedStep:
    said = {name: encoded.text(request.spoken, *span) for name, span in step.spans.items()}
    whole = request.spoken
    words = said.get("words", "") or (whole if alone else "")
    images = tuple(p if isinstance(p, str) else names[p] for p in step.pictures)
    operation = CATALOGUE[step.name].family == "operations"
    clause = f"{words} {said.get('only', '')}".strip()
    options: dict[str, Any] = {}
    limits: Region | None = None
    if operation:
        known = {image.id: image for image in request.context.images}.get(images[0]) if images else None
        size = (known.width, known.height) if known is not None and known.width else None
        found = said_operation(step.name, whole if alone else clause, size, pictures=len(images))
        options, limits = found.options, found.region
    if step.name == "render_text":
        words = _quoted(words, request.spoken)
        if alone:
            options = said_lettering(whole.replace(words, " "))
    if step.name == "outpaint" and step.mask is None:
        return ProposedStep(
            task=step.name, images=images, mask=outpaint_region(request.words), instruction=words[:300]
        )
    mask: str | Region | None = names.get(step.mask) if isinstance(step.mask, int) else None
    if mask is None and not request.context.mask:
        mask = _region(step.name, said) or limits
    return ProposedStep(task=step.name, images=images, mask=mask, instruction=words[:300], options=options)
