"""Text-guided generation."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data.sample import Turn
from ace_agent.data.scenes.captions import caption, facts, phrase, setting
from ace_agent.data.scenes.edits import lettering
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import Studio, noun_of
from ace_agent.references.grammar import countable


def text_to_image(studio: Studio) -> Turn:
    """A caption and a picture of it."""
    form = studio.rng.random()
    if form < 0.16:
        return _terse(studio)
    if form < 0.26:
        return _pair(studio)
    if form < 0.29:
        scene = replace(studio.settled(studio.scene()), lettering=lettering(studio))
    elif form < 0.31:
        scene = studio.settled(Scene(studio.background(plain=0, simple=0.3)))
    elif form < 0.42:
        scene = _sized(studio)
    else:
        scene = studio.settled(studio.scene())
    words = caption(studio.rng, scene, positions=studio.chance(0.5))
    return picture_turn(studio, scene, words)


def picture_turn(studio: Studio, scene: Scene, words: str) -> Turn:
    """A text_to_image turn of ``scene`` captioned ``words``."""
    picture = studio.render(scene)
    return Turn(
        task="text_to_image",
        instruction=studio.say("text_to_image", {"caption": words}),
        frames=(),
        target=picture.image,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(scene, exact=False),
    )


def _terse(studio: Studio) -> Turn:
    """ "red car": no article, and no place half of the time."""
    scene = studio.scene(1)
    words = phrase(scene.objects[0])
    if studio.chance(0.5):
        words += setting(studio.rng, scene.background)
    elif scene.background.place != "plain":
        scene = studio.scene(things=scene.objects, background=studio.paper())
    # Bare, whatever the split: "please draw red car" is nobody's wording.
    return replace(picture_turn(studio, studio.settled(scene), words), instruction=words)


def _pair(studio: Studio) -> Turn:
    """Two of one kind, or a plural."""
    first = studio.thing()
    if first.person or not countable(noun_of(first)):
        return _terse(studio)
    background = studio.background()
    if not studio.fits(noun_of(first), background.place):
        background = studio.scene(things=[first]).background
    scene = studio.settled(Scene(background, (first, replace(first, twin=2))))
    left, right = scene.objects
    scene = replace(scene, objects=(left, replace(right, flip=True)))
    words = caption(studio.rng, scene)
    if studio.chance(0.2) and words.startswith("two "):
        words = words.replace("two ", "a pair of " if studio.chance(0.3) else "2 ", 1)
    return picture_turn(studio, scene, words)


def _sized(studio: Studio) -> Scene:
    scene = studio.settled(studio.scene(1))
    (thing,) = scene.objects
    big = studio.chance(0.5)
    size = 0.66 if big else 0.22
    word = studio.pick(("big", "large", "huge")) if big else studio.pick(("small", "little", "tiny"))
    x = thing.x if not big else 0.5
    return replace(scene, objects=(replace(thing, size=size, word=word, x=x, y=max(thing.y, size + 0.04)),))
