"""Low-level visual analysis, and its inverse, controllable generation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ace_agent.data import masks
from ace_agent.data.errors import Unfit
from ace_agent.data.flaws import FLAWS
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.captions import caption, facts
from ace_agent.data.scenes.edits import figure_scene
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.images import operators
from ace_agent.images.annotated_image import ANALYSES
from ace_agent.images.compositing import changed_mask, composite
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame

_MOSAIC_BLOCK = 8
"""Pixels a side: one size, because no wording mentions any."""
_BLUR = 2.1
"""Radius of a requested blur in pixels, likewise."""


def _source(sampler: SceneSampler, task: str, *, landless: bool = False) -> RenderedScene:
    """A picture that suits the map of `task`; `landless` ones have the fixed landscape of their place."""
    scene = figure_scene(sampler) if task == "pose" else sampler.scene()
    if scene.background.weather in ("rain", "snow"):
        # Rain and snow would hide shapes in the maps, and could not be guessed from them.
        scene = replace(scene, background=replace(scene.background, weather="clear"))
    return sampler.render(sampler.in_canonical_landscape(scene) if landless else scene)


def analyse(task: str) -> Callable[[SceneSampler], TrainingTurn]:
    """A generator of an analysis task: picture in, map out."""

    def generate(sampler: SceneSampler) -> TrainingTurn:
        picture = _source(sampler, task)
        kind, slots, exact = task, {}, True
        if task == "mosaic":
            answer = operators.mosaic(picture.pixels, _MOSAIC_BLOCK)
        elif task == "degrade":
            name = sampler.pick(list(FLAWS))
            flaw = FLAWS[name]
            exact = flaw.exact
            answer = (
                operators.blur(picture.pixels, _BLUR)
                if name == "blur"
                else flaw.degrade(picture, sampler.rng, 1.0)
            )
            if name == "low resolution" and sampler.chance(0.6):
                exact = False
            else:
                kind, slots = "degrade_kind", {"flaw": sampler.pick(flaw.words)}
        else:
            answer = ANALYSES[task](picture)
        return finish(sampler, task, kind, slots, picture, picture.pixels, answer, exact=exact)

    return generate


def finish(
    sampler: SceneSampler,
    task: str,
    kind: str,
    slots: dict[str, str],
    picture: RenderedScene,
    source: Pixels,
    answer: Pixels,
    *,
    exact: bool,
) -> TrainingTurn:
    """A turn from ``source`` to ``answer``, sometimes only within a mask."""
    mask = None
    if sampler.chance(0.15):
        mask = masks.anywhere(sampler.rng, picture.size)
        answer = composite(mask, answer, source)
    region = changed_mask(source, answer)
    if (region > 0).mean() < 0.003:
        raise Unfit("nothing to see")
    return TrainingTurn(
        task=task,
        instruction=sampler.instruction(kind, slots, masked=mask is not None),
        frames=(Frame(source, mask, picture.placements),),
        target=answer,
        base=0,
        region=region,
        placements=picture.placements,
        judge=facts(picture.scene, exact=exact),
    )


_LANDLESS = ("pose", "contour", "scribble")
"""Maps that do not show the landscape, of which only the words then speak."""


INVERSES = {
    "segment_to_image": "segment",
    "depth_to_image": "depth",
    "pose_to_image": "pose",
    "edge_to_image": "edge",
    "contour_to_image": "contour",
    "scribble_to_image": "scribble",
    "doodle_to_image": "doodle",
    "colorize": "grayscale",
}
"""Tasks of controllable generation, with the analysis that each inverts."""


def invert(task: str) -> Callable[[SceneSampler], TrainingTurn]:
    """A generator of a controllable task: map and caption in, picture out."""

    def generate(sampler: SceneSampler) -> TrainingTurn:
        picture = _source(sampler, INVERSES[task], landless=INVERSES[task] in _LANDLESS)
        control = ANALYSES[INVERSES[task]](picture)
        slots = {"caption": caption(sampler.rng, picture.scene)}
        return finish(sampler, task, task, slots, picture, control, picture.pixels, exact=False)

    return generate


def demosaic(sampler: SceneSampler) -> TrainingTurn:
    picture = _source(sampler, "mosaic")
    degraded = operators.mosaic(picture.pixels, sampler.pick((4, 6, 8)))
    return _repair(sampler, "demosaic", {}, picture, degraded)


def restore(sampler: SceneSampler) -> TrainingTurn:
    picture = _source(sampler, "restore")
    name = sampler.pick(list(FLAWS))
    slots = {"flaw": sampler.pick(FLAWS[name].words)}
    return _repair(sampler, "restore", slots, picture, FLAWS[name].degrade(picture, sampler.rng, 1.0))


def _repair(
    sampler: SceneSampler, task: str, slots: dict[str, str], picture: RenderedScene, degraded: Pixels
) -> TrainingTurn:
    mask = None
    if sampler.chance(0.25):
        mask = masks.anywhere(sampler.rng, picture.size)
        degraded = composite(mask, degraded, picture.pixels)
    region = changed_mask(degraded, picture.pixels)
    if (region > 0).mean() < 0.003:
        raise Unfit("nothing to repair")
    return TrainingTurn(
        task=task,
        instruction=sampler.instruction(task, slots, masked=mask is not None and sampler.chance(0.7)),
        frames=(Frame(degraded, mask, picture.placements),),
        target=picture.pixels,
        base=0,
        region=region,
        placements=picture.placements,
        judge=facts(picture.scene, exact=True),
    )
