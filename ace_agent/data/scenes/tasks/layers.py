"""Layer editing: taking pictures apart and putting them together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ace_agent.data.sample import Turn
from ace_agent.data.scenes import masks
from ace_agent.data.scenes.captions import facts, the
from ace_agent.data.scenes.render import Picture
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.data.scenes.scene_sampler import Studio
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame

WHITE = Background("plain", ("white",))


def on_white(picture: Picture, alpha: Pixels) -> Pixels:
    """What ``alpha`` covers of a picture, on white."""
    share = alpha[..., None].astype(np.float32) / 255
    return (picture.image * share + 255 * (1 - share)).round().astype(np.uint8)


def extract_foreground(studio: Studio) -> Turn:
    """One object, or everything that stands in the scene, alone on white."""
    picture = studio.render(studio.scene())
    shown = picture.shown()
    if len(shown) > 1 and studio.chance(0.25):
        words = studio.pick(("the objects", "everything in front", "the foreground"))
        kept, alpha = picture.scene.objects, np.maximum.reduce([mask for _, mask in shown])
    else:
        obj, alpha = studio.pick(shown)
        kept, words = (obj,), the(studio.rng, obj, picture.scene)
        if len(shown) == 1 and studio.chance(0.2):
            words = studio.pick(("the foreground", "the object"))
    target = on_white(picture, alpha)
    keys = {obj.key for obj in kept}
    return Turn(
        task="extract_foreground",
        instruction=studio.say("extract_foreground", {"the": words}),
        frames=(Frame(picture.image, None, picture.placements),),
        target=target,
        base=0,
        region=masks.difference(picture.image, target),
        placements=tuple(p for p in picture.placements if p.key.split("@")[-1] in keys),
        judge=facts(replace(picture.scene, objects=kept, background=WHITE), exact=True),
    )


def extract_background(studio: Studio) -> Turn:
    """The scene without its objects."""
    scene = studio.scene()
    picture, empty = studio.render(scene), studio.render(replace(scene, objects=()))
    return Turn(
        task="extract_background",
        instruction=studio.say("extract_background"),
        frames=(Frame(picture.image, None, picture.placements),),
        target=empty.image,
        base=0,
        region=masks.difference(picture.image, empty.image),
        placements=(),
        judge=facts(empty.scene, exact=True),
    )


def fuse_layers(studio: Studio) -> Turn:
    """A background and a cut-out at its place, put together."""
    scene = studio.scene()
    if scene.background.weather != "clear":
        scene = replace(scene, background=replace(scene.background, weather="clear"))
    top = studio.pick(scene.objects)
    rest = replace(scene, objects=tuple(obj for obj in scene.objects if obj != top))
    whole, below = studio.render(scene), studio.render(rest)
    above = studio.render(Scene(WHITE, (top,)))
    return Turn(
        task="fuse_layers",
        instruction=studio.say("fuse_layers"),
        frames=(Frame(below.image, None, below.placements), Frame(above.image, None, above.placements)),
        target=whole.image,
        base=0,
        region=masks.difference(below.image, whole.image),
        placements=whole.placements,
        judge=facts(scene, exact=True),
    )
