"""Semantic and element editing: a scene, an edit, the edited scene."""

from __future__ import annotations

from collections.abc import Callable

from ace_agent.data import masks
from ace_agent.data.captions import facts
from ace_agent.data.edits import EDITS, Change
from ace_agent.data.errors import Unfit
from ace_agent.data.render import Picture
from ace_agent.data.sample import Frame, Turn
from ace_agent.data.scene import Scene
from ace_agent.data.studio import Studio, noun_of

_MASKED = 0.2  # share of local edits that come with a mask
_LEAST = 0.003  # share of pixels that an edit must change; less is a no-op to the eye


def edit(task: str) -> Callable[[Studio], Turn]:
    """A generator of an editing task."""
    ways = EDITS[task]
    weights = [way.weight for way in ways]

    def generate(studio: Studio) -> Turn:
        way = studio.rng.choices(ways, weights)[0]
        scene = way.start(studio)
        change = way.apply(studio, scene)
        return edit_turn(studio, studio.render(scene), change)

    return generate


def edit_turn(studio: Studio, before: Picture, change: Change, *, masked: float = _MASKED) -> Turn:
    """The turn that asks for ``change`` of ``before``.

    Raises:
        Unfit: the edit changes nothing that can be seen.
    """
    after = studio.render(change.after)
    region = masks.difference(before.image, after.image)
    if (region > 0).mean() < _LEAST:
        raise Unfit("a no-op")
    mask = None
    if change.local and studio.chance(masked):
        mask = masks.around(studio.rng, region)
    return Turn(
        task=change.task,
        instruction=studio.say(change.kind, change.slots, masked=mask is not None and studio.chance(0.5)),
        frames=(Frame(before.image, mask, before.placements),),
        target=after.image,
        base=0,
        region=region,
        placements=after.placements,
        judge={**facts(change.after, exact=change.exact), "gone": _gone(before.scene, change.after)},
    )


def _gone(before: Scene, after: Scene) -> list[str]:
    """Nouns of what an edit takes out of the scene."""
    left = {noun_of(thing) for thing in after.objects}
    return sorted({noun_of(thing) for thing in before.objects} - left)
