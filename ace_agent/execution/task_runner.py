"""Runs one task: fits the user's pictures to the model's square, calls the pipeline, and brings its results back to
size. The same call on the same machine gives the same pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.experts.expert import Expert
from ace_agent.engines.interface import Pipeline, PipelineOutput
from ace_agent.errors import InputError
from ace_agent.execution import fidelity
from ace_agent.plan.tasks import CATALOGUE

Composite = Literal["none", "mask", "region", "crop", "difference"]
OnFraction = Callable[[float], None]
"""Called with the fraction that is done."""
BLANKED_TASKS = ("inpaint", "outpaint")
"""Tasks whose masked area the model must not see."""
MIN_ZOOM = 1.25
"""A found region is edited again in a crop if that shows it at least this much larger."""


@dataclass(frozen=True)
class TaskCall:
    """Everything that decides the pixels of a step's result but the model.

    `mask` has the first image's size, or for outpaint its canvas's. `history` holds the users' pictures at their own
    sizes, as `stored_unit` makes them.
    """

    task: str
    instruction: str
    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    history: tuple[ConditionUnit, ...] = ()
    size: tuple[int, int] | None = None
    seed: int = 0
    steps: int = 16
    guidance: float = 1.0
    variations: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class TaskResult:
    """The pictures, how they were composed, and notes for the user."""

    images: list[Image.Image] = field(default_factory=list)
    composite: Composite = "none"
    notes: list[str] = field(default_factory=list)


def stored_unit(
    task: str, instruction: str, images: tuple[Image.Image, ...], mask: Image.Image | None
) -> ConditionUnit:
    """An earlier step as a condition unit at the pictures' own sizes; `mask` belongs to the first one.

    An outpaint's picture goes onto its canvas. A mask that does not fit its picture is left out.
    """
    images, mask = _on_canvas(task, images, mask)
    masks: list[Image.Image | None] = [None] * len(images)
    if mask is not None and images and mask.size == images[0].size:
        masks[0] = mask
    return ConditionUnit(instruction, images, tuple(masks), task=task)


def on_picture(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A mask of its picture's shape in another size, brought to the picture's; else as it is."""
    alike = abs(mask.width * size[1] - mask.height * size[0]) <= 0.01 * mask.width * size[1]
    return mask.resize(size, Image.Resampling.BILINEAR) if mask.size != size and alike else mask


def check_mask(task: str, base: Image.Image, mask: Image.Image) -> None:
    """Raise InputError for a mask that does not lie on its picture, or allows no change."""
    if mask.size != base.size and task != "outpaint":
        raise InputError(
            f"the mask is {mask.width} x {mask.height} but its picture {base.width} x {base.height}",
            "draw the mask on the picture itself, or name a region like left or a box",
        )
    if fidelity.clean_mask(mask).getbbox() is None:
        raise InputError("the mask is all black, so nothing may change", "paint white what should change")


def run_task(pipeline: Pipeline, call: TaskCall, on_fraction: OnFraction | None = None) -> TaskResult:
    """Run one call. Raises InputError for a mask that does not fit its picture."""
    if isinstance(pipeline, Expert):
        return _run_expert(pipeline, call, on_fraction)
    return _TaskRunner(pipeline, call, on_fraction).run()


def _run_expert(expert: Expert, call: TaskCall, on_fraction: OnFraction | None) -> TaskResult:
    """An expert is given the pictures as they are, and what it returns is what the user keeps."""
    images, mask = _on_canvas(call.task, call.images, call.mask)
    if mask is not None and images:
        check_mask(call.task, images[0], mask)

    def report(_pipeline: Any, done: int, of: int, _tensors: dict[str, Any]) -> None:
        if on_fraction is not None:
            on_fraction(done / of)

    output = expert(
        call.instruction,
        images,
        [mask, *[None] * (len(images) - 1)] if images else [],
        task=call.task,
        num_images_per_prompt=call.variations,
        seed=call.seed,
        callback_on_step_end=report,
        options=dict(call.options),
    )
    return TaskResult(output.images, "none" if mask is None else "mask", output.notes)


