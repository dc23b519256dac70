"""The steps of one clause: which task, on which pictures, with which mask and instruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ace_agent.errors import PlanError
from ace_agent.plan.schema import Region
from ace_agent.plan.tasks import TASKS
from ace_agent.planner import instructions
from ace_agent.planner.english.lexicon import phrase_tags
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.proposal import ProposedStep
from ace_agent.planner.rules.classifier import TaskScores, classify
from ace_agent.planner.rules.exact_steps import exact_steps
from ace_agent.planner.rules.image_index import ImageIndex, content_words
from ace_agent.planner.rules.image_kinds import MAPS, kinds_of, tag_mentions
from ace_agent.planner.rules.implicit_images import interpretations
from ace_agent.planner.rules.mentions import IT, OTHER, THEM
from ace_agent.planner.rules.places import arrange, outpaint_region

MIN_WEIGHT = 2.0
"""A clause whose best task weighs less asks for nothing."""

SURE_WEIGHT = 7.0
SURE_MARGIN = 0.5
"""The rules are sure of a task of at least this weight that leads the next one by this margin."""

ANALYSIS = frozenset({"segment", "depth", "pose", "edge", "contour", "scribble", "doodle"})
MULTI_IMAGE = frozenset({"fuse_layers", "style_reference", "try_on", "face_swap", "multi_control"})
"""Tasks that combine several pictures."""

_MAP_OF = {f"{kind}_to_image": kind for kind in ("depth", "pose", "edge", "contour", "scribble", "doodle")}


@dataclass(frozen=True)
class ParsedClause:
    """A clause with its pictures resolved, before its task is known.

    Args:
        tokens: the clause; mentions of pictures carry tags for what they show.
        base: the picture it works on if its task needs one.
        named: the pictures it names, in the order of the words.
        masks: the masks it names.
        chosen: the picture that a clause before it chose.
    """

    tokens: tuple[Token, ...]
    base: str | None
    named: tuple[str, ...]
    masks: tuple[str, ...]
    chosen: str | None


@dataclass(frozen=True)
class ClauseStep:
    """A proposed step, the clause it came from, and what the pattern table gave its task.

    Args:
        step: the step.
        base: the picture it works on.
        clause: its clause; None if it has none of its own.
        weight: the weight of its task.
        margin: its lead over the next task's weight.
    """

    step: ProposedStep
    base: str | None = None
    clause: ParsedClause | None = None
    weight: float = 0.0
    margin: float = 0.0

    @property
    def task(self) -> str:
        """The step's task."""
        return self.step.task

    @property
    def sure(self) -> bool:
        """Whether the pattern table is sure of the task."""
        return self.weight >= SURE_WEIGHT and self.margin >= SURE_MARGIN


def _step(
    task: str,
    images: tuple[str, ...],
    instruction: str,
    mask: str | Region | None = None,
    base: str | None = None,
) -> ClauseStep:
    return ClauseStep(ProposedStep(task=task, images=images, instruction=instruction, mask=mask), base)


def _other(images: ImageIndex, named: set[str]) -> str:
    newest = images.default
    rest = [i.id for i in images.pictures if i.id not in named and (named or i.id != newest)]
    if not rest:
        raise PlanError("there is no other picture", "name one by its id")
    return rest[-1]


def first_named(tokens: Sequence[Token], images: ImageIndex) -> str | None:
    """The first picture that a clause names by something other than a pronoun."""
    for token in tokens:
        if token.has("IMG") and token.images[0] == OTHER:
            return _other(images, set())
        if token.has("IMG") and not token.has("PRON"):
            return token.images[0]
    return None


def conditions(
    images: ImageIndex, base: str | None, named: Sequence[str], earlier: Sequence[ClauseStep]
) -> frozenset[str]:
    """The pattern-table conditions that a clause meets."""
    found = set(kinds_of(base, images, earlier))
    found.add("picture" if base else "blank")
    if len(named) >= 2:
        found.add("two")
    if len(named) == 1:
        found.add("one")
    if earlier:
        found.add("chain")
    if sum(bool(kinds_of(i, images, earlier) & MAPS) for i in named) >= 2:
        found.add("guides")
    if images.masks or images.context.mask or any(before.task == "segment" for before in earlier):
        found.add("mask")
    if earlier and earlier[-1].task == "segment":
        found.add("after-mask")
    return frozenset(found)


