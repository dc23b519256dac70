"""Repainting: inpainting and outpainting."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ace_agent.data import masks
from ace_agent.data.errors import Unfit
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.captions import caption, facts
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.images.compositing import blank_out, changed_mask
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame, Placement


def inpaint(sampler: SceneSampler) -> TrainingTurn:
    """A hole to fill, over an object or anywhere, half of the time with a caption."""
    picture = sampler.render(sampler.scene())
    if sampler.chance(0.5):
        obj = sampler.pick(picture.scene.objects)
        mask = masks.around(sampler.rng, np.where(picture.mask(obj) > 32, np.uint8(255), np.uint8(0)))
        kind = "inpaint_caption"
    else:
        mask = masks.anywhere(sampler.rng, picture.size)
        # Without a caption only objects that still show can be completed.
        guessable = _guessable(picture, mask)
        kind = sampler.pick(("inpaint", "inpaint_caption")) if guessable else "inpaint_caption"
    slots = {"caption": caption(sampler.rng, picture.scene)} if kind == "inpaint_caption" else {}
    return _repaint(sampler, "inpaint", kind, slots, picture, mask)


def outpaint(sampler: SceneSampler) -> TrainingTurn:
    """A part of the picture whose surroundings are to be painted."""
    picture = sampler.render(sampler.scene())
    side = picture.size
    mask = np.full((side, side), 255, np.uint8)
    ends = []
    for _ in range(2):
        kept = sampler.rng.uniform(0.5, 0.8) if sampler.chance(0.8) else 1.0
        start = sampler.rng.uniform(0, 1 - kept)
        ends.append((round(start * side), round((start + kept) * side)))
    if ends == [(0, side), (0, side)]:
        ends[0] = (round(0.2 * side), round(0.8 * side))
    (left, right), (top, bottom) = ends
    mask[top:bottom, left:right] = 0
    if not _guessable(picture, mask):
        raise Unfit("something is wholly outside")
    return _repaint(sampler, "outpaint", "outpaint", {}, picture, mask)


def _repaint(
    sampler: SceneSampler, task: str, kind: str, slots: dict[str, str], picture: RenderedScene, mask: Pixels
) -> TrainingTurn:
    holed = blank_out(picture.pixels, mask)
    return TrainingTurn(
        task=task,
        instruction=sampler.instruction(kind, slots),
        frames=(Frame(holed, mask, visible(picture.placements, mask)),),
        target=picture.pixels,
        base=0,
        region=changed_mask(holed, picture.pixels),
        placements=picture.placements,
        judge=facts(picture.scene, exact=False),
    )


def _guessable(picture: RenderedScene, mask: Pixels) -> bool:
    """Whether enough of every object shows beside the hole."""
    return len(visible(picture.placements, mask)) == len(picture.placements)


def visible(placements: tuple[Placement, ...], mask: Pixels) -> tuple[Placement, ...]:
    """Placements that a hole leaves mostly visible."""
    share = Image.fromarray(mask)
    kept = []
    for placement in placements:
        box = (
            placement.x * share.width,
            placement.y * share.height,
            (placement.x + placement.w) * share.width,
            (placement.y + placement.h) * share.height,
        )
        hidden = np.asarray(share.resize((1, 1), Image.Resampling.BOX, box=_within(box, share.size)))
        if hidden.item() < 128:
            kept.append(placement)
    return tuple(kept)


def _within(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return max(0.0, left), max(0.0, top), min(float(size[0]), right), min(float(size[1]), bottom)
