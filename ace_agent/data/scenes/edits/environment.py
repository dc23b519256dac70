"""Edits of the place, the time of day and the weather."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes import captions
from ace_agent.data.scenes.captions import the
from ace_agent.data.scenes.edits.change import Change
from ace_agent.data.scenes.scene import PLACES, TIMES, Background, Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.references import colors
from ace_agent.references.grammar import article


def change_place(sampler: SceneSampler, scene: Scene) -> Change:
    if sampler.chance(0.15):
        color = sampler.other(list(colors.PAPERS), *scene.background.colors)
        background = Background("plain", (color,))
        slots = {"place": sampler.pick((color, f"plain {color}")), "at": f"on {article(color)} background"}
    else:
        place = sampler.other(PLACES, scene.background.place)
        background = sampler.canonical_background(Background(place))
        if background.outdoors and scene.background.outdoors:
            background = replace(background, time=scene.background.time)
        slots = {
            "place": sampler.pick(captions.PLACE_NOUNS[place]),
            "at": sampler.pick(captions.AT[place]),
        }
    if not all(sampler.allows(noun_of(obj), background.place) for obj in scene.objects):
        raise Unfit("another split's pair")
    slots["them"] = the(sampler.rng, scene.objects[0], scene) if len(scene.objects) == 1 else "everything"
    return Change("edit_scene", "scene_place", slots, replace(scene, background=background), exact=False)


def change_time(sampler: SceneSampler, scene: Scene) -> Change:
    background = _outdoors(scene)
    time = sampler.other(TIMES, background.time)
    slots = {
        "time": sampler.pick(captions.TIME_NOUNS[time]),
        "at_time": sampler.pick(captions.TIME_PHRASES[time]),
    }
    after = replace(scene, background=replace(background, time=time))
    return Change("edit_scene", "scene_time", slots, after)


def change_weather(sampler: SceneSampler, scene: Scene) -> Change:
    background = _outdoors(scene)
    if background.weather != "clear":
        after = replace(scene, background=replace(background, weather="clear"))
        return Change("edit_scene", "scene_clear", {"falling": captions.FALLING[background.weather]}, after)
    weather = sampler.pick(("rain", "snow", "fog"))
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
