"""Ways to read a clause: nouns, "them" or nothing at all may stand for the pictures that a task takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.ellipsis import SIDES
from ace_agent.planner.rules.image_index import Gallery, content
from ace_agent.planner.rules.image_kinds import MAPS, Made, kinds
from ace_agent.planner.rules.mentions import IT, OTHER, THEM
from ace_agent.planner.rules.verbs import begins


def readings(tokens: Sequence[Token], gallery: Gallery, drafts: Sequence[Made]) -> list[Sequence[Token]]:
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


def _soft(tokens: Sequence[Token], gallery: Gallery, drafts: Sequence[Made]) -> list[Token] | None:
    """The clause with definite nouns that fit one picture's caption each read as that picture.

    None unless at least two pictures are then spoken of.
    """
    row: list[Token] = []
    found: set[str] = {i for t in tokens if t.has("IMG") for i in t.images if i not in (IT, OTHER)}
    cut = bool(drafts) and any(t.has("PRON") or t.text in ("me", "him", "her") for t in tokens)
    if not drafts and gallery.newest and any(t.has("PRON") for t in tokens):
        found.add(gallery.newest)
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
    if (
        newest is None
        or any(t.has("IMG", "QUOTE") for t in tokens)
        or not (begins(tokens, 0) or tokens[0].has(*SIDES))
    ):
        return None
    if tokens[0].text in ("draw", "generate", "create", "imagine", "design") and not any(
        t.text == "as" or t.has(*SIDES) for t in tokens
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
