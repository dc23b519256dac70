"""Edits of the whole picture: its style, its tones, and several edits at once."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes.captions import the
from ace_agent.data.scenes.edits.appearance import recolor, retexture
from ace_agent.data.scenes.edits.change import Change, one, swap
from ace_agent.data.scenes.edits.elements import add, remove, replace_object
from ace_agent.data.scenes.edits.environment import change_time, change_weather
from ace_agent.data.scenes.edits.motion import flip
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.images import filters
from ace_agent.references.grammar import countable, plural
from ace_agent.references.vocabulary import STYLES

STYLE_PHRASES: dict[str, tuple[str, ...]] = {
    "noto": ("a shaded drawing", "a normal drawing"),
    "fluent": ("a glossy drawing", "a glossy 3d picture"),
    "flat": ("a flat drawing", "flat design", "a flat picture"),
    "blob": ("a blob drawing", "a blob picture"),
    "pixel art": ("pixel art", "8-bit pixel art"),
    "pencil sketch": ("a pencil sketch", "a pencil drawing"),
    "sepia": ("a sepia photo", "an old sepia photograph"),
    "poster": ("a poster", "a poster print"),
    "watercolor": ("a watercolor", "a watercolor painting"),
    "neon": ("a neon drawing", "neon art", "neon lights"),
    "comic": ("a comic", "a comic book drawing"),
    "negative": ("a negative", "a photo negative"),
}
_FILTERS = [name for name in filters.FILTERS if name in STYLE_PHRASES]


def change_style(sampler: SceneSampler, scene: Scene) -> Change:
    if scene.filter:
        raise Unfit("already filtered")
    if sampler.chance(0.65) or any(obj.person for obj in scene.objects):
        name = sampler.pick(_FILTERS)
        after = replace(scene, filter=name)
    else:
        name = sampler.other(STYLES, scene.objects[0].style)
        after = restyled(sampler, scene, name)
    slots = {"style": sampler.pick(STYLE_PHRASES[name])}
    return Change("edit_style", "edit_style", slots, after)


def restyled(sampler: SceneSampler, scene: Scene, style: str) -> Scene:
    """``scene`` with every object drawn in ``style``."""
    if any(style not in sampler.catalogue.styles.get(obj.name, ()) for obj in scene.objects):
        raise Unfit("not drawn in this style")
    return replace(scene, objects=tuple(replace(obj, style=style) for obj in scene.objects))


# ---- tones, places and several at once

ADJUST_PHRASES: dict[str, tuple[str, ...]] = {
    "brighter": ("brighter", "lighter"),
    "darker": ("darker",),
    "more contrast": ("higher in contrast", "more contrasty"),
    "less contrast": ("lower in contrast", "less contrasty"),
    "more colorful": ("more colorful", "more saturated", "more vivid"),
    "less colorful": ("less colorful", "less saturated", "paler"),
    "warmer": ("warmer",),
    "cooler": ("cooler", "colder"),
    "blurry": ("blurry", "blurred", "out of focus"),
    "upside down": ("upside down",),
    "mirrored": ("mirrored", "flipped left to right"),
}


def adjust(sampler: SceneSampler, scene: Scene) -> Change:
    if scene.adjust or scene.filter:
        raise Unfit("already adjusted")
    name = sampler.pick(list(ADJUST_PHRASES))
    slots = {"how": sampler.pick(ADJUST_PHRASES[name])}
    after = replace(scene, adjust=(*scene.adjust, name))
    return Change("edit_general", "general_adjust", slots, after)


def exchange(sampler: SceneSampler, scene: Scene) -> Change:
    if len(scene.objects) < 2 or any(obj.person for obj in scene.objects):
        raise Unfit("needs two things")
    first, second = sampler.rng.sample(scene.objects, 2)
    if noun_of(first) == noun_of(second):
        raise Unfit("they look alike")
    slots = {"the": the(sampler.rng, first, scene), "other": the(sampler.rng, second, scene)}
    after = swap(scene, first, replace(first, x=second.x))
    after = swap(after, second, replace(second, x=first.x))
    return Change("edit_general", "general_swap", slots, after)


def double(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene)
    if obj.person or len(scene.objects) > 1 or not countable(noun_of(obj)) or obj.size > 0.44:
        raise Unfit("no room for a second")
    left, right = obj.size / 2 + 0.03, 0.97 - obj.size / 2
    x = left if obj.x > 0.5 else right
    if abs(x - obj.x) < obj.size * 0.85:
        raise Unfit("no room for a second")
    twin = replace(obj, x=round(x, 3), twin=2)
    slots = {"the": the(sampler.rng, obj, scene), "thing": noun_of(obj), "things": plural(noun_of(obj))}
    return Change("edit_general", "general_double", slots, swap(scene, obj, obj, twin), exact=False)


def both(sampler: SceneSampler, scene: Scene) -> Change:
    """Two edits in one request."""
    options = (recolor, change_time, change_weather, remove, add, replace_object, flip, retexture)
    first = sampler.pick(options)(sampler, scene)
    second = sampler.pick([edit for edit in options if edit.__name__ != first.kind])(sampler, first.after)
    if second.task == first.task or second.slots.get("the") == first.slots.get("the", ""):
        raise Unfit("both of the same kind, or of the same thing")
    slots = {"first": _request(sampler, first), "second": _request(sampler, second)}
    return Change("edit_general", "general_both", slots, second.after, exact=first.exact and second.exact)


_PLAIN: dict[str, str] = {
    "edit_color": "make <the> <color>",
    "edit_texture": "make <the> out of <texture>",
    "scene_time": "make it <time>",
    "scene_weather": "add <falling>",
    "scene_clear": "remove the <falling>",
    "remove": "remove <the>",
    "add": "add <a>",
    "add_where": "add <a> on the <side>",
    "add_wear": "add <a> to <the>",
    "replace": "replace <the> with <a>",
    "motion_flip": "flip <the>",
}


def _request(sampler: SceneSampler, change: Change) -> str:
    text = _PLAIN[change.kind]
    for slot, value in change.slots.items():
        text = text.replace(f"<{slot}>", value)
    return text
