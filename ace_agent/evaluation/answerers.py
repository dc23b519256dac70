"""What answers the samples of a benchmark: a pipeline, or a trivial answer that needs no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from ace_agent.data.sample import TrainingTurn
from ace_agent.engines.ace.condition_unit import ConditionUnit, LongContextConditionUnit, ReferenceImage
from ace_agent.engines.interface import Pipeline
from ace_agent.evaluation import baselines, metrics
from ace_agent.plan.tasks import TASKS
from ace_agent.references.types import Frame

References = Literal["library", "given", "none"]
"""Where reference pictures come from: looked up as for a user, given with the sample, or none."""


class Answerer(Protocol):
    """Anything that answers conversations."""

    name: str
    weights_sha256: str | None
    history: bool

    def answer(
        self,
        conversations: Sequence[Sequence[TrainingTurn]],
        seeds: Sequence[int],
        references: References | None = None,
    ) -> list[Image.Image]:
        """A picture of the last turn's target size for every conversation, in order.

        ``references`` says where reference pictures come from; None leaves it to the answerer.
        """
        ...


def condition_unit(turn: TrainingTurn, references: Sequence[ReferenceImage] = ()) -> ConditionUnit:
    """A turn as the pipeline takes it, without its answer."""
    return ConditionUnit(
        turn.instruction,
        tuple(Image.fromarray(frame.image) for frame in turn.frames),
        tuple(mask_image(frame) for frame in turn.frames),
        tuple(references),
        turn.task,
    )


def mask_image(frame: Frame) -> Image.Image | None:
    """The frame's mask as an "L" image; None where everything may change."""
    return None if frame.mask is None else Image.fromarray(frame.mask)


def given_references(turn: TrainingTurn) -> tuple[ReferenceImage, ...]:
    """The reference pictures that came with the sample."""
    return tuple(ReferenceImage.found(named) for named in turn.named)


