"""What every expert is: a pipeline for some tasks that takes whole pictures at their own size."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ace_agent.engines.interface import Pipeline, PipelineOutput, StepCallback, draw_seed
from ace_agent.errors import InputError, ModelError
from ace_agent.plan.operations import Options, options_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from PIL import Image

    from ace_agent.engines.ace.condition_unit import ConditionUnit, ReferenceImage


@dataclass(frozen=True)
class ExpertCall:
    """One call of an expert.

    Args:
        task: catalogue id.
        instruction: one ACE instruction.
        images: whole pictures, RGB or RGBA; the first is the base image.
        mask: L, of the base image's size, white = region to change; None: everywhere.
        options: the typed options of the task, None where it takes none.
        seed: decides what is drawn at random.
        notes: takes lines for the user.
    """

    task: str
    instruction: str
    images: tuple[Image.Image, ...]
    mask: Image.Image | None = None
    options: Options | None = None
    seed: int = 0
    notes: list[str] = field(default_factory=list)


class Expert(Pipeline):
    """A pipeline for `tasks` only. It needs no history and no denoising steps; what it changes outside a mask is its
    own affair, so an expert of local edits leaves the rest alone."""

    native_size = 0
    default_steps = 1
    default_guidance = 1.0

    tasks: ClassVar[frozenset[str]]
    licence: ClassVar[str] = "Apache-2.0"
    """Of the weights, or of the library that does the work."""
    megabytes: ClassVar[float] = 0
    """Of the weights."""
    needs: ClassVar[str] = ""
    """How to get what is missing, where something is."""

    @property
    def weights_sha256(self) -> str:
        """Empty for an operator without weights."""
        return ""

    def refusal(self, call: ExpertCall) -> str | None:
        """Why this very call cannot be done, in a few words; None when it can."""
        if call.task not in self.tasks:
            return f"{self.name} does not do {call.task}"
        return self.needs or None

    @abstractmethod
    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """The result, and how much each pixel of the base image changed, float32 [H, W] in 0..1, or None.

        Raises:
            InputError: the call asks for something that is not there.
        """

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
        options: dict[str, Any] | None = None,
    ) -> PipelineOutput:
        """Do one task. `options` are those of `ace_agent.plan.operations`; sizes, steps, guidance, history and
        reference pictures have no use here and are ignored. See `Pipeline.__call__`."""
        if task is None or task not in self.tasks:
            raise InputError(f"task: wanted one of {', '.join(sorted(self.tasks))}, got {task}")
        try:
            typed = options_of(task, options or {})
        except ValueError as error:
            raise InputError(f"{task}: {error}") from None
        call = ExpertCall(
            task, prompt, tuple(image), mask[0] if mask else None, typed, draw_seed(seed, generator)
        )
        refused = self.refusal(call)
        if refused is not None:
            raise ModelError(f"{self.name} cannot do this: {refused}")
        output = PipelineOutput([], [])
        for number in range(num_images_per_prompt):
            result, region = self.run(replace(call, seed=call.seed + number))
            output.images.append(result)
            output.regions.append(region)
            if callback_on_step_end is not None:
                callback_on_step_end(self, number + 1, num_images_per_prompt, {})
        output.notes.extend(dict.fromkeys(call.notes))
        return output
