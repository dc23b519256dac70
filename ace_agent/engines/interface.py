"""What every model looks like to the rest of the package: a `Pipeline`, its call, its output. No torch here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ace_agent.engines.ace.condition_unit import MAX_IMAGES, ConditionUnit, ReferenceImage, latest_run
from ace_agent.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from PIL import Image

MAX_STEPS, MAX_VARIATIONS, MAX_GUIDANCE, MAX_SIDE = 1000, 16, 30, 16384
StepCallback = Callable[[Any, int, int, dict[str, Any]], Any]
"""`f(pipeline, step, steps, {})`, called after each denoising step; steps count from 1."""


@dataclass(frozen=True)
class PipelineOutput:
    """The pictures of one call.

    Args:
        images: one per variation, of the size asked for.
        regions: one per image, float32 [H, W] in 0..1, how much the model changed each pixel of the base image; None
            for a task without a base image.
        notes: lines for the user: what words were taken for, what was left out.
    """

    images: list[Image.Image]
    regions: list[npt.NDArray[np.float32] | None]
    notes: list[str] = field(default_factory=list)


class Pipeline(ABC):
    """A model that makes and edits pictures.

    Subclass this, add a line to `ace_agent.engines.registry`, and the agent, the evaluation and the tools run the
    model. Weights may be loaded when they are first needed.
    """

    name: str
    """As recipes note it."""
    native_size: int
    """Side in pixels of the square picture that the model works on best."""
    default_steps: int
    """Denoising steps when nobody asks for a number."""
    default_guidance: float
    """Guidance scale when nobody asks for one."""
    history_budget: int = 0
    """Pictures that the model reads in all, those of earlier turns with those of the current one; 0: no history."""

    @property
    @abstractmethod
    def weights_sha256(self) -> str:
        """Identifies the weights, as recipes note it."""

    def fit_history(self, earlier: Sequence[int], current: int) -> int:
        """Index of the first earlier turn that goes to the model, so that all from it on fit `history_budget`.

        Args:
            earlier: the number of pictures of each earlier turn, oldest first.
            current: the number of pictures of the current turn, which count against the budget.
        """
        return latest_run(earlier, self.history_budget - current)

    def runtime_facts(self) -> dict[str, Any]:
        """What the bits of a picture depend on beside the weights, as recipes note it."""
        return {"device": "cpu", "dtype": "float32"}

    def unload(self) -> None:  # noqa: B027  (a hook, not a duty)
        """Free the memory of the weights; the next call loads them again. Nothing for a model that cannot."""

    @abstractmethod
    def __call__(
        self,
        prompt: str,
        image: Sequence[Image.Image] = (),
        mask: Sequence[Image.Image | None] | None = None,
        *,
        task: str | None = None,
        history: Sequence[ConditionUnit] = (),
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        references: Sequence[ReferenceImage] | None = None,
        callback_on_step_end: StepCallback | None = None,
        output_type: str = "pil",
    ) -> PipelineOutput:
        """Make or edit a picture. The same call on the same machine gives the same pixels.

        Args:
            prompt: one ACE instruction; `{image}`, `{image1}` ... name the pictures in order.
            image: conditioning pictures of this turn; the first is the base image if the task has one.
            mask: one per picture or None; white = region to change.
            task: catalogue id; without it, a request with pictures has a base image.
            history: condition units of earlier turns, oldest first; what goes over the model's budget is left out.
            height: of the output in pixels; default: the base image's, else the model's own. `width` likewise.
            num_inference_steps: 1 to 1000; default `default_steps`.
            guidance_scale: 0 to 30; 1 switches guidance off; default `default_guidance`.
            num_images_per_prompt: variations, 1 to 16; variation k uses the seed `seed + k`.
            seed: drawn if None, from `generator` when there is one.
            references: pictures of objects that the prompt names; None looks them up in the library. A model that
                knows no reference pictures ignores them.
            callback_on_step_end: called after each step.
            output_type: "pil" is all there is.

        Raises:
            InputError: an argument out of its range.
            ModelError: the model cannot run on this machine.
        """


@dataclass(frozen=True)
class RequestSettings:
    """The settings of a call with the model's defaults filled in, checked."""

    steps: int
    guidance: float
    masks: tuple[Image.Image | None, ...]


def check_inputs(
    pipeline: Pipeline,
    image: Sequence[Image.Image],
    mask: Sequence[Image.Image | None] | None,
    *,
    height: int | None,
    width: int | None,
    num_inference_steps: int | None,
    guidance_scale: float | None,
    num_images_per_prompt: int,
    output_type: str,
) -> RequestSettings:
    """Check the arguments that all pipelines take, and fill in the model's defaults.

    Raises:
        InputError: one line that begins with the argument's name, what was wanted and what came.
    """
    if output_type != "pil":
        raise InputError(f"output_type: wanted 'pil', got {output_type!r}")
    steps = pipeline.default_steps if num_inference_steps is None else num_inference_steps
    guidance = pipeline.default_guidance if guidance_scale is None else guidance_scale
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"steps: wanted 1 to {MAX_STEPS}, got {steps}")
    if not 1 <= num_images_per_prompt <= MAX_VARIATIONS:
        raise InputError(f"variations: wanted 1 to {MAX_VARIATIONS}, got {num_images_per_prompt}")
    if not 0 <= guidance <= MAX_GUIDANCE:
        raise InputError(f"guidance: wanted 0 to {MAX_GUIDANCE}, got {guidance}")
    for name, side in (("width", width), ("height", height)):
        if side is not None and not 1 <= side <= MAX_SIDE:
            raise InputError(f"{name}: wanted 1 to {MAX_SIDE} pixels, got {side}")
    if len(image) > MAX_IMAGES:
        raise InputError(f"image: wanted {MAX_IMAGES} pictures at most, got {len(image)}", "leave some out")
    masks = tuple(mask) if mask is not None else (None,) * len(image)
    if len(masks) != len(image):
        raise InputError(f"mask: wanted one (or None) per picture, {len(image)}, got {len(masks)}")
    for number, (picture, drawn) in enumerate(zip(image, masks, strict=True)):
        if drawn is not None and drawn.size != picture.size:
            raise InputError(f"mask[{number}]: wanted its picture's size {picture.size}, got {drawn.size}")
    return RequestSettings(steps, guidance, masks)


def draw_seed(seed: int | None, generator: torch.Generator | None) -> int:
    """`seed`, or one drawn from the generator, or from the system."""
    if seed is not None:
        return seed
    if generator is None:
        import secrets

        return secrets.randbelow(2**31)
    import torch

    return int(torch.randint(2**31, (), generator=generator, device=generator.device))
