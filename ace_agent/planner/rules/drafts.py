"""The steps of one clause: which task, on which pictures, with which mask and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ace_agent.errors import PlanError
from ace_agent.plan.tasks import TASKS
from ace_agent.planner import instructions
from ace_agent.planner.english.lexicon import phrase_tags
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.classifier import Verdict, classify
from ace_agent.planner.rules.image_index import Gallery, content
from ace_agent.planner.rules.image_kinds import MAPS, kinds, tagged
from ace_agent.planner.rules.implicit_images import readings
from ace_agent.planner.rules.mentions import IT, OTHER, THEM
from ace_agent.planner.rules.places import arrange, outpaint_region

if TYPE_CHECKING:
    from ace_agent.plan import Region

QUIET = 2.0
"""A clause whose loudest task weighs less is talk, not a wish."""

ANALYSIS = frozenset({"segment", "depth", "pose", "edge", "contour", "scribble", "doodle"})
PAIRS = frozenset({"fuse_layers", "style_reference", "try_on", "face_swap", "multi_control"})
"""Tasks that speak of several pictures at once."""

_GENERATED = {f"{kind}_to_image": kind for kind in ("depth", "pose", "edge", "contour", "scribble", "doodle")}


@dataclass(frozen=True)
class Wish:
    """A clause with its pictures found, whatever its task.

    Args:
        tokens: the clause; mentions of pictures carry tags for what they show.
        base: the picture it works on when it needs one.
        named: the pictures it names, in order of speaking.
        masks: the masks it names.
        chosen: the picture that a clause before it chose.
    """

    tokens: tuple[Token, ...]
    base: str | None
    named: tuple[str, ...]
    masks: tuple[str, ...]
    chosen: str | None


@dataclass
class Draft:
    """A step in the making: what a step holds, the wish it came from, and how loud the pattern table was."""

    task: str
    images: tuple[str, ...]
    instruction: str
    mask: str | Region | None = None
    base: str | None = None
    wish: Wish | None = None
    weight: float = 0.0
    margin: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether the pattern table was loud and clear about the task."""
        return self.weight >= 7 and self.margin >= 0.5


def _other(gallery: Gallery, named: set[str]) -> str:
    newest = gallery.last
    rest = [i.id for i in gallery.images if i.id not in named and (named or i.id != newest)]
    if not rest:
        raise PlanError("there is no other picture", "name one by its id")
    return rest[-1]


def first_named(tokens: Sequence[Token], gallery: Gallery) -> str | None:
    """The first picture that a clause names otherwise than by a pronoun."""
    for token in tokens:
        if token.has("IMG") and token.images[0] == OTHER:
            return _other(gallery, set())
        if token.has("IMG") and not token.has("PRON"):
            return token.images[0]
    return None


def facts_of(
    tokens: Sequence[Token], gallery: Gallery, base: str | None, named: Sequence[str], drafts: Sequence[Draft]
) -> frozenset[str]:
    """The conditions of the pattern table that hold for a clause."""
    facts = set(kinds(base, gallery, drafts))
    facts.add("picture" if base else "blank")
    if len(named) >= 2:
        facts.add("two")
    if len(named) == 1:
        facts.add("one")
    if drafts:
        facts.add("chain")
    if sum(bool(kinds(i, gallery, drafts) & MAPS) for i in named) >= 2:
        facts.add("guides")
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
    ways = readings(tokens, gallery, drafts)
    for way in ways:
        found = _draft(way, gallery, drafts, chosen, pairs_only=way is not ways[-1])
        if found:
            return found
    if tokens[0].has("IMG") and len(tokens) > 1 and not tokens[0].has("PRON"):
        # "the second one, but at night": what follows is a clause of its own
        rest = list(tokens[1:])
        while rest and rest[0].text in (",", "but", "now", "just", "only", "and", "please", "with"):
            rest.pop(0)
        if rest:
            return _draft(rest, gallery, drafts, tokens[0].images[0])
    return []