class _TaskRunner:
    """One call: its views and its passes of the model."""

    def __init__(self, pipeline: Pipeline, call: TaskCall, on_fraction: OnFraction | None) -> None:
        self.pipeline = pipeline
        self.call = call
        self.row = CATALOGUE[call.task]
        self.side = pipeline.native_size
        self.passes = 1
        self.passed = 0
        self.on_fraction = on_fraction
        self.history = tuple(self._history_view(unit) for unit in call.history)

    def run(self) -> TaskResult:
        images, mask = _on_canvas(self.call.task, self.call.images, self.call.mask)
        if not self.row.has_base_with(len(images)):
            result = self._create(images, mask)
        elif mask is not None:
            check_mask(self.call.task, images[0], mask)
            result = self._masked(images, mask)
        elif self.row.local:
            result = self._local(images)
        else:
            result = self._whole(images)
        return self._at_asked_size(result, images)

    def _create(self, images: Sequence[Image.Image], mask: Image.Image | None) -> TaskResult:
        """Without a base picture: made at the model's size, then enlarged and cropped to another."""
        view = None if mask is None else fidelity.view_of((0, 0, *images[0].size), self.side)
        small = None if mask is None or view is None else fidelity.mask_to_model_view(mask, view)
        output = self._run_model([self._whole_view(image) for image in images], small)
        size = self.call.size or (self.side, self.side)
        result = TaskResult([_fill(image, size) for image in output.images])
        if max(size) > self.side:
            result.notes.append(f"made at {self.side} px and enlarged to {size[0]} x {size[1]}")
        return result

    def _masked(self, images: Sequence[Image.Image], mask: Image.Image) -> TaskResult:
        """Only the masked area may change; a picture larger than the model's is edited in a crop around it."""
        base, mask = images[0], fidelity.clean_mask(mask)
        view = self._view(base, mask)
        model_view = fidelity.to_model_view(base, view)
        small = fidelity.mask_to_model_view(mask, view)
        if self.call.task in BLANKED_TASKS:
            model_view = fidelity.blank_masked(model_view, small)
        output = self._run_model([model_view, *map(self._whole_view, images[1:])], small)
        result = TaskResult(composite="mask" if view.box == (0, 0, *base.size) else "crop")
        for square in output.images:
            new = self._filled(base, model_view, square, view)
            feathered = self.call.task != "outpaint"
            result.images.append(fidelity.composite(base, new, mask, feathered=feathered))
        return self._with_detail_note(result, view)

    def _local(self, images: Sequence[Image.Image]) -> TaskResult:
        """The model finds the region, which is edited again in a crop where that gains detail."""
        base = images[0]
        whole = fidelity.view_of((0, 0, *base.size), self.side)
        model_view = fidelity.to_model_view(base, whole)
        others = [self._whole_view(image) for image in images[1:]]
        self.passes = 2 if whole.scale * MIN_ZOOM < 1 else 1
        output = self._run_model([model_view, *others], None)
        result = TaskResult(composite="region")
        crops = []
        for number, square in enumerate(output.images):
            mask = self._region(output.regions[number], base, model_view, square, whole)
            if mask.getbbox() is None:
                result.images.append(base.copy())
                result.notes.append(
                    "the model changed nothing; say it in other words, or mark the place with a mask"
                )
                continue
            view = self._view(base, mask) if fidelity.coverage(mask) < fidelity.WHOLE else whole
            if view.scale > whole.scale * MIN_ZOOM:
                crops.append((number, mask, view))
            result.images.append(
                fidelity.composite(base, self._filled(base, model_view, square, whole), mask)
            )
        used = whole
        self.passes = 1 + len(crops)
        for number, mask, view in crops:
            model_view, small = fidelity.to_model_view(base, view), fidelity.mask_to_model_view(mask, view)
            again = self._run_model([model_view, *others], small, seed=self.call.seed + number, variations=1)
            new = self._filled(base, model_view, again.images[0], view)
            result.images[number] = fidelity.composite(base, new, mask)
            result.composite, used = "crop", view
        return self._with_detail_note(result, used)

    def _whole(self, images: Sequence[Image.Image]) -> TaskResult:
        """All of the picture may change."""
        base = images[0]
        view = fidelity.view_of((0, 0, *base.size), self.side)
        model_view = fidelity.to_model_view(base, view)
        output = self._run_model([model_view, *map(self._whole_view, images[1:])], None)
        result = TaskResult()
        for number, square in enumerate(output.images):
            new = self._filled(base, model_view, square, view)
            if self.row.detail == "region":
                result.composite = "region"
                mask = self._region(output.regions[number], base, model_view, square, view)
                new = fidelity.composite(base, new, mask)
            elif self.row.detail == "difference" and view.scale != 1:
                result.composite = "difference"
            result.images.append(fidelity.with_alpha_of(new, base))
        if view.scale < 1 and self.row.detail == "difference":
            result.notes.append(
                f"edited at {self.side} px; its change was enlarged, the picture's own detail kept"
            )
            return result
        return self._with_detail_note(result, view)

    def _filled(
        self, base: Image.Image, model_view: Image.Image, square: Image.Image, view: fidelity.View
    ) -> Image.Image:
        """The whole picture, with the model's square in the view's box."""
        if self.row.detail == "difference" and view.scale != 1:
            moved = fidelity.View((0, 0, *_size(view.box)), view.inner, view.side)
            part = fidelity.add_difference(base.crop(view.box), model_view, square, moved)
        else:
            part = fidelity.from_model_view(square, view)
        return fidelity.paste_part(base, part, view.box)

    def _region(
        self,
        changed: npt.NDArray[np.float32] | None,
        base: Image.Image,
        model_view: Image.Image,
        square: Image.Image,
        view: fidelity.View,
    ) -> Image.Image:
        """The region that the model changed, as a mask of the view's size."""
        if changed is None:
            changed = np.ones((self.side, self.side), np.float32)
        small = np.asarray(fidelity.found_region(changed, model_view, square)).astype(
            np.float32
        ) / np.float32(255)
        return Image.fromarray((fidelity.region_from_model_view(small, view) >= 0.5).astype(np.uint8) * 255)

    def _view(self, base: Image.Image, mask: Image.Image) -> fidelity.View:
        """The whole picture, or a crop around the mask of a picture larger than the model's."""
        whole = (0, 0, *base.size)
        box = fidelity.crop_around(mask, self.side) if max(base.size) > self.side else None
        return fidelity.view_of(box or whole, self.side)

    def _with_detail_note(self, result: TaskResult, view: fidelity.View) -> TaskResult:
        if view.scale * MIN_ZOOM < 1:
            result.notes.append(f"edited at {self.side} px and enlarged, so its detail is coarse")
        return result

    def _at_asked_size(self, result: TaskResult, images: Sequence[Image.Image]) -> TaskResult:
        """Resizes the pictures where another size was asked for than the base picture's."""
        size = self.call.size
        if size is None or self.call.task == "outpaint" or result.images[0].size == size:
            return result
        result.images = [_fill(image, size) for image in result.images]
        result.notes.append(f"resized from {images[0].width} x {images[0].height} to {size[0]} x {size[1]}")
        return result

    def _whole_view(self, image: Image.Image) -> Image.Image:
        """All of a picture in the model's square."""
        return fidelity.to_model_view(image, fidelity.view_of((0, 0, *image.size), self.side))

    def _history_view(self, unit: ConditionUnit) -> ConditionUnit:
        """An earlier step as the model saw it, but for crops: whole pictures."""
        images = [self._whole_view(image) for image in unit.images]
        masks = list(unit.masks)
        if masks and masks[0] is not None:
            view = fidelity.view_of((0, 0, *masks[0].size), self.side)
            masks[0] = fidelity.mask_to_model_view(masks[0], view)
            if unit.task in BLANKED_TASKS:
                images[0] = fidelity.blank_masked(images[0], masks[0])
        return replace(unit, images=tuple(images), masks=tuple(masks))

    def _run_model(
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
            if self.on_fraction is not None:
                self.on_fraction(min(1.0, (self.passed + step / call.steps) / self.passes))

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
        canvas, mask = fidelity.expand_canvas(images[0], None, None, mask)
    except ValueError as error:
        raise InputError(str(error)) from None
    return (canvas, *images[1:]), mask


def _fill(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resized to cover `size` at the picture's own aspect ratio, and cropped to it evenly on both sides."""
    if image.size == size:
        return image
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def _size(box: fidelity.Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def differing_pixels(one: Image.Image, other: Image.Image) -> int:
    """The number of pixels that differ; all of them where the sizes or modes differ."""
    if one.size != other.size or one.mode != other.mode:
        return max(one.width * one.height, other.width * other.height)
    return int(
        (
            np.asarray(ImageChops.difference(one, other)).reshape(one.height, one.width, -1).max(axis=2) > 0
        ).sum()
    )
