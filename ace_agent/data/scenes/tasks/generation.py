"""Text-guided generation."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.captions import caption, facts, phrase, setting
from ace_agent.data.scenes.edits import lettering
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.references.grammar import countable


def text_to_image(sampler: SceneSampler) -> TrainingTurn:
    """A caption and a picture of it."""
    form = sampler.rng.random()
    if form < 0.16:
        return _terse(sampler)
    if form < 0.26:
        return _pair(sampler)
    if form < 0.29:
        scene = replace(sampler.canonical(sampler.scene()), lettering=lettering(sampler))
    elif form < 0.31:
        scene = sampler.canonical(Scene(sampler.background(plain=0, simple=0.3)))
    elif form < 0.42:
        scene = _sized(sampler)
    else:
        scene = sampler.canonical(sampler.scene())
    words = caption(sampler.rng, scene, positions=sampler.chance(0.5))
    return picture_turn(sampler, scene, words)


def picture_turn(sampler: SceneSampler, scene: Scene, words: str) -> TrainingTurn:
    """A text_to_image turn of ``scene`` captioned ``words``."""
    picture = sampler.render(scene)
    return TrainingTurn(
        task="text_to_image",
        instruction=sampler.instruction("text_to_image", {"caption": words}),
        frames=(),
        target=picture.pixels,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(scene, exact=False),
    )


def _terse(sampler: SceneSampler) -> TrainingTurn:
    """ "red car": a bare caption, half of the time without a place."""
    scene = sampler.scene(1)
    words = phrase(scene.objects[0])
    if sampler.chance(0.5):
        words += setting(sampler.rng, scene.background)
    elif scene.background.place != "plain":
        scene = sampler.scene(things=scene.objects, background=sampler.plain_background())
    # Bare in all splits: nobody writes "please draw red car".
    return replace(picture_turn(sampler, sampler.canonical(scene), words), instruction=words)


def _pair(sampler: SceneSampler) -> TrainingTurn:
    """Two objects of one kind, or a plural."""
    first = sampler.thing()
    if first.person or not countable(noun_of(first)):
        return _terse(sampler)
    background = sampler.background()
    if not sampler.fits(noun_of(first), background.place):
        background = sampler.scene(things=[first]).background
    scene = sampler.canonical(Scene(background, (first, replace(first, twin=2))))
    left, right = scene.objects
    scene = replace(scene, objects=(left, replace(right, flip=True)))
    words = caption(sampler.rng, scene)
    if sampler.chance(0.2) and words.startswith("two "):
        words = words.replace("two ", "a pair of " if sampler.chance(0.3) else "2 ", 1)
    return picture_turn(sampler, scene, words)


def _sized(sampler: SceneSampler) -> Scene:
    scene = sampler.canonical(sampler.scene(1))
    (thing,) = scene.objects
    big = sampler.chance(0.5)
    size = 0.66 if big else 0.22
    word = sampler.pick(("big", "large", "huge")) if big else sampler.pick(("small", "little", "tiny"))
    x = thing.x if not big else 0.5
    return replace(scene, objects=(replace(thing, size=size, word=word, x=x, y=max(thing.y, size + 0.04)),))