def _draft(
    tokens: Sequence[Token],
    gallery: Gallery,
    drafts: Sequence[Draft],
    chosen: str | None,
    *,
    pairs_only: bool = False,
) -> list[Draft]:
    ids = [i for t in tokens if t.has("IMG") for i in t.images]
    named = [i for i in dict.fromkeys(ids) if i not in (IT, OTHER, THEM)]
    masks = [i for i in named if i in gallery.known and gallery.known[i].kind == "mask"]
    named = [i for i in named if i not in masks]
    if OTHER in ids:
        named.append(_other(gallery, set(named)))
    pronoun = IT in ids
    base = _base(tokens, gallery, drafts, chosen, named, pronoun)
    marked = tagged(_nouns(tokens), base, gallery, drafts)
    shown = list(named)
    if (pronoun or chosen) and base and base not in shown and len(named) == 1:
        shown.append(base)
    facts = facts_of(marked, gallery, base, shown, drafts)
    if len(drafts) > 1 and not named and any(t.text in ("both", "two", "together", "them") for t in tokens):
        facts |= {"two"}
    verdict = classify(marked, facts)
    task = choose(verdict, facts, drafts)
    definite = pronoun or any(t.text in wordset("determiners") for t in tokens[:3])
    guided = task is not None and task.endswith("_to_image") and task != "text_to_image"
    if (
        "blank" in facts
        and not definite
        and not guided
        and any(t == "text_to_image" for t, _ in verdict.ranked)
    ):
        task = "text_to_image"  # with nothing to edit, a verb and a bare noun can only mean a new picture
    layers = {"extract_background", "extract_foreground"}
    if drafts and {task, drafts[-1].task} == layers and not pronoun:
        base = drafts[-1].base
    if task in ANALYSIS and drafts and drafts[-1].task in ANALYSIS and not ids and chosen is None:
        base = drafts[-1].base
    if task is None or (pairs_only and not (task in PAIRS and verdict.weight >= 8)):
        return []
    wish = Wish(tuple(marked), base, tuple(named), tuple(masks), chosen)
    made = build(task, wish, gallery, drafts)
    second = next((w for t, w in verdict.ranked if t != task), 0.0)
    for item in made:
        item.wish, item.weight, item.margin = wish, verdict.weight, verdict.weight - second
    return made


def _nouns(tokens: Sequence[Token]) -> list[Token]:
    """Takes tags from words that are plain nouns here: a mask to wear ("put a mask on him"), "turn the bins into"."""
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
        if before.task in ANALYSIS and not pronoun and before.base and not _uses_result(tokens):
            return before.base
        return f"${len(drafts)}"
    if named and not pronoun:
        return named[0]
    return gallery.last


def _uses_result(tokens: Sequence[Token]) -> bool:
    """Whether a clause after an analysis goes on with its result."""
    return any(
        t.text in wordset("goes-on")
        or t.has("VFUSE", "MASK", "COLORIZE", "VFILL", "STYLE")
        or (t.has("VCREATE") and not t.has("VCHANGE"))
        for t in tokens
    )


def choose(verdict: Verdict, facts: frozenset[str], drafts: Sequence[Draft]) -> str | None:
    """The task of a clause: the loudest one that the pictures at hand allow."""
    weights = dict(verdict.ranked)
    for task, weight in verdict.ranked:
        if weight < QUIET:
            return None
        drawn = f"{task}_to_image"
        if task in ANALYSIS and task in facts and drawn in weights:
            return drawn  # a map of a map is never meant
        near = len(drafts) + ("one" in facts)
        if TASKS[task].min_images >= 2 and "two" not in facts and near < 2:
            continue
        return task
    return None


