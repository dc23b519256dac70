"""The steps of one clause: which task, on which pictures, with which mask and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ace_agent.errors import PlanError
from ace_agent.planner import wording
from ace_agent.planner.classifier import Verdict, classify
from ace_agent.planner.clauses import begins
from ace_agent.planner.gallery import Gallery, content
from ace_agent.planner.kinds import MAPS, kinds, tagged
from ace_agent.planner.lexicon import phrase_tags
from ace_agent.planner.places import arrange, outpaint_region
from ace_agent.planner.reading import Token
from ace_agent.planner.references import IT, OTHER, THEM
from ace_agent.planner.settings import Settings
from ace_agent.planner.tables import wordset
from ace_agent.tasks import TASKS

if TYPE_CHECKING:
    from ace_agent.plan import Region

QUIET = 2.0
"""A clause whose loudest task weighs less is talk, not a wish."""

ANALYSIS = frozenset({"segment", "depth", "pose", "edge", "contour", "scribble", "doodle"})
PAIRS = frozenset({"fuse_layers", "style_reference", "try_on", "face_swap", "multi_control"})
"""Tasks that speak of several pictures at once."""

_GENERATED = {f"{kind}_to_image": kind for kind in ("depth", "pose", "edge", "contour", "scribble", "doodle")}


@dataclass
class Draft:
    """A step in the making."""

    task: str
    images: tuple[str, ...]
    instruction: str
    mask: str | Region | None = None
    settings: Settings = field(default_factory=Settings)
    base: str | None = None


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
    readings = _readings(tokens, gallery, drafts)
    for reading in readings:
        found = _draft(reading, gallery, drafts, chosen, pairs_only=reading is not readings[-1])
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


def _readings(tokens: Sequence[Token], gallery: Gallery, drafts: Sequence[Draft]) -> list[Sequence[Token]]:
    """Ways to read a clause: with "them" or definite nouns as pictures, for tasks that take several; then plainly."""
    plain = [replace(t, images=(IT,)) if THEM in t.images else t for t in tokens]
    if len(drafts) > 1 and len(gallery.images) < 2:
        two = (f"${len(drafts) - 1}", f"${len(drafts)}")
        plain = [replace(t, images=two) if t.has("IMG") and t.text.startswith("both") else t for t in plain]
    if len(gallery.images) < 2:
        return [plain]
    if any(THEM in t.images for t in tokens):
        last_two = tuple(i.id for i in gallery.images[-2:])
        both = [
            replace(t, images=last_two, tags=t.tags - {"PRON"}) if THEM in t.images else t for t in tokens
        ]
        return [plain] if drafts else [both, plain]
    guess = _soft(tokens, gallery, drafts)
    if guess is not None:
        return [guess, plain]
    pair = None if drafts else _pair(tokens, gallery)
    if pair is not None:
        return [pair, plain]
    elsewhere = None if drafts else _elsewhere(tokens, gallery)
    return [plain] if elsewhere is None else [elsewhere]


def _soft(tokens: Sequence[Token], gallery: Gallery, drafts: Sequence[Draft]) -> list[Token] | None:
    """The clause with definite nouns that fit one picture's caption each read as that picture.

    None unless at least two pictures are then spoken of.
    """
    row: list[Token] = []
    found: set[str] = {i for t in tokens if t.has("IMG") for i in t.images if i not in (IT, OTHER)}
    cut = bool(drafts) and any(t.has("PRON") or t.text in ("me", "him", "her") for t in tokens)
    fresh = 0
    at = 0
    while at < len(tokens):
        width, image = _noun_phrase(tokens, at, gallery)
        if image is None:
            row.append(tokens[at])
            at += 1
            continue
        run = tokens[at : at + width]
        tags = frozenset({"IMG"}).union(
            *(t.tags & {"PERSON", "GARMENT", "FACEPART", "ANIMAL", "THING"} for t in run)
        )
        row.append(Token(" ".join(t.text for t in run), " ".join(t.surface for t in run), tags, (image,)))
        fresh += image not in found
        found.add(image)
        at += width
    return row if fresh and len(found) + cut >= 2 else None


def _pair(tokens: Sequence[Token], gallery: Gallery) -> list[Token] | None:
    """The clause with two pictures put after it, when its words or the pictures' kinds leave no other reading.

    "Swap their faces", "fuse the layers", "make him wear the hoodie" of a portrait and a hoodie.
    """
    if any(t.has("IMG") and not t.has("PRON") for t in tokens):
        return None
    newest = [i.id for i in gallery.images[-2:]]
    what = [kinds(i, gallery, ()) for i in newest]
    worn = any(t.has("VTRYON", "GARMENT") for t in tokens) and any(t.has("PERSON", "VTRYON") for t in tokens)
    faces = any(t.has("FACESWAP") or t.text in ("faces", "heads") for t in tokens)
    layers = any(t.has("VFUSE") for t in tokens) and (
        any("cutout" in w for w in what) or any(t.text in wordset("both-words") for t in tokens)
    )
    guides = all(w & MAPS for w in what) and any(t.has("VCREATE", "VFOLLOW") for t in tokens)
    garments = [i for i, w in zip(newest, what, strict=True) if "garment" in w and "person" not in w]
    if worn and len(garments) == 1:
        newest = [*(i for i in newest if i not in garments), *garments]
    elif not (faces or layers or (guides and any(t.text in wordset("both-words") for t in tokens))):
        return None
    mentions = [
        Token("and", "and") if k % 2 else Token(i, i, frozenset({"IMG"}), (i,))
        for k, i in enumerate((newest[0], "", newest[1]))
    ]
    return [*tokens, Token("of", "of"), *mentions]


def _elsewhere(tokens: Sequence[Token], gallery: Gallery) -> list[Token] | None:
    """The clause with a picture named in front, when its noun is the subject of one unlike the newest.

    "Remove the tractor" of a farm and a later, unrelated portrait speaks of the farm.
    """
    newest = gallery.newest
    if newest is None or any(t.has("IMG", "QUOTE") for t in tokens) or not begins(tokens, 0):
        return None
    if tokens[0].text in ("draw", "generate", "create", "imagine", "design") and not any(
        t.text == "as" for t in tokens
    ):
        return None
    people = [i.id for i in gallery.images if "person" in kinds(i.id, gallery, ())]
    if any(t.text in ("me", "him", "her", "he", "she", "his") for t in tokens):
        if len(people) == 1 and people[0] != newest:
            mention = Token(f"in {people[0]}", people[0], frozenset({"IMG"}), (people[0],))
            return [*tokens, Token("in", "in"), mention]
        return None
    for at in range(len(tokens)):
        width, image = _noun_phrase(tokens, at, gallery)
        if image is None or image == newest:
            continue
        words = [w for t in tokens[at : at + width] for w in content(t.text)]
        related = set(gallery.words[image]) & set(gallery.words[newest])
        if related or any(gallery.affinity(w, newest) for w in words):
            return None
        if gallery.words[image][-1:] == words[-1:] or gallery.words[image][:1] == words[-1:]:
            mention = Token(f"in {image}", image, frozenset({"IMG"}), (image,))
            return [*tokens, Token("in", "in"), mention]
    return None


def _noun_phrase(tokens: Sequence[Token], at: int, gallery: Gallery) -> tuple[int, str | None]:
    """A definite noun phrase that fits exactly one picture: its length and that picture."""
    token = tokens[at]
    determined = token.text in wordset("determiners")
    bare = (
        token.text.endswith("'s")
        or (at > 0 and tokens[at - 1].has("VFUSE") and token.has("ANIMAL", "THING", "PERSON"))
        or (at > 0 and tokens[at - 1].text in ("to", "on", "onto") and token.has("PERSON"))
    )
    if not determined and not bare:
        return 0, None
    start = at + determined
    for width in range(4, 0, -1):
        run = tokens[start : start + width]
        if len(run) < width or not all(_names(t) for t in run):
            continue
        image = _only(gallery, [t.text for t in run])
        if image is not None:
            return determined + width, image
    return 0, None


def _names(token: Token) -> bool:
    """Whether a word may be part of what a picture is called by."""
    if token.has("PUNCT", "IMG", "QUOTE", "STYLEWORD", "FACEPART", "MASK", "UNDO"):
        return False
    banned = token.text in wordset("not-a-name") or token.text in wordset("not-in-description")
    return not banned and bool(content(token.text))


def _only(gallery: Gallery, said: Sequence[str]) -> str | None:
    """The one picture that all the words fit, or whose subject they name."""
    words = [w for s in said for w in content(s)]
    fits = [i for i in gallery.rivals(said) if all(gallery.affinity(w, i) >= 0.7 for w in words)]
    if len(fits) > 1:
        fits = [i for i in fits if all(w in gallery.words[i] for w in words)] or fits
    if len(fits) > 1:
        fits = [i for i in fits if words[-1] in (gallery.words[i][0], gallery.words[i][-1])]
    return fits[0] if len(fits) == 1 else None


def chosen_by_name(tokens: Sequence[Token], gallery: Gallery) -> str | None:
    """The picture that "take the castle" or "return to the windmill" chooses, if that is all a clause does."""
    verbs = 0
    while verbs < len(tokens) and (
        tokens[verbs].has("UNDO") or tokens[verbs].text in wordset("choosing-verbs")
    ):
        verbs += 1
    if not verbs or verbs >= len(tokens) or len(gallery.images) < 2:
        return None
    if tokens[verbs].text not in wordset("determiners"):
        return None
    rest = tokens[verbs + 1 :]
    if not rest or len(rest) > 4 or not all(_names(t) or t.has("PICTURE") for t in rest):
        return None
    said = [t.text for t in rest if not t.has("PICTURE")]
    found = _only(gallery, said) if said else None
    if found is None and any(t.has("UNDO") for t in tokens[:verbs]):
        ranked = gallery.match(said)
        found = ranked[0] if ranked else None
    return found


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
    marked = tagged(_plain_mask(tokens), base, gallery, drafts)
    shown = list(named)
    if (pronoun or chosen) and base and base not in shown and len(named) == 1:
        shown.append(base)
    facts = facts_of(marked, gallery, base, shown, drafts)
    if len(drafts) > 1 and not named and any(t.text in ("both", "two", "together", "them") for t in tokens):
        facts |= {"two"}
    verdict = classify(marked, facts)
    task = choose(verdict, facts, drafts)
    layers = {"extract_background", "extract_foreground"}
    if drafts and {task, drafts[-1].task} == layers and not pronoun:
        base = drafts[-1].base
    if task in ANALYSIS and drafts and drafts[-1].task in ANALYSIS and not ids and chosen is None:
        base = drafts[-1].base
    if task is None or (pairs_only and not (task in PAIRS and verdict.weight >= 8)):
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
    for task, weight in verdict.ranked:
        if weight < QUIET:
            return None
        near = len(drafts) + ("one" in facts)
        if TASKS[task].min_images >= 2 and "two" not in facts and near < 2:
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
        mask is None
        and task != "segment"
        and any(t.has("MASK") and (at or not t.has("VSEGMENT")) for at, t in enumerate(tokens))
    )
    if (
        drafts
        and drafts[-1].task == "segment"
        and base == f"${len(drafts)}"
        and row.local
        and any(t.has("PRON") for t in tokens)
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
        images = arrange(task, tokens, base, named, chosen, drafts, unnamed[-1] if unnamed else None)
        if len(images) < row.min_images:
            raise PlanError(
                f"{task.replace('_', ' ')} needs {row.min_images} pictures", "name them by id, like @1 and @2"
            )
        order = {r: i for i, r in enumerate(images)} | ({IT: images.index(base)} if base in images else {})
        return [Draft(task, images, wording.instruction(task, tokens, order), mask, base=images[0])]
    targets = list(named) or [base or ""]
    if row.max_images > 1 and len(targets) > 1:
        order = {r: i for i, r in enumerate(targets)}
        return [Draft(task, tuple(targets), wording.instruction(task, tokens, order), mask, base=targets[0])]
    if len(targets) > 1 and not _distributes(tokens):
        targets = targets[:1]
    kind = _GENERATED.get(task)
    if kind and not kinds(targets[0], gallery, drafts) & MAPS:
        # "an astronaut in the same pose": the pose must be found first
        looked = Draft(kind, (targets[0],), wording.TEMPLATES[kind], base=targets[0])
        place = f"${len(drafts) + 1}"
        words = wording.instruction(task, tokens, {targets[0]: 0, IT: 0})
        return [looked, Draft(task, (place,), words, mask, base=place)]
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
