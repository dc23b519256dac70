"""One task call, from the user's pictures to the pictures the user keeps: what the model is shown, and how
its result is brought back to size. Deterministic: the same call on the same machine gives the same pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.interface import Pipeline, PipelineOutput
from ace_agent.errors import InputError
from ace_agent.execution import fidelity
from ace_agent.plan.tasks import TASKS

Composite = Literal["none", "mask", "region", "crop", "difference"]
Tick = Callable[[float], None]
HIDING = ("inpaint", "outpaint")
"""Tasks whose masked area the model must not see."""
SHARPER = 1.25
"""A second look at a found region pays from this many times more pixels on."""


@dataclass(frozen=True)
class Earlier:
    """A step of the history: its instruction, pictures, and the mask of the first one."""

    task: str
    instruction: str
    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None


@dataclass(frozen=True)
class Call:
    """Everything that decides the pixels of a step's result but the model. `mask` has the first image's size,
    or for outpaint its canvas's."""

    task: str
    instruction: str
    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    history: tuple[Earlier, ...] = ()
    size: tuple[int, int] | None = None
    seed: int = 0
    steps: int = 16
    guidance: float = 1.0
    variations: int = 1


@dataclass
class Made:
    """The pictures, how they were put together, and lines for the user."""

    images: list[Image.Image] = field(default_factory=list)
    composite: Composite = "none"
    notes: list[str] = field(default_factory=list)


def check_mask(task: str, base: Image.Image, mask: Image.Image) -> None:
    """Raise InputError for a mask that does not lie on its picture, or allows no change."""
    if mask.size != base.size and task != "outpaint":
        raise InputError(
            f"the mask is {mask.width} x {mask.height} but its picture {base.width} x {base.height}",
            "draw the mask on the picture itself, or name a region like left or a box",
        )
    if fidelity.clean_mask(mask).getbbox() is None:
        raise InputError("the mask is all black, so nothing may change", "paint white what should change")


def make(pipeline: Pipeline, call: Call, tick: Tick | None = None) -> Made:
    """Run one call. `tick` is told the share that is done. Raises InputError for a mask that does not fit."""
    return _Maker(pipeline, call, tick).run()


