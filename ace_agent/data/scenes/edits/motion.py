"""Edits of an object's place, size, direction and pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes import captions
from ace_agent.data.scenes.captions import the
from ace_agent.data.scenes.edits.change import Change, category, keep_clear, one, swap
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.references import people


def flip(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene, lambda o: category(o) in ("animal", "vehicle", "person"))
    if obj.person is None:
        sprite = np.asarray(sampler.renderer.sprite(obj)).astype(np.int16)
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
    slots = {"the": the(sampler.rng, obj, scene)}
    return Change("edit_motion", "motion_flip", slots, swap(scene, obj, after), local=True)


def move(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene)
    side = sampler.pick(("left", "right"))
    half = obj.size / 2 if not obj.person else obj.size * 0.3
    goal = half + 0.04 if side == "left" else 0.96 - half
    if (goal - obj.x) * (-1 if side == "left" else 1) < 0.12:
        raise Unfit("already there")
    after = replace(obj, x=round(goal, 3))
    moved = swap(scene, obj, after)
    keep_clear(sampler, moved, after)
    slots = {"the": the(sampler.rng, obj, scene), "side": side}
    return Change("edit_motion", "motion_move", slots, moved, local=True)


def resize(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene)
    bigger = sampler.chance(0.5)
    size = obj.size * (1.45 if bigger else 0.62)
    if not 0.17 <= size <= 0.82:
        raise Unfit("too big or too small")
    half = size / 2
    after = replace(
        obj, size=round(size, 3), x=min(max(obj.x, half + 0.01), 0.99 - half), y=max(obj.y, size + 0.02)
    )
    resized = swap(scene, obj, after)
    keep_clear(sampler, resized, after)
    noun = noun_of(obj)
    if captions.is_plural(noun):
        raise Unfit("a plural reads badly here")
    slots = {"the": the(sampler.rng, obj, scene), "thing": noun}
    return Change("edit_motion", f"motion_{'bigger' if bigger else 'smaller'}", slots, resized, local=True)


def repose(sampler: SceneSampler, scene: Scene) -> Change:
    obj = one(sampler, scene, lambda o: o.person is not None and not o.person.bust)
    assert obj.person is not None
    pose = sampler.other(list(people.POSES), obj.person.pose)
    after = replace(obj, person=replace(obj.person, pose=pose))
    slots = {"the": the(sampler.rng, obj, scene), "pose": pose}
    return Change("edit_motion", "motion_pose", slots, swap(scene, obj, after), local=True)
