"""Captions of scenes, and phrases for what is in them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.data.scenes.scene_sampler import noun_of
from ace_agent.references.grammar import article, listed, plural
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import NOUNS, STYLE_WORDS

AT: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "beach": ("on a beach", "on the beach", "by the sea"),
    "desert": ("in the desert", "in a desert"),
    "snow": ("in the snow", "in a snowy landscape"),
    "sea": ("on the sea", "on the ocean", "on the water"),
    "city": ("in a city", "in the city", "on a city street"),
    "room": ("in a room", "in a living room", "indoors"),
    "mountains": ("in the mountains", "in front of mountains"),
    "forest": ("in a forest", "in the woods", "in the forest"),
    "space": ("in space", "in outer space"),
}
PLACE_NOUNS: dict[str, tuple[str, ...]] = {
    "meadow": ("a meadow", "a green field"),
    "beach": ("a beach", "the beach"),
    "desert": ("a desert", "the desert"),
    "snow": ("a snowy landscape", "snow"),
    "sea": ("the sea", "the ocean"),
    "city": ("a city", "a city street"),
    "room": ("a room", "a living room"),
    "mountains": ("the mountains", "mountains"),
    "forest": ("a forest", "the woods"),
    "space": ("space", "outer space"),
}
TIME_PHRASES = {"day": ("by day", "in daylight"), "sunset": ("at sunset",), "night": ("at night", "by night")}
TIME_NOUNS = {"day": ("day", "daytime"), "sunset": ("sunset",), "night": ("night", "nighttime")}
WEATHER_PHRASES = {
    "rain": ("in the rain", "in rain"),
    "snow": ("in falling snow", "while it snows"),
    "fog": ("in the fog", "in fog"),
}
WEATHER_VERBS = {"rain": "rain", "snow": "snow", "fog": "foggy"}
FALLING = {"rain": "rain", "snow": "falling snow", "fog": "fog"}
HAIR_PHRASES = {
    "blond": "blond hair", "red": "red hair", "curly": "curly hair", "white": "white hair", "bald": "no hair",
}  # fmt: skip


def is_plural(noun: str) -> bool:
    return noun in NOUNS and NOUNS[noun].plural


def phrase(obj: Object, *, style: bool = True) -> str:
    """An object without its article: "big glossy red car", "man with red hair", "red cherries"."""
    words = [obj.word] if obj.word else []
    if style and obj.style != "noto" and not obj.person:
        words.append(STYLE_WORDS[obj.style])
    if obj.color:
        words.append(obj.color)
    if obj.person:
        return " ".join([*words, person_phrase(obj)])
    text = " ".join([*words, noun_of(obj)])
    if "+" in obj.name:
        text += f" with {HAIR_PHRASES[obj.name.split('+')[1]]}"
    if obj.texture:
        joint = "with" if obj.texture in ("leopard fur", "zebra fur") else "made of"
        text += f" {joint} {obj.texture}"
    worn = []
    if obj.hat:
        worn.append(article(f"{obj.hat_color} {obj.hat}".strip()))
    if obj.glasses:
        worn.append(obj.glasses)
    if worn:
        text += f" wearing {listed(worn)}"
    return text


def person_phrase(obj: Object) -> str:
    """A drawn figure: "smiling person with red hair in a blue jacket, waving"."""
    person = obj.person
    assert person is not None
    mood = "" if person.expression == "neutral" else person.expression + " "
    hair = "no hair" if person.hair == "bald" else f"{_hair(person.hair)}{person.hair_color} hair"
    text = f"{mood}person with {hair} in {article(person.garment_color + ' ' + person.garment)}"
    if obj.glasses:
        text += f" and {obj.glasses}"
    return text if person.bust else f"{text} {person.pose}"


def _hair(kind: str) -> str:
    return "" if kind == "short" else kind + " "


def a(obj: Object, *, style: bool = True) -> str:
    """``phrase`` with its article."""
    return article(phrase(obj, style=style), plural=is_plural(noun_of(obj)))


def the(rng: random.Random, obj: Object, scene: Scene) -> str:
    """A definite phrase that picks ``obj`` out of ``scene``: "the dog", "the red car"."""
    noun = noun_of(obj)
    if noun in NOUNS and NOUNS[noun].category == "face" and len(scene.objects) == 1:
        return rng.choice(("the face", f"the {noun}"))
    same = [other for other in scene.objects if noun_of(other) == noun]
    if len(same) > 1:
        others = [other for other in same if other != obj]
        if obj.color and all(other.color != obj.color for other in others):
            return f"the {obj.color} {noun}"
        return f"the {noun} on the {'left' if obj.x < others[0].x else 'right'}"
    if obj.color and rng.random() < 0.3:
        return f"the {obj.color} {noun}"
    if obj.person and noun == "person" and rng.random() < 0.3:
        return rng.choice(("the figure", "the person"))
    return f"the {noun}"


def setting(rng: random.Random, background: Background) -> str:
    """Place, time and weather: " on a beach at night in the rain"; sometimes "" for a plain background."""
    if background.place in ("plain", "gradient"):
        if background.place == "plain" and rng.random() < 0.6:
            return f" on {article(background.colors[0])} background"
        if background.place == "gradient" and rng.random() < 0.6:
            return f" on a background fading from {background.colors[0]} to {background.colors[1]}"
        return ""
    parts = [rng.choice(AT[background.place])]
    if background.time != "day":
        parts.append(rng.choice(TIME_PHRASES[background.time]))
    elif background.outdoors and rng.random() < 0.08:
        parts.append(rng.choice(TIME_PHRASES["day"]))
    if background.weather != "clear":
        parts.append(rng.choice(WEATHER_PHRASES[background.weather]))
    return " " + " ".join(parts)


def subjects(rng: random.Random, objects: Sequence[Object], *, positions: bool = False) -> str:
    """The objects with their articles, as a list; two that look the same are counted."""
    if len(objects) == 2 and noun_of(objects[0]) == noun_of(objects[1]) and not objects[0].person:
        noun = noun_of(objects[0])
        if objects[0].color == objects[1].color:
            style = "" if objects[0].style == "noto" else STYLE_WORDS[objects[0].style]
            return " ".join(filter(None, ("two", style, objects[0].color, plural(noun))))
    if positions and len(objects) > 1:
        sides = {2: ("on the left", "on the right"), 3: ("on the left", "in the middle", "on the right")}
        ranked = sorted(objects, key=lambda o: o.x)
        return listed([f"{a(o)} {side}" for o, side in zip(ranked, sides[len(ranked)], strict=True)])
    return listed([a(o) for o in objects])


def caption(rng: random.Random, scene: Scene, *, positions: bool = False) -> str:
    """A caption that names everything in ``scene`` that is not a default."""
    background = scene.background
    if scene.objects:
        text = subjects(rng, scene.objects, positions=positions) + setting(rng, background)
    elif background.place in PLACE_NOUNS:
        text = rng.choice(PLACE_NOUNS[background.place]) + _late(rng, background)
    else:
        text = f"{article(listed(list(background.colors)))} background"
    if scene.lettering:
        text += f' with the text "{scene.lettering.words}"'
    return text


def _late(rng: random.Random, background: Background) -> str:
    parts = []
    if background.time != "day":
        parts.append(rng.choice(TIME_PHRASES[background.time]))
    if background.weather != "clear":
        parts.append(rng.choice(WEATHER_PHRASES[background.weather]))
    return "".join(f" {part}" for part in parts)


def facts(scene: Scene, *, exact: bool) -> dict[str, Any]:
    """What a scene reader could check in a picture of ``scene``."""
    background = scene.background
    found: dict[str, Any] = {
        "exact": exact,
        "objects": [
            (noun_of(obj), obj.color or None, "left" if obj.x < 0.4 else "right" if obj.x > 0.6 else "middle")
            for obj in scene.objects
        ],
        "count": len(scene.objects),
        "place": background.place,
        "style": scene.filter or (scene.objects[0].style if scene.objects else "noto"),
    }
    if background.outdoors:
        found |= {"time": background.time, "weather": background.weather}
    if scene.lettering:
        found["text"] = scene.lettering.words
    return found
