"""Prepares a request to the released model: prompts per picture, prepared pictures, the target's size.

`FaithfulRequest` does it as the released code does, `ProductRequest` as a user would want it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from ace_agent.engines.ace.condition_unit import INDICATOR, MAX_IMAGES, ConditionUnit, latest_run
from ace_agent.engines.interface import PipelineOutput
from ace_agent.engines.released.autoencoder import from_picture
from ace_agent.engines.released.converted_folder import INDEX
from ace_agent.engines.released.frame_texts import number_history, turn_prompts
from ace_agent.engines.released.preprocess import UNIT, PreparedImage, crop_box, prepare_image, prepared_size
from ace_agent.errors import InputError, ModelError
from ace_agent.plan.tasks import TASKS, Task

_BLANKED = {"inpaint": "inpainting", "outpaint": "inpainting", "try_on": "Try On"}
"""Catalogue ids whose masked region the released model does not see, with its names for them."""
REGION_FLOOR, REGION_FULL = 0.04, 0.16
"""Differences, as shares of the full range, between which a pixel goes from kept to changed: the first stage alone
moves pixels by a few hundredths."""


@dataclass(frozen=True)
class ReleasedSettings:
    """What `model_index.json` says of a converted model."""

    name: str
    native_size: int
    max_tokens: int
    steps: int
    guidance: float
    guidance_rescale: float

    @classmethod
    def read(cls, folder: Path) -> ReleasedSettings:
        """Raises ModelError for a folder of another model or without its index."""
        try:
            index = json.loads((folder / INDEX).read_text())
            if index["_class_name"] == "ReleasedPipeline":
                return cls(**{name: index[name] for name in cls.__dataclass_fields__})
        except OSError as error:
            raise ModelError(f"{folder / INDEX} is missing", "convert the model again") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder / INDEX} is damaged", "convert the model again") from error
        raise ModelError(f"{folder} is of another model", "`ace models` lists what can run")


class Request(Protocol):
    """A prepared request: one prompt per picture, prepared pictures, the target's (width, height) and its latent
    mask."""

    prompts: tuple[str, ...]
    pictures: list[PreparedImage]
    target: tuple[int, int]
    target_mask: Tensor | None

    def output(self, drawn: list[Image.Image]) -> PipelineOutput: ...


class FaithfulRequest:
    """As the released inference prepares a request; the target is sized like the OLDEST picture."""

    def __init__(
        self,
        settings: ReleasedSettings,
        current: ConditionUnit,
        history: Sequence[ConditionUnit],
        task: str | None,
        height: int | None,
        width: int | None,
    ) -> None:
        turns = [*history, current]
        if history and any(len(turn.images) != 1 for turn in turns):
            raise InputError(
                "the released code takes history only with one picture in every turn", "leave `faithful` off"
            )
        if sum(len(turn.images) for turn in turns) > MAX_IMAGES:
            raise InputError(
                f"the model takes {MAX_IMAGES} pictures at most, with the history's", "leave turns out"
            )
        prompts = [turn.instruction for turn in history] + [current.instruction] * max(len(current.images), 1)
        self.prompts = tuple(number_history(prompts) if history else prompts)
        self.pictures = []
        for turn in turns:
            # `task` names a task of the released code; those of earlier turns are catalogue ids, so it is the current
            # turn's.
            own = task or "" if turn is current else ""
            for image, mask in zip(turn.images, turn.masks, strict=True):
                self.pictures.append(prepare_image(image, mask, max_tokens=settings.max_tokens, task=own))
        if self.pictures:
            self.target = self.pictures[0].size
            self.target_mask: Tensor | None = self.pictures[0].latent_mask
        else:
            self.target = (width or settings.native_size, height or settings.native_size)
            self.target_mask = None
            if self.target[0] % UNIT or self.target[1] % UNIT:
                raise InputError(f"width and height must be multiples of {UNIT}", "leave `faithful` off")

    def output(self, drawn: list[Image.Image]) -> PipelineOutput:
        return PipelineOutput(drawn, [None] * len(drawn))


def spelled(instruction: str) -> str:
    """An instruction with its quoted text letter by letter, as the model was trained: "CARD" -> "C A R D"."""
    return re.sub(r'"([^"]+)"', lambda found: f'"{" ".join(found[1].replace(" ", ""))}"', instruction)


class ProductRequest:
    """Sized like the current image; several current images may have history; an empty mask blanks nothing."""

    def __init__(
        self,
        settings: ReleasedSettings,
        current: ConditionUnit,
        history: Sequence[ConditionUnit],
        task: str | None,
        height: int | None,
        width: int | None,
    ) -> None:
        room = MAX_IMAGES - len(current.images)
        kept = history[latest_run([len(turn.images) for turn in history], room) :]
        prompt = current.instruction
        if current.images and not INDICATOR.search(prompt):
            prompt = f"{{image}} {prompt}"
        if task == "render_text":
            prompt = spelled(prompt)
        named = ConditionUnit(prompt, current.images, current.masks)
        self.prompts = tuple(turn_prompts([*kept, named]))
        budget = settings.max_tokens
        earlier = [
            prepare_image(image, mask, max_tokens=budget)
            for turn in kept
            for image, mask in zip(turn.images, turn.masks, strict=True)
        ]
        own = [
            prepare_image(
                image, mask, max_tokens=budget, task=_BLANKED.get(task or "", "") if _is_set(mask) else ""
            )
            for image, mask in zip(current.images, current.masks, strict=True)
        ]
        self.pictures = earlier + own
        has_base = _task(task).has_base_with(len(own)) if task is not None else bool(own)
        self.base = current.images[0] if has_base else None
        whole = self.base.size if self.base is not None else (settings.native_size, settings.native_size)
        self.size = (width or whole[0], height or whole[1])
        if min(self.size) < UNIT:
            raise InputError(
                f"the picture asked for is {self.size[0]}x{self.size[1]}; {UNIT} px a side at least"
            )
        self.resized = self.size != whole
        self.target_mask = None
        if self.base is not None and not self.resized:
            self.target = own[0].size
            self.target_mask = own[0].latent_mask
        else:
            self.target = prepared_size(*self.size, budget)

    def output(self, drawn: list[Image.Image]) -> PipelineOutput:
        images, regions = [], []
        for picture in drawn:
            placed = self._placed(picture)
            images.append(placed)
            regions.append(None if self.base is None else changed_region(self.base, placed))
        return PipelineOutput(images, regions)

    def _placed(self, picture: Image.Image) -> Image.Image:
        """At the size asked for, with what was cropped off a very long base image put back."""
        if self.base is None or self.resized:
            return _resized(picture, self.size)
        box = crop_box(*self.base.size)
        placed = _resized(picture, (box[2] - box[0], box[3] - box[1]))
        if placed.size == self.base.size:
            return placed
        canvas = self.base.convert("RGB")
        canvas.paste(placed, box[:2])
        return canvas


def _task(task: str) -> Task:
    if task not in TASKS:
        raise InputError(f"no task called {task!r}", "`ace tasks` lists them")
    return TASKS[task]


def _is_set(mask: Image.Image | None) -> bool:
    if mask is None:
        return False
    return max(mask.convert("L").tobytes(), default=0) > 128


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def changed_region(base: Image.Image, result: Image.Image) -> npt.NDArray[np.float32]:
    """How much each pixel of the base image changed, float32 [H, W] in 0..1 at the result's size."""
    before, after = from_picture(_resized(base.convert("RGB"), result.size)), from_picture(result)
    difference = (before - after).abs().amax(0) / 2
    smooth = torch.nn.functional.avg_pool2d(
        difference[None], 5, stride=1, padding=2, count_include_pad=False
    )[0]
    region: npt.NDArray[np.float32] = (
        ((smooth - REGION_FLOOR) / (REGION_FULL - REGION_FLOOR)).clamp(0, 1).numpy().astype(np.float32)
    )
    return region