def clause_steps(
    tokens: Sequence[Token], images: ImageIndex, earlier: Sequence[ClauseStep], chosen: str | None
) -> list[ClauseStep]:
    """The steps of one clause, usually one; none if it asks for nothing.

    Args:
        tokens: the clause.
        images: the conversation's pictures.
        earlier: the steps before it.
        chosen: the picture that a clause before it chose.
    """
    exact = _operations(tokens, images, earlier, chosen)
    if exact is not None:
        return exact
    ways = interpretations(tokens, images, earlier)
    for way in ways:
        found = _steps_of(way, images, earlier, chosen, several_only=way is not ways[-1])
        if found:
            return found
    if tokens[0].has("IMG") and len(tokens) > 1 and not tokens[0].has("PRON"):
        # "the second one, but at night": what follows is a clause of its own
        rest = list(tokens[1:])
        while rest and rest[0].text in (",", "but", "now", "just", "only", "and", "please", "with"):
            rest.pop(0)
        if rest:
            return _steps_of(rest, images, earlier, tokens[0].images[0])
    return []


def _operations(
    tokens: Sequence[Token], images: ImageIndex, earlier: Sequence[ClauseStep], chosen: str | None
) -> list[ClauseStep] | None:
    """The steps of a clause that asks for an exact operation; None if it asks for none."""
    named, masks, pronoun = _named(tokens, images)
    base = _base(tokens, images, earlier, chosen, named, pronoun)
    found = exact_steps(
        tokens, images, [item.step for item in earlier], base, named, masks, each=_applies_to_each(tokens)
    )
    if found is None:
        return None
    clause = ParsedClause(tuple(tokens), base, tuple(named), tuple(masks), chosen)
    return [ClauseStep(step, step.images[0], clause, SURE_WEIGHT, SURE_MARGIN) for step in found]


def _named(tokens: Sequence[Token], images: ImageIndex) -> tuple[list[str], list[str], bool]:
    """The pictures and the masks that a clause names, and whether a pronoun stands for one."""
    ids = [i for t in tokens if t.has("IMG") for i in t.images]
    named = [i for i in dict.fromkeys(ids) if i not in (IT, OTHER, THEM)]
    masks = [i for i in named if i in images.by_id and images.by_id[i].kind == "mask"]
    named = [i for i in named if i not in masks]
    if OTHER in ids:
        named.append(_other(images, set(named)))
    return named, masks, IT in ids


def _steps_of(
    tokens: Sequence[Token],
    images: ImageIndex,
    earlier: Sequence[ClauseStep],
    chosen: str | None,
    *,
    several_only: bool = False,
) -> list[ClauseStep]:
    ids = [i for t in tokens if t.has("IMG") for i in t.images]
    named, masks, pronoun = _named(tokens, images)
    base = _base(tokens, images, earlier, chosen, named, pronoun)
    marked = tag_mentions(_retag_nouns(tokens), base, images, earlier)
    involved = list(named)
    if (pronoun or chosen) and base and base not in involved and len(named) == 1:
        involved.append(base)
    given = conditions(images, base, involved, earlier)
    if len(earlier) > 1 and not named and any(t.text in ("both", "two", "together", "them") for t in tokens):
        given |= {"two"}
    scores = classify(marked, given)
    task = _best_task(scores, given, earlier)
    definite = pronoun or any(t.text in wordset("determiners") for t in tokens[:3])
    guided = task is not None and task.endswith("_to_image") and task != "text_to_image"
    if (
        "blank" in given
        and not definite
        and not guided
        and any(t == "text_to_image" for t, _ in scores.ranked)
    ):
        task = "text_to_image"  # with nothing to edit, a verb and a bare noun can only mean a new picture
    layers = {"extract_background", "extract_foreground"}
    if earlier and {task, earlier[-1].task} == layers and not pronoun:
        base = earlier[-1].base
    if task in ANALYSIS and earlier and earlier[-1].task in ANALYSIS and not ids and chosen is None:
        base = earlier[-1].base
    if task is None or (several_only and not (task in MULTI_IMAGE and scores.weight >= 8)):
        return []
    clause = ParsedClause(tuple(marked), base, tuple(named), tuple(masks), chosen)
    second = next((weight for other, weight in scores.ranked if other != task), 0.0)
    return [
        replace(item, clause=clause, weight=scores.weight, margin=scores.weight - second)
        for item in build(task, clause, images, earlier)
    ]


