"""Pictures that a clause means without naming them: by a noun, by "them", or by its task alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.ellipsis import SIDES
from ace_agent.planner.rules.image_index import ImageIndex, content_words
from ace_agent.planner.rules.image_kinds import MAPS, EarlierStep, kinds_of
from ace_agent.planner.rules.mentions import IT, OTHER, THEM
from ace_agent.planner.rules.verbs import begins_command


def interpretations(
    tokens: Sequence[Token], images: ImageIndex, earlier: Sequence[EarlierStep]
) -> list[Sequence[Token]]:
    """The ways to read a clause, best first: with "them" or definite nouns as pictures, and as it stands."""
    plain = [replace(t, images=(IT,)) if THEM in t.images else t for t in tokens]
    if len(earlier) > 1 and len(images.pictures) < 2:
        two = (f"${len(earlier) - 1}", f"${len(earlier)}")
        plain = [replace(t, images=two) if t.has("IMG") and t.text.startswith("both") else t for t in plain]
    if len(images.pictures) < 2:
        return [plain]
    if any(THEM in t.images for t in tokens):
        last_two = tuple(i.id for i in images.pictures[-2:])
        both = [
            replace(t, images=last_two, tags=t.tags - {"PRON"}) if THEM in t.images else t for t in tokens
        ]
        return [plain] if earlier else [both, plain]
    nouns = _nouns_as_images(tokens, images, earlier)
    if nouns is not None:
        return [nouns, plain]
    pair = None if earlier else _implied_pair(tokens, images)
    if pair is not None:
        return [pair, plain]
    other = None if earlier else _other_subject(tokens, images)
    return [plain] if other is None else [other]


def _nouns_as_images(
    tokens: Sequence[Token], images: ImageIndex, earlier: Sequence[EarlierStep]
) -> list[Token] | None:
    """The clause with each definite noun that fits one picture's caption as a mention of that picture.

    None unless it then mentions at least two pictures.
    """
    row: list[Token] = []
    found: set[str] = {i for t in tokens if t.has("IMG") for i in t.images if i not in (IT, OTHER)}
    own = bool(earlier) and any(t.has("PRON") or t.text in ("me", "him", "her") for t in tokens)
    if not earlier and images.newest and any(t.has("PRON") for t in tokens):
        found.add(images.newest)
    fresh = 0
    at = 0
    while at < len(tokens):
        width, image = _noun_phrase(tokens, at, images)
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
    return row if fresh and len(found) + own >= 2 else None


def _implied_pair(tokens: Sequence[Token], images: ImageIndex) -> list[Token] | None:
    """The clause with two pictures added at its end, if its words or what the pictures are leave no other reading.

    "Swap their faces", "fuse the layers", "make him wear the hoodie" of a portrait and a hoodie.
    """
    if any(t.has("IMG") and not t.has("PRON") for t in tokens):
        return None
    newest = [i.id for i in images.pictures[-2:]]
    what = [kinds_of(i, images, ()) for i in newest]
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


def _other_subject(tokens: Sequence[Token], images: ImageIndex) -> list[Token] | None:
    """The clause with a picture added at its end, if a noun is the subject of that picture and not of the newest.

    "Remove the tractor" means the farm, not a later, unrelated portrait.
    """
    newest = images.newest
    if (
        newest is None
        or any(t.has("IMG", "QUOTE") for t in tokens)
        or not (begins_command(tokens, 0) or tokens[0].has(*SIDES))
    ):
        return None
    if tokens[0].text in ("draw", "generate", "create", "imagine", "design") and not any(
        t.text == "as" or t.has(*SIDES) for t in tokens
    ):
        return None
    people = [i.id for i in images.pictures if "person" in kinds_of(i.id, images, ())]
    if any(t.text in ("me", "him", "her", "he", "she", "his") for t in tokens):
        if len(people) == 1 and people[0] != newest:
            mention = Token(f"in {people[0]}", people[0], frozenset({"IMG"}), (people[0],))
            return [*tokens, Token("in", "in"), mention]
        return None
    for at in range(len(tokens)):
        width, image = _noun_phrase(tokens, at, images)
        if image is None or image == newest:
            continue
        words = [w for t in tokens[at : at + width] for w in content_words(t.text)]
        related = set(images.caption_words[image]) & set(images.caption_words[newest])
        if related or any(images.affinity(w, newest) for w in words):
            return None
        if images.caption_words[image][-1:] == words[-1:] or images.caption_words[image][:1] == words[-1:]:
            mention = Token(f"in {image}", image, frozenset({"IMG"}), (image,))
            return [*tokens, Token("in", "in"), mention]
    return None


def _noun_phrase(tokens: Sequence[Token], at: int, images: ImageIndex) -> tuple[int, str | None]:
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
        if len(run) < width or not all(_may_name(t) for t in run):
            continue
        image = _unique(images, [t.text for t in run])
        if image is not None:
            return determined + width, image
    return 0, None


def _may_name(token: Token) -> bool:
    """Whether a word may be part of a picture's name."""
    if token.has("PUNCT", "IMG", "QUOTE", "STYLEWORD", "FACEPART", "MASK", "UNDO"):
        return False
    banned = token.text in wordset("not-a-name") or token.text in wordset("not-in-description")
    return not banned and bool(content_words(token.text))


def _unique(images: ImageIndex, words: Sequence[str]) -> str | None:
    """The one picture that all the words fit, or whose subject they are."""
    wanted = [w for s in words for w in content_words(s)]
    fits = [i for i in images.ties(words) if all(images.affinity(w, i) >= 0.7 for w in wanted)]
    if len(fits) > 1:
        fits = [i for i in fits if all(w in images.caption_words[i] for w in wanted)] or fits
    if len(fits) > 1:
        fits = [i for i in fits if wanted[-1] in (images.caption_words[i][0], images.caption_words[i][-1])]
    return fits[0] if len(fits) == 1 else None


def chosen_by_name(tokens: Sequence[Token], images: ImageIndex) -> str | None:
    """The picture of a clause that only chooses one: "take the castle", "return to the windmill"."""
    verbs = 0
    while verbs < len(tokens) and (
        tokens[verbs].has("UNDO") or tokens[verbs].text in wordset("choosing-verbs")
    ):
        verbs += 1
    if not verbs or verbs >= len(tokens) or len(images.pictures) < 2:
        return None
    if tokens[verbs].text not in wordset("determiners"):
        return None
    rest = tokens[verbs + 1 :]
    if not rest or len(rest) > 4 or not all(_may_name(t) or t.has("PICTURE") for t in rest):
        return None
    words = [t.text for t in rest if not t.has("PICTURE")]
    found = _unique(images, words) if words else None
    if found is None and any(t.has("UNDO") for t in tokens[:verbs]):
        ranked = images.ranked(words)
        found = ranked[0] if ranked else None
    return found