class PipelineAnswerer:
    """Answers through a pipeline; ace-mini takes ``batch`` conversations in one packed pass.

    Args:
        history: whether the model gets the earlier turns.
        steps: denoising steps; None for the pipeline's own; likewise ``guidance``.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        batch: int = 8,
        references: References = "library",
        history: bool = True,
        steps: int | None = None,
        guidance: float | None = None,
    ) -> None:
        self.pipeline, self.batch = pipeline, batch
        self.references, self.history = references, history
        self.steps, self.guidance = steps, guidance
        self.name = pipeline.name
        self.weights_sha256: str | None = pipeline.weights_sha256

    def answer(
        self,
        conversations: Sequence[Sequence[TrainingTurn]],
        seeds: Sequence[int],
        references: References | None = None,
    ) -> list[Image.Image]:
        if references is not None and references != self.references:
            return self._with(references).answer(conversations, seeds)
        packed = _packed_pass(self.pipeline)
        pictures: list[Image.Image] = []
        for start in range(0, len(conversations), self.batch):
            part = slice(start, start + self.batch)
            if packed is not None:
                pictures += packed(self, conversations[part], seeds[part])
            else:
                pictures += map(self._alone, conversations[part], seeds[part])
        return pictures

    def _with(self, references: References) -> PipelineAnswerer:
        return PipelineAnswerer(
            self.pipeline,
            batch=self.batch,
            references=references,
            history=self.history,
            steps=self.steps,
            guidance=self.guidance,
        )

    def unit(self, conversation: Sequence[TrainingTurn]) -> LongContextConditionUnit:
        """A conversation as the pipeline takes it."""
        *earlier, last = conversation
        history = tuple(condition_unit(turn) for turn in earlier) if self.history else ()
        return LongContextConditionUnit(history, condition_unit(last, self._references(last) or ()))

    def _references(self, turn: TrainingTurn) -> tuple[ReferenceImage, ...] | None:
        if self.references == "library":
            return None
        return given_references(turn) if self.references == "given" else ()

    def _alone(self, conversation: Sequence[TrainingTurn], seed: int) -> Image.Image:
        last = conversation[-1]
        unit = self.unit(conversation)
        height, width = last.target.shape[:2]
        made = self.pipeline(
            last.instruction,
            unit.current.images,
            unit.current.masks,
            task=last.task,
            history=unit.history,
            height=height,
            width=width,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            seed=seed,
            references=self._references(last),
        )
        return made.images[0]


_PackedPass = Callable[[PipelineAnswerer, Sequence[Sequence[TrainingTurn]], Sequence[int]], list[Image.Image]]


def _packed_pass(pipeline: Pipeline) -> _PackedPass | None:
    """How to answer several conversations in one pass; None if the pipeline cannot."""
    from ace_agent.engines.mini.pipeline import ACEPipeline

    return _answer_packed if isinstance(pipeline, ACEPipeline) else None


def _answer_packed(
    answerer: PipelineAnswerer, conversations: Sequence[Sequence[TrainingTurn]], seeds: Sequence[int]
) -> list[Image.Image]:
    from ace_agent.engines.mini.generation import SamplingOptions, generate
    from ace_agent.engines.mini.pipeline import ACEPipeline, to_image

    pipeline = answerer.pipeline
    assert isinstance(pipeline, ACEPipeline)
    requests = []
    for conversation in conversations:
        last, unit = conversation[-1], answerer.unit(conversation)
        if answerer.references == "library":
            found = pipeline.find_references(last.instruction, unit.current.images, unit.history)
            unit = LongContextConditionUnit(unit.history, condition_unit(last, found))
        with_base = TASKS[last.task].has_base_with(len(last.frames))
        requests.append(pipeline.prepare(unit, with_base=with_base, task=last.task))
    options = SamplingOptions(
        steps=answerer.steps or pipeline.default_steps,
        guidance=pipeline.default_guidance if answerer.guidance is None else answerer.guidance,
    )
    made = generate(
        pipeline.transformer,
        pipeline.text_encoder,
        requests,
        [[seed] for seed in seeds],
        pipeline.tokenizer(""),
        options,
    )
    sizes = [conversation[-1].target.shape[1::-1] for conversation in conversations]
    return [
        to_image(pictures[0], (width, height)) for pictures, (width, height) in zip(made, sizes, strict=True)
    ]


class TrivialAnswerer:
    """Answers without a model.

    Args:
        kind: "input" returns the base image (mid-grey without one); "constant" and "affine" are the best constant
            colour, and the best gain and offset per channel, where the right answer differs from the base image, chosen
            with that answer in hand ("constant" for both without a base image); "shifted" is the right answer with what
            differs moved a pixel to the right; "target" is the right answer, the top of the scale.
    """

    weights_sha256: str | None = None
    history = True

    def __init__(self, kind: Literal["input", "constant", "affine", "shifted", "target"]) -> None:
        self.kind, self.name = kind, f"baseline: {kind}"

    def answer(
        self,
        conversations: Sequence[Sequence[TrainingTurn]],
        seeds: Sequence[int],
        references: References | None = None,
    ) -> list[Image.Image]:
        return [self._one(conversation[-1]) for conversation in conversations]

    def _one(self, turn: TrainingTurn) -> Image.Image:
        if self.kind == "target":
            return Image.fromarray(turn.target)
        base = None
        if turn.base is not None:
            height, width = turn.target.shape[:2]
            base = Image.fromarray(turn.frames[turn.base].image)
            base = base if base.size == (width, height) else base.resize((width, height))
        if self.kind == "input":
            return base or Image.fromarray(np.full_like(turn.target, 128))
        target = metrics.as_picture(Image.fromarray(turn.target))
        source = None if base is None else metrics.as_picture(base)
        changed = (
            np.zeros(target.shape[:2], bool) if source is None else metrics.changed_region(source, target)
        )
        region = changed if changed.any() else np.ones_like(changed)
        if self.kind == "shifted":
            answer = np.roll(target, 1, axis=1)
        elif self.kind == "affine" and source is not None:
            answer = baselines.best_affine(source, target, region)
        else:
            answer = baselines.best_constant(target, region)
        whole = answer if source is None else np.where(region[..., None], answer, source)
        return Image.fromarray((whole.clip(0, 1) * 255).round().astype(np.uint8))