def _retag_nouns(tokens: Sequence[Token]) -> list[Token]:
    """Remove tags from words that are plain nouns here: a mask to wear ("put a mask on him"), "turn the bins into"."""
    row = list(tokens)
    for at, token in enumerate(row):
        if (
            at
            and token.has("VREM")
            and row[at - 1].text in ("the", "a", "my", "his", "her", "their", "these")
        ):
            row[at] = replace(token, tags=token.tags - {"VREM"})
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
    images: ImageIndex,
    earlier: Sequence[ClauseStep],
    chosen: str | None,
    named: Sequence[str],
    pronoun: bool,
) -> str | None:
    """The picture that a clause works on if its task needs one."""
    if chosen is not None:
        return chosen
    if len(named) == 1 and not pronoun:
        return named[0]
    if earlier:
        before = earlier[-1]
        if before.task in ANALYSIS and not pronoun and before.base and not _uses_result(tokens):
            return before.base
        return f"${len(earlier)}"
    if named and not pronoun:
        return named[0]
    return images.default


def _uses_result(tokens: Sequence[Token]) -> bool:
    """Whether a clause after an analysis uses its result."""
    return any(
        t.text in wordset("goes-on")
        or t.has("VFUSE", "MASK", "COLORIZE", "VFILL", "STYLE")
        or (t.has("VCREATE") and not t.has("VCHANGE"))
        for t in tokens
    )


def _best_task(scores: TaskScores, given: frozenset[str], earlier: Sequence[ClauseStep]) -> str | None:
    """The best task that the available pictures allow."""
    weights = dict(scores.ranked)
    for task, weight in scores.ranked:
        if weight < MIN_WEIGHT:
            return None
        from_map = f"{task}_to_image"
        if task in ANALYSIS and task in given and from_map in weights:
            return from_map  # a map of a map is never meant
        near = len(earlier) + ("one" in given)
        if TASKS[task].min_images >= 2 and "two" not in given and near < 2:
            continue
        return task
    return None


def build(
    task: str, clause: ParsedClause, images: ImageIndex, earlier: Sequence[ClauseStep]
) -> list[ClauseStep]:
    """Build the steps of a clause whose task is known: ordered pictures, mask and instruction.

    Raises PlanError if the pictures that it needs are not there.
    """
    tokens, base, named = clause.tokens, clause.base, clause.named
    row = TASKS[task]
    if row.max_images == 0:
        return [_step(task, (), instructions.instruction(task, tokens, {}))]
    if base is None and not named:
        raise PlanError("there is no picture to work on yet", "make one first, or hand one over")
    mask: str | Region | None = clause.masks[-1] if clause.masks else None
    speaks = (
        mask is None
        and task != "segment"
        and any(t.has("MASK") and (at or not t.has("VSEGMENT")) for at, t in enumerate(tokens))
    )
    if (
        earlier
        and earlier[-1].task == "segment"
        and base == f"${len(earlier)}"
        and row.local
        and any(t.has("PRON") or t.text in ("part", "area", "region", "bit", "selection") for t in tokens)
    ):
        mask, base = base, earlier[-1].base
    if mask is None and (speaks or task == "inpaint"):
        segmented = next((i for i in range(len(earlier), 0, -1) if earlier[i - 1].task == "segment"), None)
        if segmented:
            mask = f"${segmented}"
            if base == mask:
                base = earlier[segmented - 1].base or base
        elif images.masks:
            content = [w for t in tokens if not t.has("IMG") for w in content_words(t.text)]
            fitting = images.ranked(content, "mask") if len(images.masks) > 1 else []
            mask = fitting[0] if fitting else images.masks[-1].id
        elif task == "inpaint" and not images.context.mask:
            raise PlanError(
                "there is no mask for that", "make one first: segment the part, or draw it with /mask"
            )
    if task == "outpaint" and mask is None:
        mask = outpaint_region(tokens)
    pairs = row.min_images >= 2 or (row.max_images > 1 and (len(named) > 1 or task == "style_reference"))
    if pairs:
        unnamed = [i.id for i in images.pictures if i.id not in named]
        ordered = arrange(task, tokens, base, named, clause.chosen, earlier, unnamed[-1] if unnamed else None)
        if len(ordered) < row.min_images:
            raise PlanError(
                f"{task.replace('_', ' ')} needs {row.min_images} pictures", "name them by id, like @1 and @2"
            )
        order = {r: i for i, r in enumerate(ordered)} | ({IT: ordered.index(base)} if base in ordered else {})
        return [_step(task, ordered, instructions.instruction(task, tokens, order), mask, ordered[0])]
    targets = list(named) or [base or ""]
    if row.max_images > 1 and len(targets) > 1:
        order = {r: i for i, r in enumerate(targets)}
        return [
            _step(task, tuple(targets), instructions.instruction(task, tokens, order), mask, base=targets[0])
        ]
    if len(targets) > 1 and not _applies_to_each(tokens):
        targets = targets[:1]
    kind = _MAP_OF.get(task)
    if kind and not kinds_of(targets[0], images, earlier) & MAPS:
        # "an astronaut in the same pose": the pose must be found first
        first = _step(kind, (targets[0],), instructions.TEMPLATES[kind], base=targets[0])
        place = f"${len(earlier) + 1}"
        words = instructions.instruction(task, tokens, {targets[0]: 0, IT: 0})
        return [first, _step(task, (place,), words, mask, base=place)]
    return [
        _step(task, (target,), instructions.instruction(task, tokens, {target: 0, IT: 0}), mask, base=target)
        for target in targets
    ]


