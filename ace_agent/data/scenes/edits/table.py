"""The edits of each task, and the scenes that they start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ace_agent.data.scenes.edits import appearance, elements, environment, global_edits, motion
from ace_agent.data.scenes.edits.change import Change
from ace_agent.data.scenes.edits.elements import HEADED, lettering, put_on_hat
from ace_agent.data.scenes.scene import PLACES, TIMES, Background, Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.references.lettering import INKS
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import HAIRY


def any_scene(sampler: SceneSampler) -> Scene:
    return sampler.scene()


def colorful_scene(sampler: SceneSampler) -> Scene:
    if sampler.chance(0.1):
        return figure_scene(sampler)
    thing = sampler.first_fit(lambda: _tintable(sampler))
    if sampler.chance(0.65):
        return sampler.scene(things=[thing])
    return sampler.scene(things=[thing, sampler.thing(style=thing.style)])


def _tintable(sampler: SceneSampler) -> Object | None:
    thing = sampler.thing(color=0.4)
    return thing if sampler.catalogue.tintable(thing.name, thing.style) else None


def outdoor_scene(sampler: SceneSampler) -> Scene:
    place = sampler.pick([place for place in PLACES if Background(place).outdoors])
    background = Background(place, (), sampler.seed(), sampler.pick(TIMES))
    if sampler.chance(0.3):
        background = replace(background, weather=sampler.pick(("rain", "snow", "fog")))
    return sampler.scene(background=background)


def figure_scene(sampler: SceneSampler) -> Scene:
    return sampler.scene(things=[sampler.thing("person")])


def portrait(sampler: SceneSampler) -> Object:
    """A figure's head and shoulders."""
    drawn = sampler.person(bust=True)
    return Object("person", size=sampler.rng.uniform(0.62, 0.74), person=drawn)


def face_scene(sampler: SceneSampler) -> Scene:
    form = sampler.rng.random()
    if form < 0.40:
        return sampler.scene(things=[portrait(sampler)])
    if form < 0.5:
        return figure_scene(sampler)
    if form < 0.75:
        return sampler.scene(things=[sampler.thing(sampler.noun("face"), color=0.1)])
    name = sampler.pick(HAIRY)
    return sampler.scene(things=[sampler.thing(name, color=0)])


def headed_scene(sampler: SceneSampler) -> Scene:
    if sampler.chance(0.25):
        return sampler.scene(things=[portrait(sampler) if sampler.chance(0.5) else sampler.thing("person")])
    name = sampler.pick(HEADED) if sampler.chance(0.7) else sampler.noun("face")
    thing = sampler.thing(name)
    return sampler.scene(things=[replace(thing, size=min(thing.size, 0.46))])


def small_scene(sampler: SceneSampler) -> Scene:
    return sampler.scene(1)


def pair_scene(sampler: SceneSampler) -> Scene:
    return sampler.scene(2)


def hatted_scene(sampler: SceneSampler) -> Scene:
    if sampler.chance(0.85):
        return sampler.scene()
    return put_on_hat(sampler, headed_scene(sampler)).after


def written_scene(sampler: SceneSampler) -> Scene:
    return replace(sampler.scene(), lettering=lettering(sampler, sampler.pick(INKS)))


@dataclass(frozen=True)
class Edit:
    """An edit, the scenes that it starts from, and its weight within its task."""

    apply: Callable[[SceneSampler, Scene], Change]
    start: Callable[[SceneSampler], Scene] = any_scene
    weight: float = 1.0


EDITS: dict[str, tuple[Edit, ...]] = {
    "edit_color": (Edit(appearance.recolor, colorful_scene),),
    "edit_texture": (Edit(appearance.retexture),),
    "edit_motion": (
        Edit(motion.flip),
        Edit(motion.move),
        Edit(motion.resize, small_scene),
        Edit(motion.repose, figure_scene, 0.8),
    ),
    "edit_scene": (
        Edit(environment.change_place, weight=1.2),
        Edit(environment.change_time, outdoor_scene, 1.2),
        Edit(environment.change_weather, outdoor_scene),
    ),
    "edit_face": (
        Edit(appearance.change_expression, face_scene),
        Edit(appearance.change_hair, face_scene),
        Edit(appearance.put_on_glasses, face_scene, 0.7),
    ),
    "edit_style": (Edit(global_edits.change_style),),
    "edit_general": (
        Edit(global_edits.adjust),
        Edit(global_edits.both),
        Edit(global_edits.exchange, pair_scene, 0.5),
        Edit(global_edits.double, small_scene, 0.5),
    ),
    "add": (Edit(elements.add, weight=2.0), Edit(elements.put_on_hat, headed_scene, 0.8)),
    "remove": (Edit(elements.remove, hatted_scene),),
    "replace": (Edit(elements.replace_object),),
    "render_text": (Edit(elements.write),),
    "remove_text": (Edit(elements.unwrite, written_scene),),
}
"""Every editing task, with its edits."""
