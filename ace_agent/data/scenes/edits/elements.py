"""Edits of the scene's elements: adding, removing and replacing objects and lettering."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes.captions import a, the
from ace_agent.data.scenes.edits.change import Change, category, flies, keep_clear, one, swap
from ace_agent.data.scenes.scene import Lettering, Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, canonical_size, noun_of
from ace_agent.references import colors
from ace_agent.references.grammar import article
from ace_agent.references.lettering import INKS, PLAIN
from ace_agent.references.objects import Object

ADDED_SIZE = 0.34
"""Longest side of an object that is added beside others, as a fraction of the picture."""


def add(sampler: SceneSampler, scene: Scene) -> Change:
    """Add an object on a named side, or where there is most room."""
    if len(scene.objects) >= 3:
        raise Unfit("full")
    new = sampler.thing(color=0.35)
    if noun_of(new) in [noun_of(obj) for obj in scene.objects]:
        raise Unfit("there is one already")
    words = [noun_of(obj) for obj in scene.objects]
    if not sampler.allows(noun_of(new), *words, scene.background.place):
        raise Unfit("another split's pair")
    # Its size and direction, which the words leave open, are those of canonical scenes and of its reference picture.
    # Its style is the one that the words name, not that of the other objects, which no reference picture could follow.
    if scene.objects:
        size = 0.5 if new.person else ADDED_SIZE
    else:
        size = canonical_size(new)
    new = replace(new, size=size, flip=False)
    (new,) = sampler.place([new], scene.background, still=True)
    sides = {"left": new.size / 2 + 0.04, "right": 0.96 - new.size / 2}
    named = len(scene.objects) == 1 and sampler.chance(0.5)
    if named:
        side = sampler.pick(tuple(sides))
        named = (sides[side] < scene.objects[0].x) == (side == "left")
    if not named:  # given two possible places, a model would paint faintly in both
        side = max(sides, key=lambda one: min((abs(sides[one] - o.x) for o in scene.objects), default=0))
    if scene.objects:
        new = replace(new, x=round(sides[side], 3))
    after = replace(scene, objects=(*scene.objects, new))
    keep_clear(sampler, after, new)
    slots = {"a": a(new), "side": side}
    if named:
        slots["the"] = the(sampler.rng, scene.objects[0], scene)
    return Change("add", "add_where" if named else "add", slots, after, local=True, exact=False)


HEADED = (
    "dog", "bear", "panda", "koala", "fox", "frog", "penguin", "owl", "monkey", "rabbit", "snowman", "ghost",
    "robot", "pig", "teddy bear", "lion", "wolf", "chick", "pumpkin", "sheep", "elephant",
)  # fmt: skip
"""Objects with the head on top, which can wear a hat."""
HATS = ("crown", "top hat", "cap", "sun hat", "graduation cap")
_TAIL_ABOVE_HEAD = {("dog", "fluent"), ("dog", "flat"), ("koala", "blob")}  # the hat would sit on the tail


def put_on_hat(sampler: SceneSampler, scene: Scene) -> Change:
    def suits(obj: Object) -> bool:
        if obj.hat or obj.texture or (obj.name, obj.style) in _TAIL_ABOVE_HEAD:
            return False
        return obj.person is not None or noun_of(obj) in HEADED or category(obj) in ("face",)

    obj = one(sampler, scene, suits)
    hat = sampler.pick(HATS)
    tint = ""
    if sampler.catalogue.tintable(hat, "noto") and sampler.chance(0.4):
        tint = sampler.pick(colors.TINTS)
    slots = {"the": the(sampler.rng, obj, scene), "a": article(f"{tint} {hat}".strip())}
    after = replace(obj, hat=hat, hat_color=tint)
    return Change("add", "add_wear", slots, swap(scene, obj, after), local=True)


def remove(sampler: SceneSampler, scene: Scene) -> Change:
    if scene.objects and sampler.chance(0.12):
        worn = [obj for obj in scene.objects if obj.hat]
        if worn:
            slots = {"the": f"the {worn[0].hat}", "thing": worn[0].hat}
            bare = replace(worn[0], hat="", hat_color="")
            return Change("remove", "remove", slots, swap(scene, worn[0], bare), local=True)
    obj = one(sampler, scene)
    slots = {"the": the(sampler.rng, obj, scene), "thing": noun_of(obj)}
    if any(noun_of(other) == noun_of(obj) for other in scene.objects if other != obj):
        slots["thing"] = slots["the"]  # "no dog" would mean both
    return Change("remove", "remove", slots, swap(scene, obj), local=True)


def replace_object(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene)
    others = [noun_of(other) for other in scene.objects if other != obj]

    def suits() -> Object | None:
        drawn = sampler.thing(color=0.3)
        if noun_of(drawn) in (*others, noun_of(obj)) or flies(drawn) != flies(obj):
            return None
        fits = sampler.fits(noun_of(obj), noun_of(drawn))
        return drawn if fits and sampler.allows(noun_of(drawn), *others, scene.background.place) else None

    pool = sampler.first_fit(suits)
    size = max(obj.size, 0.5) if pool.person else min(obj.size, 0.5)
    new = replace(pool, x=obj.x, y=max(obj.y, size + 0.03), size=size, flip=False)
    slots = {"the": the(sampler.rng, obj, scene), "a": a(new)}
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


def lettering(sampler: SceneSampler, ink: str = PLAIN) -> Lettering:
    words = sampler.pick(WORDS[sampler.split]).upper()
    return Lettering(words, ink, sampler.rng.choices(("top", "bottom", "middle"), (5, 4, 1))[0])


def write(sampler: SceneSampler, scene: Scene) -> Change:
    if scene.lettering:
        raise Unfit("there are words already")
    colored = sampler.chance(0.35)
    new = lettering(sampler, sampler.pick(INKS) if colored else PLAIN)
    words = new.words
    form = sampler.rng.random()
    if form < 0.3:
        words = words.lower()
    elif form < 0.4 and " " not in words:
        words = " ".join(words)
    where = {"top": "top", "bottom": "bottom", "middle": "center"}[new.where]
    slots = {"words": words, "where": where, "color": new.color}
    kind = "render_text_color" if colored else "render_text"
    return Change("render_text", kind, slots, replace(scene, lettering=new), local=True)


def unwrite(sampler: SceneSampler, scene: Scene) -> Change:
    if not scene.lettering:
        raise Unfit("no words to remove")
    slots = {"words": scene.lettering.words}
    return Change("remove_text", "remove_text", slots, replace(scene, lettering=None), local=True)
