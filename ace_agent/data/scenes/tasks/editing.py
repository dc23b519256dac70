"""Semantic and element editing: a scene, an edit, the edited scene."""

from __future__ import annotations

from collections.abc import Callable

from ace_agent.data import masks
from ace_agent.data.errors import Unfit
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.captions import facts
from ace_agent.data.scenes.edits import EDITS, Change
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.images.compositing import changed_mask, composite
from ace_agent.references.types import Frame

_MASKED = 0.2  # share of local edits that come with a mask
_PARTLY = 0.15  # share of global edits that are restricted to a mask
_TURNED = frozenset({"mirrored", "upside down"})  # inside a mask, another part of the picture would appear
_LEAST = 0.003  # share of pixels below which an edit is invisible


def edit(task: str) -> Callable[[SceneSampler], TrainingTurn]:
    """A generator of an editing task."""
    ways = EDITS[task]
    weights = [way.weight for way in ways]

    def generate(sampler: SceneSampler) -> TrainingTurn:
        way = sampler.rng.choices(ways, weights)[0]
        scene = way.start(sampler)
        change = way.apply(sampler, scene)
        whole = change.exact and not change.local and not _TURNED & {*change.after.adjust}
        return edit_turn(
            sampler, sampler.render(scene), change, masked=_PARTLY if whole else _MASKED, partly=whole
        )

    return generate


def edit_turn(
    sampler: SceneSampler,
    before: RenderedScene,
    change: Change,
    *,
    masked: float = _MASKED,
    partly: bool = False,
) -> TrainingTurn:
    """The turn that asks for ``change`` of ``before``.

    Args:
        sampler: draws the scene.
        before: the picture that is edited.
        change: the edit.
        masked: probability of a mask.
        partly: whether a global edit may be restricted to a mask.

    Raises:
        Unfit: the edit changes nothing visible.
    """
    after = sampler.render(change.after)
    target, mask = after.pixels, None
    if partly and sampler.chance(masked):
        mask = masks.anywhere(sampler.rng, after.size)
        target = composite(mask, target, before.pixels)
    region = changed_mask(before.pixels, target)
    if (region > 0).mean() < _LEAST:
        raise Unfit("a no-op")
    if change.local and sampler.chance(masked):
        mask = masks.around(sampler.rng, region)
    return TrainingTurn(
        task=change.task,
        instruction=sampler.instruction(
            change.kind, change.slots, masked=mask is not None and sampler.chance(0.5)
        ),
        frames=(Frame(before.pixels, mask, before.placements),),
        target=target,
        base=0,
        region=region,
        placements=after.placements,
        judge={**facts(change.after, exact=change.exact), "gone": _gone(before.scene, change.after)},
    )


def _gone(before: Scene, after: Scene) -> list[str]:
    """Nouns of the objects that an edit removes."""
    left = {noun_of(thing) for thing in after.objects}
    return sorted({noun_of(thing) for thing in before.objects} - left)