class _Maker:
    """One call's pictures, views and passes."""

    def __init__(self, pipeline: Pipeline, call: Call, tick: Tick | None) -> None:
        self.pipeline = pipeline
        self.call = call
        self.row = TASKS[call.task]
        self.side = pipeline.native_size
        self.passes = 1
        self.passed = 0
        self.tick = tick
        self.history = tuple(self._unit(earlier) for earlier in call.history)

    def run(self) -> Made:
        images, mask = _on_canvas(self.call.task, self.call.images, self.call.mask)
        if not self.row.has_base_with(len(images)):
            made = self._create(images, mask)
        elif mask is not None:
            check_mask(self.call.task, images[0], mask)
            made = self._masked(images, mask)
        elif self.row.local:
            made = self._local(images)
        else:
            made = self._whole(images)
        return self._sized(made, images)

    def _create(self, images: Sequence[Image.Image], mask: Image.Image | None) -> Made:
        """No base picture: made at the model's size, enlarged and cropped to another."""
        view = None if mask is None else fidelity.view_of((0, 0, *images[0].size), self.side)
        shown = None if mask is None or view is None else fidelity.look_mask(mask, view)
        output = self._ask([self._seen(image) for image in images], shown)
        size = self.call.size or (self.side, self.side)
        made = Made([_covering(image, size) for image in output.images])
        if max(size) > self.side:
            made.notes.append(f"made at {self.side} px and enlarged to {size[0]} x {size[1]}")
        return made

    def _masked(self, images: Sequence[Image.Image], mask: Image.Image) -> Made:
        """Only the mask may change: a crop around it is edited where the picture is larger than the model's."""
        base, mask = images[0], fidelity.clean_mask(mask)
        view = self._view(base, mask)
        shown = fidelity.look(base, view)
        small = fidelity.look_mask(mask, view)
        if self.call.task in HIDING:
            shown = fidelity.hidden(shown, small)
        output = self._ask([shown, *map(self._seen, images[1:])], small)
        made = Made(composite="mask" if view.box == (0, 0, *base.size) else "crop")
        for result in output.images:
            new = self._filled(base, shown, result, view)
            feathered = self.call.task != "outpaint"
            made.images.append(fidelity.composite(base, new, mask, feathered=feathered))
        return self._honest(made, view)

    def _local(self, images: Sequence[Image.Image]) -> Made:
        """The model finds the region; where that gains detail, it is edited again in a crop around it."""
        base = images[0]
        whole = fidelity.view_of((0, 0, *base.size), self.side)
        shown = fidelity.look(base, whole)
        others = [self._seen(image) for image in images[1:]]
        self.passes = 2 if whole.scale * SHARPER < 1 else 1
        output = self._ask([shown, *others], None)
        made = Made(composite="region")
        crops = []
        for number, result in enumerate(output.images):
            mask = self._region(output.regions[number], base, shown, result, whole)
            if mask.getbbox() is None:
                made.images.append(base.copy())
                made.notes.append(
                    "the model changed nothing; say it in other words, or mark the place with a mask"
                )
                continue
            view = self._view(base, mask) if fidelity.coverage(mask) < fidelity.WHOLE else whole
            if view.scale > whole.scale * SHARPER:
                crops.append((number, mask, view))
            made.images.append(fidelity.composite(base, self._filled(base, shown, result, whole), mask))
        used = whole
        self.passes = 1 + len(crops)
        for number, mask, view in crops:
            shown, small = fidelity.look(base, view), fidelity.look_mask(mask, view)
            again = self._ask([shown, *others], small, seed=self.call.seed + number, variations=1)
            new = self._filled(base, shown, again.images[0], view)
            made.images[number] = fidelity.composite(base, new, mask)
            made.composite, used = "crop", view
        return self._honest(made, used)

    def _whole(self, images: Sequence[Image.Image]) -> Made:
        """All of the picture may change."""
        base = images[0]
        view = fidelity.view_of((0, 0, *base.size), self.side)
        shown = fidelity.look(base, view)
        output = self._ask([shown, *map(self._seen, images[1:])], None)
        made = Made()
        for number, result in enumerate(output.images):
            new = self._filled(base, shown, result, view)
            if self.row.detail == "region":
                made.composite = "region"
                mask = self._region(output.regions[number], base, shown, result, view)
                new = fidelity.composite(base, new, mask)
            elif self.row.detail == "difference" and view.scale != 1:
                made.composite = "difference"
            made.images.append(fidelity.with_alpha_of(new, base))
        if view.scale < 1 and self.row.detail == "difference":
            made.notes.append(
                f"edited at {self.side} px; its change was enlarged, the picture's own detail kept"
            )
            return made
        return self._honest(made, view)

    def _filled(
        self, base: Image.Image, shown: Image.Image, result: Image.Image, view: fidelity.View
    ) -> Image.Image:
        """The whole picture with the view's box as the model made it."""
        if self.row.detail == "difference" and view.scale != 1:
            moved = fidelity.View((0, 0, *_size(view.box)), view.inner, view.side)
            part = fidelity.add_difference(base.crop(view.box), shown, result, moved)
        else:
            part = fidelity.back(result, view)
        return fidelity.paste_part(base, part, view.box)

    def _region(
        self,
        changed: npt.NDArray[np.float32] | None,
        base: Image.Image,
        shown: Image.Image,
        result: Image.Image,
        view: fidelity.View,
    ) -> Image.Image:
        """The found region as a mask of the picture's size."""
        if changed is None:
            changed = np.ones((self.side, self.side), np.float32)
        small = np.asarray(fidelity.found_region(changed, shown, result)).astype(np.float32) / np.float32(255)
        return Image.fromarray((fidelity.back_region(small, view) >= 0.5).astype(np.uint8) * 255)

    def _view(self, base: Image.Image, mask: Image.Image) -> fidelity.View:
        """Of the picture, or of a crop around the mask where the picture is larger than the model's size."""
        whole = (0, 0, *base.size)
        box = fidelity.crop_around(mask, self.side) if max(base.size) > self.side else None
        return fidelity.view_of(box or whole, self.side)

    def _honest(self, made: Made, view: fidelity.View) -> Made:
        if view.scale * SHARPER < 1:
            made.notes.append(f"edited at {self.side} px and enlarged, so its detail is coarse")
        return made

    def _sized(self, made: Made, images: Sequence[Image.Image]) -> Made:
        """A size that was asked for, other than the base picture's."""
        size = self.call.size
        if size is None or self.call.task == "outpaint" or made.images[0].size == size:
            return made
        made.images = [_covering(image, size) for image in made.images]
        made.notes.append(f"resized from {images[0].width} x {images[0].height} to {size[0]} x {size[1]}")
        return made

    def _seen(self, image: Image.Image) -> Image.Image:
        return fidelity.look(image, fidelity.view_of((0, 0, *image.size), self.side))

    def _unit(self, earlier: Earlier) -> ConditionUnit:
        """A step of the history as the model would see it: whole pictures at its own size."""
        images, mask = _on_canvas(earlier.task, earlier.images, earlier.mask)
        seen = [self._seen(image) for image in images]
        masks: list[Image.Image | None] = [None] * len(seen)
        if mask is not None and seen and mask.size == images[0].size:
            small = fidelity.look_mask(mask, fidelity.view_of((0, 0, *mask.size), self.side))
            masks[0] = small
            if earlier.task in HIDING:
                seen[0] = fidelity.hidden(seen[0], small)
        return ConditionUnit(earlier.instruction, tuple(seen), tuple(masks))

    def _ask(
        self,
        images: Sequence[Image.Image],
        mask: Image.Image | None,
        *,
        seed: int | None = None,
        variations: int | None = None,
    ) -> PipelineOutput:
        """One pass of the model at its own size."""
        call = self.call

        def report(_pipeline: Any, step: int, _of: int, _tensors: dict[str, Any]) -> None:
            if self.tick is not None:
                self.tick(min(1.0, (self.passed + step / call.steps) / self.passes))

        output = self.pipeline(
            call.instruction,
            list(images),
            [mask, *[None] * (len(images) - 1)] if images else [],
            task=call.task,
            history=self.history,
            height=self.side,
            width=self.side,
            num_inference_steps=call.steps,
            guidance_scale=call.guidance,
            num_images_per_prompt=call.variations if variations is None else variations,
            seed=call.seed if seed is None else seed,
            callback_on_step_end=report,
        )
        self.passed += 1
        return output


def _on_canvas(
    task: str, images: tuple[Image.Image, ...], mask: Image.Image | None
) -> tuple[tuple[Image.Image, ...], Image.Image | None]:
    """For outpaint the first picture moves onto the larger canvas that its mask describes."""
    if task != "outpaint" or mask is None or not images:
        return images, mask
    try:
        canvas, mask = fidelity.widened(images[0], None, None, mask)
    except ValueError as error:
        raise InputError(str(error)) from None
    return (canvas, *images[1:]), mask


def _covering(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`size` filled at the picture's own aspect ratio; what sticks out is cut off on both sides."""
    if image.size == size:
        return image
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def _size(box: fidelity.Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def differing_pixels(one: Image.Image, other: Image.Image) -> int:
    """How many pixels are not the same; all of them where the sizes differ."""
    if one.size != other.size or one.mode != other.mode:
        return max(one.width * one.height, other.width * other.height)
    return int(
        (
            np.asarray(ImageChops.difference(one, other)).reshape(one.height, one.width, -1).max(axis=2) > 0
        ).sum()
    )