def _applies_to_each(tokens: Sequence[Token]) -> bool:
    """Whether a clause that names several pictures wants the same done to each."""
    if any(len(t.images) > 1 for t in tokens):
        return True
    places = [i for i, t in enumerate(tokens) if t.has("IMG")]
    return (
        any(tokens[i].text in ("and", ",", "plus") for i in range(places[0], places[-1]))
        if len(places) > 1
        else False
    )


_ONCE = frozenset({
    "restore", "degrade", "grayscale", "mosaic", "colorize", "demosaic", "extract_foreground", "edit_general",
})  # fmt: skip
"""Tasks that are done once, however often a request mentions them in a row."""


def merged(steps: Sequence[ClauseStep]) -> list[ClauseStep]:
    """Merge each step that only repeats the one before into it ("it's too dark, brighten it up")."""
    kept: list[ClauseStep] = []
    moved: dict[str, str] = {}
    for at, item in enumerate(steps, 1):
        step = item.step
        mask = moved.get(step.mask, step.mask) if isinstance(step.mask, str) else step.mask
        images = tuple(moved.get(i, i) for i in step.images)
        step = step.model_copy(update={"images": images, "mask": mask})
        before = kept[-1].step if kept else None
        if (
            before is not None
            and before.task == step.task
            and images in ((f"${len(kept)}",), before.images)
            and mask == before.mask
            and (step.task in _ONCE or _twice(before, step) or _vague(before, step))
        ):
            text = step.instruction
            both = f"{before.instruction.rstrip('.')}; {text[:1].lower()}{text[1:]}"
            kept[-1] = replace(
                kept[-1],
                step=before.model_copy(
                    update={"instruction": both, "options": before.options | step.options}
                ),
            )
        else:
            kept.append(replace(item, step=step))
        moved[f"${at}"] = f"${len(kept)}"
    return kept


def _twice(first: ProposedStep, second: ProposedStep) -> bool:
    """Whether an operation adds nothing to the one before: "it's too dark, brighten it up"."""
    if first.task != second.task:
        return False
    return first.task in ("adjust", "filter", "straighten") and first.options.keys() >= second.options.keys()


def _vague(first: ProposedStep, second: ProposedStep) -> bool:
    """Whether a step leaves the details to the next one: "recolor the kite, make it orange"."""
    if first.task == second.task == "remove":
        return len(second.instruction.replace("{image}", "").split()) < 5
    if first.task not in ("edit_color", "edit_texture", "edit_style", "edit_scene", "edit_motion"):
        return False
    tags = phrase_tags()
    descriptive = {"COLOR", "MATERIAL", "STYLE", "TIME", "PLACE", "BIGGER", "ACTION"}
    words = first.instruction.lower().replace("{image}", "").strip(".").split()
    return "{image}" in second.instruction and not any(tags.get(w, frozenset()) & descriptive for w in words)
