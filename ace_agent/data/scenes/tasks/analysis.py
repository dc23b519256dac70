"""Low-level visual analysis, and controllable generation, its inverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes import masks
from ace_agent.data.scenes.captions import caption, facts
from ace_agent.data.scenes.edits import figure_scene
from ace_agent.data.scenes.render import RenderedScene
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.images import operators
from ace_agent.images.types import Pixels
from ace_agent.references import people
from ace_agent.references.types import Frame


def segment(picture: RenderedScene) -> Pixels:
    return picture.labels


def depth(picture: RenderedScene) -> Pixels:
    return operators.to_rgb(picture.depth)


def _shapes(picture: RenderedScene) -> list[Pixels]:
    shapes = [mask for _, mask in picture.shown()]
    if not shapes:
        raise Unfit("no shapes to draw")
    return shapes


def contour(picture: RenderedScene) -> Pixels:
    return operators.outline(_shapes(picture))


def scribble(picture: RenderedScene) -> Pixels:
    return operators.scribble(_shapes(picture))


def pose(picture: RenderedScene) -> Pixels:
    """The skeletons of the drawn figures, coloured as OpenPose does, on black."""
    side = 2 * picture.size
    canvas = Image.new("RGB", (side, side))
    pen = ImageDraw.Draw(canvas)
    figures = [obj for obj in picture.scene.objects if obj.person and not obj.person.bust]
    if not figures:
        raise Unfit("nobody to pose")
    for obj in figures:
        assert obj.person is not None
        left, top, right, bottom = people.box(obj.person)
        x0, y0, x1, y1 = picture.body_box(obj)
        scale_x, scale_y = 2 * (x1 - x0) / (right - left), 2 * (y1 - y0) / (bottom - top)
        points = {}
        for joint, (x, y) in people.joints(obj.person).items():
            across = (x - left) * scale_x
            points[joint] = (2 * x1 - across if obj.flip else 2 * x0 + across, 2 * y0 + (y - top) * scale_y)
        width = max(3, round(0.028 * side))
        for (a, b), color in zip(people.BONES, people.BONE_COLORS, strict=True):
            pen.line([points[a], points[b]], fill=color, width=width)
        r = 0.018 * side
        for x, y in points.values():
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255))
    return np.asarray(canvas.reduce(2))


def _of_pixels(operator: Callable[[Pixels], Pixels]) -> Callable[[RenderedScene], Pixels]:
    return lambda picture: operator(picture.image)


CONTROLS: dict[str, Callable[[RenderedScene], Pixels]] = {
    "segment": segment,
    "depth": depth,
    "pose": pose,
    "edge": _of_pixels(operators.edges),
    "contour": contour,
    "scribble": scribble,
    "doodle": _of_pixels(operators.doodle),
    "grayscale": _of_pixels(operators.grayscale),
}
"""What an analysis draws of a picture."""

_MOSAIC_BLOCK = 8
"""Pixels a side; one size, because no wording names any."""
_BLUR = 2.1
"""Radius in pixels of a blur that is asked for, likewise."""


@dataclass(frozen=True)
class Flaw:
    """One way to spoil a picture: words, and what makes it; ``asked`` is what a request for it makes, where spoiling
    leaves something to chance that no wording names."""

    words: tuple[str, ...]
    spoil: Callable[[SceneSampler, RenderedScene], Pixels]
    asked: Callable[[RenderedScene], Pixels] | None = None


FLAWS: dict[str, Flaw] = {
    "blur": Flaw(
        ("blur",),
        lambda sampler, picture: operators.blur(picture.image, sampler.rng.uniform(1.6, 2.6)),
        lambda picture: operators.blur(picture.image, _BLUR),
    ),
    "noise": Flaw(
        ("noise", "grain"),
        lambda sampler, picture: operators.noise(picture.image, sampler.rng.getrandbits(32), 26),
    ),
    "low resolution": Flaw(
        ("low resolution",), lambda sampler, picture: operators.lower_resolution(picture.image, 4)
    ),
    "darkness": Flaw(("darkness",), lambda sampler, picture: operators.darken(picture.image)),
    "haze": Flaw(("haze", "mist"), lambda sampler, picture: operators.haze(picture.image, picture.depth)),
    "rain": Flaw(
        ("rain", "rain streaks"),
        lambda sampler, picture: operators.fallen(picture.image, "rain", sampler.rng.getrandbits(16)),
    ),
    "snow": Flaw(
        ("snowflakes",),
        lambda sampler, picture: operators.fallen(picture.image, "snow", sampler.rng.getrandbits(16)),
    ),
}


def _source(sampler: SceneSampler, task: str, *, landless: bool = False) -> RenderedScene:
    """A picture that shows what the map of `task` is about; `landless`: in the one landscape of its place."""
    scene = figure_scene(sampler) if task == "pose" else sampler.scene()
    if scene.background.weather in ("rain", "snow"):
        # Drops and flakes hide the shapes that the maps are about, and nobody could guess them back.
        scene = replace(scene, background=replace(scene.background, weather="clear"))
    return sampler.render(sampler.on_settled_land(scene) if landless else scene)


def analyse(task: str) -> Callable[[SceneSampler], TrainingTurn]:
    """A generator of an analysis task: picture in, map out."""

    def generate(sampler: SceneSampler) -> TrainingTurn:
        picture = _source(sampler, task)
        kind, slots, exact = task, {}, True
        if task == "mosaic":
            answer = operators.mosaic(picture.image, _MOSAIC_BLOCK)
        elif task == "degrade":
            name = sampler.pick(list(FLAWS))
            exact = name in ("blur", "low resolution", "darkness", "haze")
            flaw = FLAWS[name]
            answer = flaw.asked(picture) if flaw.asked else flaw.spoil(sampler, picture)
            if name == "low resolution" and sampler.chance(0.6):
                exact = False
            else:
                kind, slots = "degrade_kind", {"flaw": sampler.pick(flaw.words)}
        else:
            answer = CONTROLS[task](picture)
        return finish(sampler, task, kind, slots, picture, picture.image, answer, exact=exact)

    return generate


def finish(
    sampler: SceneSampler,
    task: str,
    kind: str,
    slots: dict[str, str],
    picture: RenderedScene,
    shown: Pixels,
    answer: Pixels,
    *,
    exact: bool,
) -> TrainingTurn:
    """A turn from ``shown`` to ``answer``, sometimes only within a mask."""
    mask = None
    if sampler.chance(0.15):
        mask = masks.anywhere(sampler.rng, picture.size)
        answer = masks.composite(mask, answer, shown)
    region = masks.difference(shown, answer)
    if (region > 0).mean() < 0.003:
        raise Unfit("nothing to see")
    return TrainingTurn(
        task=task,
        instruction=sampler.say(kind, slots, masked=mask is not None),
        frames=(Frame(shown, mask, picture.placements),),
        target=answer,
        base=0,
        region=region,
        placements=picture.placements,
        judge=facts(picture.scene, exact=exact),
    )


_LANDLESS = ("pose", "contour", "scribble")
"""Maps that show nothing of the land, which words alone ask for then."""


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
"""Controllable generation, and the analysis it inverts."""


def invert(task: str) -> Callable[[SceneSampler], TrainingTurn]:
    """A generator of a controllable task: map and caption in, picture out."""

    def generate(sampler: SceneSampler) -> TrainingTurn:
        picture = _source(sampler, INVERSES[task], landless=INVERSES[task] in _LANDLESS)
        control = CONTROLS[INVERSES[task]](picture)
        slots = {"caption": caption(sampler.rng, picture.scene)}
        return finish(sampler, task, task, slots, picture, control, picture.image, exact=False)

    return generate


def demosaic(sampler: SceneSampler) -> TrainingTurn:
    picture = _source(sampler, "mosaic")
    spoilt = operators.mosaic(picture.image, sampler.pick((4, 6, 8)))
    return _repair(sampler, "demosaic", {}, picture, spoilt)


def restore(sampler: SceneSampler) -> TrainingTurn:
    picture = _source(sampler, "restore")
    name = sampler.pick(list(FLAWS))
    slots = {"flaw": sampler.pick(FLAWS[name].words)}
    return _repair(sampler, "restore", slots, picture, FLAWS[name].spoil(sampler, picture))


def _repair(
    sampler: SceneSampler, task: str, slots: dict[str, str], picture: RenderedScene, spoilt: Pixels
) -> TrainingTurn:
    mask = None
    if sampler.chance(0.25):
        mask = masks.anywhere(sampler.rng, picture.size)
        spoilt = masks.composite(mask, spoilt, picture.image)
    region = masks.difference(spoilt, picture.image)
    if (region > 0).mean() < 0.003:
        raise Unfit("nothing to repair")
    return TrainingTurn(
        task=task,
        instruction=sampler.say(task, slots, masked=mask is not None and sampler.chance(0.7)),
        frames=(Frame(spoilt, mask, picture.placements),),
        target=picture.image,
        base=0,
        region=region,
        placements=picture.placements,
        judge=facts(picture.scene, exact=True),
    )