def build(task: str, wish: Wish, gallery: Gallery, drafts: Sequence[Draft]) -> list[Draft]:
    """The steps of a wish whose task is known: images in order, mask and instruction.

    Raises PlanError when the pictures it needs are not there.
    """
    tokens, base, named = wish.tokens, wish.base, wish.named
    row = TASKS[task]
    if row.max_images == 0:
        return [Draft(task, (), instructions.instruction(task, tokens, {}))]
    if base is None and not named:
        raise PlanError("there is no picture to work on yet", "make one first, or hand one over")
    mask: str | Region | None = wish.masks[-1] if wish.masks else None
    speaks = (
        mask is None
        and task != "segment"
        and any(t.has("MASK") and (at or not t.has("VSEGMENT")) for at, t in enumerate(tokens))
    )
    if (
        drafts
        and drafts[-1].task == "segment"
        and base == f"${len(drafts)}"
        and row.local
        and any(t.has("PRON") or t.text in ("part", "area", "region", "bit", "selection") for t in tokens)
    ):
        mask, base = base, drafts[-1].base
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
        unnamed = [i.id for i in gallery.images if i.id not in named]
        images = arrange(task, tokens, base, named, wish.chosen, drafts, unnamed[-1] if unnamed else None)
        if len(images) < row.min_images:
            raise PlanError(
                f"{task.replace('_', ' ')} needs {row.min_images} pictures", "name them by id, like @1 and @2"
            )
        order = {r: i for i, r in enumerate(images)} | ({IT: images.index(base)} if base in images else {})
        return [Draft(task, images, instructions.instruction(task, tokens, order), mask, base=images[0])]
    targets = list(named) or [base or ""]
    if row.max_images > 1 and len(targets) > 1:
        order = {r: i for i, r in enumerate(targets)}
        return [
            Draft(task, tuple(targets), instructions.instruction(task, tokens, order), mask, base=targets[0])
        ]
    if len(targets) > 1 and not _distributes(tokens):
        targets = targets[:1]
    kind = _GENERATED.get(task)
    if kind and not kinds(targets[0], gallery, drafts) & MAPS:
        # "an astronaut in the same pose": the pose must be found first
        looked = Draft(kind, (targets[0],), instructions.TEMPLATES[kind], base=targets[0])
        place = f"${len(drafts) + 1}"
        words = instructions.instruction(task, tokens, {targets[0]: 0, IT: 0})
        return [looked, Draft(task, (place,), words, mask, base=place)]
    return [
        Draft(task, (target,), instructions.instruction(task, tokens, {target: 0, IT: 0}), mask, base=target)
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


_WHOLE = frozenset(
    {
        "restore",
        "degrade",
        "grayscale",
        "mosaic",
        "colorize",
        "demosaic",
        "extract_foreground",
        "edit_general",
    }
)
"""Tasks that are done once, however often a request speaks of them in a row."""


def merged(drafts: Sequence[Draft]) -> list[Draft]:
    """The steps without those that only say again what the step before does ("it's too dark, brighten it up")."""
    kept: list[Draft] = []
    moved: dict[str, str] = {}
    for at, item in enumerate(drafts, 1):
        images = tuple(moved.get(i, i) for i in item.images)
        mask = moved.get(item.mask, item.mask) if isinstance(item.mask, str) else item.mask
        item = replace(item, images=images, mask=mask)
        before = kept[-1] if kept else None
        again = (
            before is not None
            and before.task == item.task
            and images in ((f"${len(kept)}",), before.images)
            and mask == before.mask
            and (item.task in _WHOLE or _vague(before, item))
        )
        if again and before is not None:
            lead = before.instruction.rstrip(".")
            kept[-1] = replace(
                before, instruction=f"{lead}; {item.instruction[:1].lower()}{item.instruction[1:]}"
            )
        else:
            kept.append(item)
        moved[f"${at}"] = f"${len(kept)}"
    return kept


def _vague(first: Draft, second: Draft) -> bool:
    """Whether a step leaves to the next one what it wants: "recolor the kite, make it orange"."""
    if first.task == second.task == "remove":
        return len(second.instruction.replace("{image}", "").split()) < 5
    if first.task not in ("edit_color", "edit_texture", "edit_style", "edit_scene", "edit_motion"):
        return False
    tags = phrase_tags()
    telling = {"COLOR", "MATERIAL", "STYLE", "TIME", "PLACE", "BIGGER", "ACTION"}
    words = first.instruction.lower().replace("{image}", "").strip(".").split()
    return "{image}" in second.instruction and not any(tags.get(w, frozenset()) & telling for w in words)
