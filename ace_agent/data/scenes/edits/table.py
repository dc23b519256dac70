"""Which edits each task makes, and the scenes they start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ace_agent.data.scenes.edits import elements, looks, motion, surroundings, whole
from ace_agent.data.scenes.edits.change import Change
from ace_agent.data.scenes.edits.elements import HEADED, lettering, put_on_hat
from ace_agent.data.scenes.scene import PLACES, TIMES, Background, Scene
from ace_agent.data.scenes.scene_sampler import Studio
from ace_agent.references.lettering import INKS
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import HAIRY


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


def portrait(studio: Studio) -> Object:
    """Somebody's head and shoulders."""
    drawn = studio.person(bust=True)
    return Object("person", size=studio.rng.uniform(0.62, 0.74), person=drawn)


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
    return replace(studio.scene(), lettering=lettering(studio, studio.pick(INKS)))


@dataclass(frozen=True)
class Edit:
    """A kind of edit: what it does, where it starts, and how often its task uses it."""

    apply: Callable[[Studio, Scene], Change]
    start: Callable[[Studio], Scene] = any_scene
    weight: float = 1.0


EDITS: dict[str, tuple[Edit, ...]] = {
    "edit_color": (Edit(looks.recolor, colorful_scene),),
    "edit_texture": (Edit(looks.retexture),),
    "edit_motion": (
        Edit(motion.flip),
        Edit(motion.move),
        Edit(motion.resize, small_scene),
        Edit(motion.repose, figure_scene, 0.8),
    ),
    "edit_scene": (
        Edit(surroundings.change_place, weight=1.2),
        Edit(surroundings.change_time, outdoor_scene, 1.2),
        Edit(surroundings.change_weather, outdoor_scene),
    ),
    "edit_face": (
        Edit(looks.change_expression, face_scene),
        Edit(looks.change_hair, face_scene),
        Edit(looks.put_on_glasses, face_scene, 0.7),
    ),
    "edit_style": (Edit(whole.change_style),),
    "edit_general": (
        Edit(whole.adjust),
        Edit(whole.both),
        Edit(whole.exchange, pair_scene, 0.5),
        Edit(whole.double, small_scene, 0.5),
    ),
    "add": (Edit(elements.add, weight=2.0), Edit(elements.put_on_hat, headed_scene, 0.8)),
    "remove": (Edit(elements.remove, hatted_scene),),
    "replace": (Edit(elements.replace_object),),
    "render_text": (Edit(elements.write),),
    "remove_text": (Edit(elements.unwrite, written_scene),),
}
"""Every task that edits a scene, with the ways it does."""
