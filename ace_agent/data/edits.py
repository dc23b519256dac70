"""Edits: one scene description to another, with the words that ask for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import ImageStat

from ace_agent.data import captions, colors, operators, people
from ace_agent.data.captions import a, the
from ace_agent.data.errors import Unfit
from ace_agent.data.scene import PLACES, TIMES, Background, Lettering, Object, Person, Scene
from ace_agent.data.studio import Studio, noun_of
from ace_agent.data.vocabulary import HAIR, HAIRY, NOUNS, STYLES
from ace_agent.data.wordings import article, countable, plural


@dataclass(frozen=True)
class Change:
    """A finished edit.

    Args:
        task: id of the task catalogue.
        kind: its wordings, a key of the wording tables.
        slots: what fills them.
        after: the edited scene.
        local: only what is touched may change.
        exact: whether ``after`` is the one right answer.
    """

    task: str
    kind: str
    slots: dict[str, str]
    after: Scene
    local: bool = False
    exact: bool = True


def swap(scene: Scene, old: Object, *new: Object) -> Scene:
    """``scene`` with ``old`` exchanged for ``new`` (none: taken away)."""
    index = scene.objects.index(old)
    return replace(scene, objects=(*scene.objects[:index], *new, *scene.objects[index + 1 :]))


def _one(studio: Studio, scene: Scene, suits: Callable[[Object], bool] = lambda _: True) -> Object:
    suited = [obj for obj in scene.objects if suits(obj)]
    if not suited:
        raise Unfit("nothing in the scene suits the edit")
    return studio.pick(suited)


def category(obj: Object) -> str:
    return "person" if obj.person else NOUNS[noun_of(obj)].category


def flies(obj: Object) -> bool:
    return obj.person is None and NOUNS[noun_of(obj)].place == "air"


# ---- colour and texture

_SHIFT = 36.0  # how far a thing's mean colour must move to count as another colour, grey levels
_OPAQUE = [255 if alpha > 128 else 0 for alpha in range(256)]


def _seen(studio: Studio, before: Object, after: Object) -> bool:
    """Whether two looks of one thing differ at a glance: by their mean colours."""
    means = []
    for look in (before, after):
        sprite = studio.renderer.sprite(look)
        opaque = sprite.getchannel("A").point(_OPAQUE)
        means.append(ImageStat.Stat(sprite.convert("RGB"), opaque).mean)
    return math.dist(*means) > _SHIFT


def recolor(studio: Studio, scene: Scene) -> Change:
    def suits(obj: Object) -> bool:
        return obj.person is not None or (not obj.texture and studio.catalogue.tintable(obj.name, obj.style))

    obj = _one(studio, scene, suits)
    if obj.person:
        color = studio.other(colors.TINTS, obj.person.garment_color)
        after = replace(obj, person=replace(obj.person, garment_color=color))
        words = f"the {obj.person.garment} of {the(studio.rng, obj, scene)}"
    else:
        color = studio.other(colors.TINTS, obj.color)
        after = replace(obj, color=color)
        words = the(studio.rng, obj, scene)
        if not _seen(studio, obj, after):
            raise Unfit("the new colour would not be seen")
    return Change(
        "edit_color",
        "edit_color",
        {"the": words, "color": color, "a_color": article(color)},
        swap(scene, obj, after),
        local=True,
    )


def retexture(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene, lambda o: not o.person and category(o) not in ("face", "person", "sky"))
    texture = studio.other(colors.TEXTURES, obj.texture)
    after = replace(obj, texture=texture, color="")
    slots = {"the": the(studio.rng, obj, scene), "texture": texture, "a_texture": article(texture)}
    return Change("edit_texture", "edit_texture", slots, swap(scene, obj, after), local=True)


# ---- motion


def _room(studio: Studio, scene: Scene, obj: Object) -> None:
    """Refuse an object that would cover most of another."""
    for other in scene.objects:
        if other is not obj and abs(other.x - obj.x) < 0.42 * (other.size + obj.size) * 0.9:
            top, bottom = obj.y - obj.size, obj.y
            if bottom > other.y - other.size and top < other.y:
                raise Unfit("no room")


def flip(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene, lambda o: category(o) in ("animal", "vehicle", "person"))
    if obj.person is None:
        sprite = np.asarray(studio.renderer.sprite(obj)).astype(np.int16)
        if np.abs(sprite - sprite[:, ::-1]).mean() < 14:
            raise Unfit("too symmetric for its mirror image to be seen")
    elif obj.person.pose in (
        "standing",
        "raising both arms",
        "with open arms",
        "jumping",
        "with hands on hips",
    ):
        raise Unfit("the pose is symmetric")
    after = replace(obj, flip=not obj.flip)
    slots = {"the": the(studio.rng, obj, scene)}
    return Change("edit_motion", "motion_flip", slots, swap(scene, obj, after), local=True)


def move(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene)
    side = studio.pick(("left", "right"))
    half = obj.size / 2 if not obj.person else obj.size * 0.3
    goal = half + 0.04 if side == "left" else 0.96 - half
    if (goal - obj.x) * (-1 if side == "left" else 1) < 0.12:
        raise Unfit("already there")
    after = replace(obj, x=round(goal, 3))
    moved = swap(scene, obj, after)
    _room(studio, moved, after)
    slots = {"the": the(studio.rng, obj, scene), "side": side}
    return Change("edit_motion", "motion_move", slots, moved, local=True)


def resize(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene)
    bigger = studio.chance(0.5)
    size = obj.size * (1.45 if bigger else 0.62)
    if not 0.17 <= size <= 0.82:
        raise Unfit("too big or too small")
    half = size / 2
    after = replace(
        obj, size=round(size, 3), x=min(max(obj.x, half + 0.01), 0.99 - half), y=max(obj.y, size + 0.02)
    )
    resized = swap(scene, obj, after)
    _room(studio, resized, after)
    noun = noun_of(obj)
    if captions.is_plural(noun):
        raise Unfit("a plural reads badly here")
    slots = {"the": the(studio.rng, obj, scene), "thing": noun}
    return Change("edit_motion", f"motion_{'bigger' if bigger else 'smaller'}", slots, resized, local=True)


def repose(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene, lambda o: o.person is not None and not o.person.bust)
    assert obj.person is not None
    pose = studio.other(list(people.POSES), obj.person.pose)
    after = replace(obj, person=replace(obj.person, pose=pose))
    slots = {"the": the(studio.rng, obj, scene), "pose": pose}
    return Change("edit_motion", "motion_pose", slots, swap(scene, obj, after), local=True)


# ---- surroundings


def change_place(studio: Studio, scene: Scene) -> Change:
    if studio.chance(0.15):
        color = studio.other(list(colors.PAPERS), *scene.background.colors)
        background = Background("plain", (color,))
        slots = {"place": studio.pick((color, f"plain {color}")), "at": f"on {article(color)} background"}
    else:
        place = studio.other(PLACES, scene.background.place)
        background = Background(place, (), studio.seed())
        if background.outdoors and scene.background.outdoors and studio.chance(0.7):
            background = replace(background, time=scene.background.time)
        slots = {
            "place": studio.pick(captions.PLACE_NOUNS[place]),
            "at": studio.pick(captions.AT[place]),
        }
    if not all(studio.allows(noun_of(obj), background.place) for obj in scene.objects):
        raise Unfit("another split's pair")
    slots["them"] = the(studio.rng, scene.objects[0], scene) if len(scene.objects) == 1 else "everything"
    return Change("edit_scene", "scene_place", slots, replace(scene, background=background), exact=False)


def change_time(studio: Studio, scene: Scene) -> Change:
    background = _outdoors(scene)
    time = studio.other(TIMES, background.time)
    slots = {
        "time": studio.pick(captions.TIME_NOUNS[time]),
        "at_time": studio.pick(captions.TIME_PHRASES[time]),
    }
    after = replace(scene, background=replace(background, time=time))
    return Change("edit_scene", "scene_time", slots, after)


def change_weather(studio: Studio, scene: Scene) -> Change:
    background = _outdoors(scene)
    if background.weather != "clear":
        after = replace(scene, background=replace(background, weather="clear"))
        return Change("edit_scene", "scene_clear", {"falling": captions.FALLING[background.weather]}, after)
    weather = studio.pick(("rain", "snow", "fog"))
    verb = captions.WEATHER_VERBS[weather]
    slots = {"weather": verb, "falls": verb, "falling": captions.FALLING[weather]}
    if weather == "fog":
        slots["falls"] = "be foggy"
    after = replace(scene, background=replace(background, weather=weather))
    return Change("edit_scene", "scene_weather", slots, after, exact=weather == "fog")


def _outdoors(scene: Scene) -> Background:
    if not scene.background.outdoors:
        raise Unfit("no sky")
    return scene.background


# ---- faces

FACE_WORDS: dict[str, tuple[str, str]] = {
    "happy face": ("smile", "happy"),
    "laughing face": ("laugh", "laughing"),
    "winking face": ("wink", "winking"),
    "crying face": ("cry", "crying"),
    "angry face": ("look angry", "angry"),
    "sleeping face": ("sleep", "sleeping"),
    "surprised face": ("look surprised", "surprised"),
    "sad face": ("look sad", "sad"),
    "neutral face": ("look neutral", "neutral"),
    "silly face": ("stick out the tongue", "silly"),
    "loving face": ("look in love", "loving"),
    "scared face": ("look scared", "scared"),
}
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


def change_expression(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene, lambda o: o.person is not None or category(o) == "face")
    words = the(studio.rng, obj, scene)
    if obj.person:
        mood = studio.other(people.EXPRESSIONS, obj.person.expression)
        verb, adjective = _FIGURE_WORDS[mood]
        after = replace(obj, person=replace(obj.person, expression=mood))
    else:
        name = studio.other(list(FACE_WORDS), obj.name)
        verb, adjective = FACE_WORDS[name]
        after = replace(obj, name=name)
        if obj.style not in studio.catalogue.styles[name]:
            raise Unfit("not drawn in this style")
    slots = {"the": words, "verb": verb, "mood": adjective, "a_mood": article(adjective)}
    return Change("edit_face", "face_expression", slots, swap(scene, obj, after), local=True)


def change_hair(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene, lambda o: o.person is not None or noun_of(o) in HAIRY)
    words = the(studio.rng, obj, scene)
    if obj.person:
        person = obj.person
        if person.hair != "bald" and studio.chance(0.6):
            color = studio.other(list(people.HAIR_COLORS), person.hair_color)
            restyled, hair = replace(person, hair_color=color), f"{color} hair"
        else:
            kind = studio.other(people.HAIRS, person.hair)
            restyled, hair = replace(person, hair=kind), "no hair" if kind == "bald" else f"{kind} hair"
        after = replace(obj, person=restyled)
    else:
        now = obj.name.partition("+")[2]
        kind = studio.other(list(HAIR), now)
        after = replace(obj, name=f"{noun_of(obj)}+{kind}")
        hair = captions.HAIR_PHRASES[kind]
        if obj.style not in studio.catalogue.styles.get(after.name, ()):
            raise Unfit("not drawn in this style")
    return Change("edit_face", "face_hair", {"the": words, "hair": hair}, swap(scene, obj, after), local=True)


def put_on_glasses(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene, lambda o: category(o) in ("person", "face") and not o.glasses)
    worn = studio.pick(("glasses", "sunglasses"))
    slots = {"the": the(studio.rng, obj, scene), "worn": worn}
    after = replace(obj, glasses=worn)
    return Change("edit_face", "face_wear", slots, swap(scene, obj, after), local=True)


# ---- style

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
_FILTERS = [name for name in operators.FILTERS if name in STYLE_PHRASES]


def change_style(studio: Studio, scene: Scene) -> Change:
    if scene.filter:
        raise Unfit("already filtered")
    if studio.chance(0.65) or any(obj.person for obj in scene.objects):
        name = studio.pick(_FILTERS)
        after = replace(scene, filter=name)
    else:
        name = studio.other(STYLES, scene.objects[0].style)
        after = restyled(studio, scene, name)
    slots = {"style": studio.pick(STYLE_PHRASES[name])}
    return Change("edit_style", "edit_style", slots, after)


def restyled(studio: Studio, scene: Scene, style: str) -> Scene:
    """``scene`` with every object drawn in ``style``."""
    if any(style not in studio.catalogue.styles.get(obj.name, ()) for obj in scene.objects):
        raise Unfit("not drawn in this style")
    return replace(scene, objects=tuple(replace(obj, style=style) for obj in scene.objects))


# ---- general

_ADJUST_PHRASES: dict[str, tuple[str, ...]] = {
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
_TURNED = ("upside down", "mirrored", "blurry")


def adjust(studio: Studio, scene: Scene) -> Change:
    if scene.adjust or scene.filter:
        raise Unfit("already adjusted")
    name = studio.pick(list(_ADJUST_PHRASES))
    slots = {"how": studio.pick(_ADJUST_PHRASES[name])}
    after = replace(scene, adjust=(*scene.adjust, name))
    return Change("edit_general", "general_adjust", slots, after)


def exchange(studio: Studio, scene: Scene) -> Change:
    if len(scene.objects) < 2 or any(obj.person for obj in scene.objects):
        raise Unfit("needs two things")
    first, second = studio.rng.sample(scene.objects, 2)
    if noun_of(first) == noun_of(second):
        raise Unfit("they look alike")
    slots = {"the": the(studio.rng, first, scene), "other": the(studio.rng, second, scene)}
    after = swap(scene, first, replace(first, x=second.x))
    after = swap(after, second, replace(second, x=first.x))
    return Change("edit_general", "general_swap", slots, after)


def double(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene)
    if obj.person or len(scene.objects) > 1 or not countable(noun_of(obj)) or obj.size > 0.44:
        raise Unfit("no room for a second")
    left, right = obj.size / 2 + 0.03, 0.97 - obj.size / 2
    x = left if obj.x > 0.5 else right
    if abs(x - obj.x) < obj.size * 0.85:
        raise Unfit("no room for a second")
    twin = replace(obj, x=round(x, 3), twin=2)
    slots = {"the": the(studio.rng, obj, scene), "thing": noun_of(obj), "things": plural(noun_of(obj))}
    return Change("edit_general", "general_double", slots, swap(scene, obj, obj, twin), exact=False)


def both(studio: Studio, scene: Scene) -> Change:
    """Two edits in one request."""
    options = (recolor, change_time, change_weather, remove, add, replace_object, flip, retexture)
    first = studio.pick(options)(studio, scene)
    second = studio.pick([edit for edit in options if edit.__name__ != first.kind])(studio, first.after)
    if second.task == first.task or second.slots.get("the") == first.slots.get("the", ""):
        raise Unfit("both of the same kind, or of the same thing")
    slots = {"first": _request(studio, first), "second": _request(studio, second)}
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


def _request(studio: Studio, change: Change) -> str:
    text = _PLAIN[change.kind]
    for slot, value in change.slots.items():
        text = text.replace(f"<{slot}>", value)
    return text


# ---- elements


def add(studio: Studio, scene: Scene) -> Change:
    """Add something where there is room, naming the side half of the time."""
    if len(scene.objects) >= 3:
        raise Unfit("full")
    style = scene.objects[0].style if scene.objects else ""
    new = studio.thing(style=style, color=0.35)
    if noun_of(new) in [noun_of(obj) for obj in scene.objects]:
        raise Unfit("there is one already")
    words = [noun_of(obj) for obj in scene.objects]
    if not studio.allows(noun_of(new), *words, scene.background.place):
        raise Unfit("another split's pair")
    (new,) = studio.place([new], scene.background)
    size = min(new.size, 0.5 if new.person else 0.34)
    side = studio.pick(("left", "right"))
    x = size / 2 + 0.04 if side == "left" else 0.96 - size / 2
    if not scene.objects:
        side, x = "middle", new.x
        size = new.size
    new = replace(new, size=round(size, 3), x=round(x, 3))
    after = replace(scene, objects=(*scene.objects, new))
    _room(studio, after, new)
    slots = {"a": a(new, style=False), "side": side}
    if len(scene.objects) == 1 and studio.chance(0.5):
        slots["the"] = the(studio.rng, scene.objects[0], scene)
        if (x < scene.objects[0].x) == (side == "left"):
            return Change("add", "add_where", slots, after, local=True, exact=False)
    return Change("add", "add", slots, after, local=True, exact=False)


HEADED = (
    "dog", "bear", "panda", "koala", "fox", "frog", "penguin", "owl", "monkey", "rabbit", "snowman", "ghost",
    "robot", "pig", "teddy bear", "lion", "wolf", "chick", "pumpkin", "sheep", "elephant",
)  # fmt: skip
"""Things whose head is on top and can wear a hat."""
HATS = ("crown", "top hat", "cap", "sun hat", "graduation cap")
_TAIL_ABOVE_HEAD = {("dog", "fluent"), ("dog", "flat"), ("koala", "blob")}  # a hat would sit on the wrong end


def put_on_hat(studio: Studio, scene: Scene) -> Change:
    def suits(obj: Object) -> bool:
        if obj.hat or obj.texture or (obj.name, obj.style) in _TAIL_ABOVE_HEAD:
            return False
        return obj.person is not None or noun_of(obj) in HEADED or category(obj) in ("face",)

    obj = _one(studio, scene, suits)
    hat = studio.pick(HATS)
    tint = ""
    if studio.catalogue.tintable(hat, "noto") and studio.chance(0.4):
        tint = studio.pick(colors.TINTS)
    slots = {"the": the(studio.rng, obj, scene), "a": article(f"{tint} {hat}".strip())}
    after = replace(obj, hat=hat, hat_color=tint)
    return Change("add", "add_wear", slots, swap(scene, obj, after), local=True)


def remove(studio: Studio, scene: Scene) -> Change:
    if scene.objects and studio.chance(0.12):
        worn = [obj for obj in scene.objects if obj.hat]
        if worn:
            slots = {"the": f"the {worn[0].hat}", "thing": worn[0].hat}
            bare = replace(worn[0], hat="", hat_color="")
            return Change("remove", "remove", slots, swap(scene, worn[0], bare), local=True)
    obj = _one(studio, scene)
    slots = {"the": the(studio.rng, obj, scene), "thing": noun_of(obj)}
    if any(noun_of(other) == noun_of(obj) for other in scene.objects if other != obj):
        slots["thing"] = slots["the"]  # "no dog" would mean both
    return Change("remove", "remove", slots, swap(scene, obj), local=True)


def replace_object(studio: Studio, scene: Scene) -> Change:
    obj = _one(studio, scene)
    others = [noun_of(other) for other in scene.objects if other != obj]

    def suits() -> Object | None:
        drawn = studio.thing(style=obj.style, color=0.3)
        if noun_of(drawn) in (*others, noun_of(obj)) or flies(drawn) != flies(obj):
            return None
        fits = studio.fits(noun_of(obj), noun_of(drawn))
        return drawn if fits and studio.allows(noun_of(drawn), *others, scene.background.place) else None

    pool = studio.until(suits)
    size = max(obj.size, 0.5) if pool.person else min(obj.size, 0.5)
    new = replace(pool, x=obj.x, y=max(obj.y, size + 0.03), size=size)
    slots = {"the": the(studio.rng, obj, scene), "a": a(new, style=False)}
    return Change("replace", "replace", slots, swap(scene, obj, new), local=True, exact=False)


# ---- lettering

WORDS: dict[str, tuple[str, ...]] = {
    "train": (
        "hello", "open", "sale", "love", "party", "happy", "welcome", "stop", "yes", "new", "wow", "home",
        "cafe",
        "hi", "dream", "ocean", "summer", "winter", "zoo", "music", "food", "best", "good day", "thank you",
        "go",
        "art", "fun", "magic", "jazz", "quick", "exit", "vip", "hey you", "big", "lucky", "free", "pizza",
        "2026",
    ),
    "validation": ("card", "garden", "peace", "fox", "world", "sky blue", "joy"),
    "held-out": ("light", "coffee", "smile", "quiz", "travel", "my shop", "birthday"),
}  # fmt: skip
_INKS = ("white", "black", "red", "yellow", "blue", "green", "orange", "pink", "purple")


def lettering(studio: Studio) -> Lettering:
    words = studio.pick(WORDS[studio.split]).upper()
    return Lettering(words, studio.pick(_INKS), studio.rng.choices(("top", "bottom", "middle"), (5, 4, 1))[0])


def write(studio: Studio, scene: Scene) -> Change:
    if scene.lettering:
        raise Unfit("there are words already")
    new = lettering(studio)
    words = new.words
    form = studio.rng.random()
    if form < 0.3:
        words = words.lower()
    elif form < 0.4:
        words = " ".join(words.replace(" ", ""))
    where = {"top": "top", "bottom": "bottom", "middle": "center"}[new.where]
    slots = {"words": words, "where": where, "color": new.color}
    return Change("render_text", "render_text", slots, replace(scene, lettering=new), local=True, exact=False)


def unwrite(studio: Studio, scene: Scene) -> Change:
    if not scene.lettering:
        raise Unfit("no words to remove")
    slots = {"words": scene.lettering.words}
    return Change("remove_text", "remove_text", slots, replace(scene, lettering=None), local=True)


# ---- where each kind of edit starts from


def any_scene(studio: Studio) -> Scene:
    return studio.scene()


def colorful_scene(studio: Studio) -> Scene:
    if studio.chance(0.1):
        return figure_scene(studio)
    thing = studio.until(lambda: _tintable(studio))
    if studio.chance(0.65):
        return studio.scene(things=[thing])
    return studio.scene(things=[thing, studio.thing(style=thing.style)])


def _tintable(studio: Studio) -> Object | None:
    thing = studio.thing(color=0.4)
    return thing if studio.catalogue.tintable(thing.name, thing.style) else None


def outdoor_scene(studio: Studio) -> Scene:
    place = studio.pick([place for place in PLACES if Background(place).outdoors])
    background = Background(place, (), studio.seed(), studio.pick(TIMES))
    if studio.chance(0.3):
        background = replace(background, weather=studio.pick(("rain", "snow", "fog")))
    return studio.scene(background=background)


def figure_scene(studio: Studio) -> Scene:
    return studio.scene(things=[studio.thing("person")])


def portrait(studio: Studio, person: Person | None = None) -> Object:
    drawn = person or studio.person(bust=True)
    return Object("person", size=studio.rng.uniform(0.62, 0.74), person=drawn, flip=False)


def face_scene(studio: Studio) -> Scene:
    form = studio.rng.random()
    if form < 0.40:
        return studio.scene(things=[portrait(studio)])
    if form < 0.5:
        return figure_scene(studio)
    if form < 0.75:
        return studio.scene(things=[studio.thing(studio.noun("face"), color=0.1)])
    name = studio.pick(HAIRY)
    return studio.scene(things=[studio.thing(name, color=0)])


def headed_scene(studio: Studio) -> Scene:
    if studio.chance(0.25):
        return studio.scene(things=[portrait(studio) if studio.chance(0.5) else studio.thing("person")])
    name = studio.pick(HEADED) if studio.chance(0.7) else studio.noun("face")
    thing = studio.thing(name)
    return studio.scene(things=[replace(thing, size=min(thing.size, 0.46))])


def small_scene(studio: Studio) -> Scene:
    return studio.scene(1)


def pair_scene(studio: Studio) -> Scene:
    return studio.scene(2)


def hatted_scene(studio: Studio) -> Scene:
    if studio.chance(0.85):
        return studio.scene()
    return put_on_hat(studio, headed_scene(studio)).after


def written_scene(studio: Studio) -> Scene:
    return replace(studio.scene(), lettering=lettering(studio))


@dataclass(frozen=True)
class Edit:
    """A kind of edit: what it does, where it starts, and how often its task uses it."""

    apply: Callable[[Studio, Scene], Change]
    start: Callable[[Studio], Scene] = any_scene
    weight: float = 1.0


EDITS: dict[str, tuple[Edit, ...]] = {
    "edit_color": (Edit(recolor, colorful_scene),),
    "edit_texture": (Edit(retexture),),
    "edit_motion": (Edit(flip), Edit(move), Edit(resize, small_scene), Edit(repose, figure_scene, 0.8)),
    "edit_scene": (
        Edit(change_place, weight=1.2),
        Edit(change_time, outdoor_scene, 1.2),
        Edit(change_weather, outdoor_scene),
    ),
    "edit_face": (
        Edit(change_expression, face_scene),
        Edit(change_hair, face_scene),
        Edit(put_on_glasses, face_scene, 0.7),
    ),
    "edit_style": (Edit(change_style),),
    "edit_general": (
        Edit(adjust),
        Edit(both),
        Edit(exchange, pair_scene, 0.5),
        Edit(double, small_scene, 0.5),
    ),
    "add": (Edit(add, weight=2.0), Edit(put_on_hat, headed_scene, 0.8)),
    "remove": (Edit(remove, hatted_scene),),
    "replace": (Edit(replace_object),),
    "render_text": (Edit(write),),
    "remove_text": (Edit(unwrite, written_scene),),
}
"""Every task that edits a scene, with the ways it does."""
