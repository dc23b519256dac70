"""Edits of an object's appearance: its colour, its material, its face."""

from __future__ import annotations

import math
from dataclasses import replace

from PIL import ImageStat

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes import captions
from ace_agent.data.scenes.captions import the
from ace_agent.data.scenes.edits.change import Change, category, one, swap
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.references import colors, people
from ace_agent.references.grammar import article
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import FACE_WORDS, HAIR, HAIRY

_SHIFT = 36.0  # grey levels by which the mean colour must change to be noticed
_OPAQUE = [255 if alpha > 128 else 0 for alpha in range(256)]


def visibly_differs(sampler: SceneSampler, before: Object, after: Object) -> bool:
    """Whether the mean colours of an object before and after an edit differ noticeably."""
    means = []
    for look in (before, after):
        sprite = sampler.renderer.sprite(look)
        opaque = sprite.getchannel("A").point(_OPAQUE)
        means.append(ImageStat.Stat(sprite.convert("RGB"), opaque).mean)
    return math.dist(*means) > _SHIFT


def recolor(sampler: SceneSampler, scene: Scene) -> Change:
    def suits(obj: Object) -> bool:
        return obj.person is not None or (not obj.texture and sampler.catalogue.tintable(obj.name, obj.style))

    obj = one(sampler, scene, suits)
    if obj.person:
        color = sampler.other(colors.TINTS, obj.person.garment_color)
        after = replace(obj, person=replace(obj.person, garment_color=color))
        words = f"the {obj.person.garment} of {the(sampler.rng, obj, scene)}"
    else:
        color = sampler.other(colors.TINTS, obj.color)
        after = replace(obj, color=color)
        words = the(sampler.rng, obj, scene)
        if not visibly_differs(sampler, obj, after):
            raise Unfit("the new colour is hardly different")
    return Change(
        "edit_color",
        "edit_color",
        {"the": words, "color": color, "a_color": article(color)},
        swap(scene, obj, after),
        local=True,
    )


def retexture(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene, lambda o: not o.person and category(o) not in ("face", "person", "sky"))
    texture = sampler.other(colors.TEXTURES, obj.texture)
    after = replace(obj, texture=texture, color="")
    slots = {"the": the(sampler.rng, obj, scene), "texture": texture, "a_texture": article(texture)}
    return Change("edit_texture", "edit_texture", slots, swap(scene, obj, after), local=True)


# ---- faces

_FIGURE_WORDS: dict[str, tuple[str, str]] = {
    "neutral": ("look neutral", "neutral"),
    "smiling": ("smile", "happy"),
    "laughing": ("laugh", "laughing"),
    "sad": ("look sad", "sad"),
    "surprised": ("look surprised", "surprised"),
    "angry": ("look angry", "angry"),
    "winking": ("wink", "winking"),
    "sleeping": ("sleep", "sleeping"),
}


def change_expression(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene, lambda o: o.person is not None or category(o) == "face")
    words = the(sampler.rng, obj, scene)
    if obj.person:
        mood = sampler.other(people.EXPRESSIONS, obj.person.expression)
        verb, adjective = _FIGURE_WORDS[mood]
        after = replace(obj, person=replace(obj.person, expression=mood))
    else:
        name = sampler.other(list(FACE_WORDS), obj.name)
        verb, adjective = FACE_WORDS[name]
        after = replace(obj, name=name)
        if obj.style not in sampler.catalogue.styles[name]:
            raise Unfit("not drawn in this style")
    slots = {"the": words, "verb": verb, "mood": adjective, "a_mood": article(adjective)}
    return Change("edit_face", "face_expression", slots, swap(scene, obj, after), local=True)


def change_hair(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene, lambda o: o.person is not None or noun_of(o) in HAIRY)
    words = the(sampler.rng, obj, scene)
    if obj.person:
        person = obj.person
        if person.hair != "bald" and sampler.chance(0.6):
            color = sampler.other(list(people.HAIR_COLORS), person.hair_color)
            restyled, hair = replace(person, hair_color=color), f"{color} hair"
        else:
            kind = sampler.other(people.HAIRS, person.hair)
            # A bald head does not show the colour that its hair had.
            color = person.hair_color if person.hair != "bald" or person.beard else people.USUAL_HAIR
            restyled = replace(person, hair=kind, hair_color=color)
            hair = "no hair" if kind == "bald" else f"{kind} hair"
        after = replace(obj, person=restyled)
    else:
        now = obj.name.partition("+")[2]
        kind = sampler.other(list(HAIR), now)
        after = replace(obj, name=f"{noun_of(obj)}+{kind}")
        hair = captions.HAIR_PHRASES[kind]
        if obj.style not in sampler.catalogue.styles.get(after.name, ()):
            raise Unfit("not drawn in this style")
    return Change("edit_face", "face_hair", {"the": words, "hair": hair}, swap(scene, obj, after), local=True)


def put_on_glasses(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene, lambda o: category(o) in ("person", "face") and not o.glasses)
    worn = sampler.pick(("glasses", "sunglasses"))
    slots = {"the": the(sampler.rng, obj, scene), "worn": worn}
    after = replace(obj, glasses=worn)
    return Change("edit_face", "face_wear", slots, swap(scene, obj, after), local=True)
