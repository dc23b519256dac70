"""Layer editing: separating and combining foreground and background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.captions import facts, the
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.images.compositing import changed_mask
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame

WHITE = Background("plain", ("white",))


def on_white(picture: RenderedScene, alpha: Pixels) -> Pixels:
    """The part of a picture that ``alpha`` covers, on white."""
    share = alpha[..., None].astype(np.float32) / 255
    return (picture.pixels * share + 255 * (1 - share)).round().astype(np.uint8)


def extract_foreground(sampler: SceneSampler) -> TrainingTurn:
    """One object, or all of them, alone on white."""
    picture = sampler.render(sampler.scene())
    visible = picture.visible()
    if len(visible) > 1 and sampler.chance(0.25):
        words = sampler.pick(("the objects", "everything in front", "the foreground"))
        kept, alpha = picture.scene.objects, np.maximum.reduce([mask for _, mask in visible])
    else:
        obj, alpha = sampler.pick(visible)
        kept, words = (obj,), the(sampler.rng, obj, picture.scene)
        if len(visible) == 1 and sampler.chance(0.2):
            words = sampler.pick(("the foreground", "the object"))
    target = on_white(picture, alpha)
    keys = {obj.key for obj in kept}
    return TrainingTurn(
        task="extract_foreground",
        instruction=sampler.instruction("extract_foreground", {"the": words}),
        frames=(Frame(picture.pixels, None, picture.placements),),
        target=target,
        base=0,
        region=changed_mask(picture.pixels, target),
        placements=tuple(p for p in picture.placements if p.key.split("@")[-1] in keys),
        judge=facts(replace(picture.scene, objects=kept, background=WHITE), exact=True),
    )


def extract_background(sampler: SceneSampler) -> TrainingTurn:
    """The scene without its objects."""
    scene = sampler.scene()
    picture, empty = sampler.render(scene), sampler.render(replace(scene, objects=()))
    return TrainingTurn(
        task="extract_background",
        instruction=sampler.instruction("extract_background"),
        frames=(Frame(picture.pixels, None, picture.placements),),
        target=empty.pixels,
        base=0,
        region=changed_mask(picture.pixels, empty.pixels),
        placements=(),
        judge=facts(empty.scene, exact=True),
    )


def fuse_layers(sampler: SceneSampler) -> TrainingTurn:
    """A background and a cutout in place, combined."""
    scene = sampler.scene()
    if scene.background.weather != "clear":
        scene = replace(scene, background=replace(scene.background, weather="clear"))
    top = sampler.pick(scene.objects)
    rest = replace(scene, objects=tuple(obj for obj in scene.objects if obj != top))
    whole, below = sampler.render(scene), sampler.render(rest)
    above = sampler.render(Scene(WHITE, (top,)))
    return TrainingTurn(
        task="fuse_layers",
        instruction=sampler.instruction("fuse_layers"),
        frames=(Frame(below.pixels, None, below.placements), Frame(above.pixels, None, above.placements)),
        target=whole.pixels,
        base=0,
        region=changed_mask(below.pixels, whole.pixels),
        placements=whole.placements,
        judge=facts(scene, exact=True),
    )
