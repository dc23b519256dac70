"""An edit: the scene after it, and the words that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import NOUNS


@dataclass(frozen=True)
class Change:
    """A finished edit.

    Args:
        task: id of the task catalogue.
        kind: its section in the wording tables.
        slots: values of the wording's slots.
        after: the edited scene.
        local: whether only the edited object's pixels may change.
        exact: whether ``after`` is the only right answer.
    """

    task: str
    kind: str
    slots: dict[str, str]
    after: Scene
    local: bool = False
    exact: bool = True


def swap(scene: Scene, old: Object, *new: Object) -> Scene:
    """``scene`` with ``old`` replaced by ``new``, or removed."""
    index = scene.objects.index(old)
    return replace(scene, objects=(*scene.objects[:index], *new, *scene.objects[index + 1 :]))


def one(sampler: SceneSampler, scene: Scene, suits: Callable[[Object], bool] = lambda _: True) -> Object:
    suited = [obj for obj in scene.objects if suits(obj)]
    if not suited:
        raise Unfit("nothing in the scene suits the edit")
    return sampler.pick(suited)


def category(obj: Object) -> str:
    return "person" if obj.person else NOUNS[noun_of(obj)].category


def flies(obj: Object) -> bool:
    return obj.person is None and NOUNS[noun_of(obj)].place == "air"


def keep_clear(sampler: SceneSampler, scene: Scene, obj: Object) -> None:
    """Raise Unfit if an object would cover most of another."""
    for other in scene.objects:
        if other is not obj and abs(other.x - obj.x) < 0.42 * (other.size + obj.size) * 0.9:
            top, bottom = obj.y - obj.size, obj.y
            if bottom > other.y - other.size and top < other.y:
                raise Unfit("no room")
