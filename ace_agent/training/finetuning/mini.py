"""ace-mini as a model to fine-tune on pairs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ace_agent.data.sample import Sample, TrainingTurn
from ace_agent.engines.ace.packing import MAX_REFERENCES, rows_of
from ace_agent.engines.mini.pipeline import REFERENCE_SIDE, ACEPipeline
from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.errors import InputError
from ace_agent.images.types import Pixels
from ace_agent.references.errors import SpritesMissing
from ace_agent.references.library import ReferenceLibrary, default_library
from ace_agent.references.sprites import Sprites
from ace_agent.references.types import Frame
from ace_agent.training.finetuning.pair_stream import Measure, Rehearsal
from ace_agent.training.finetuning.tuned import REHEARSED, Method, write_transformer
from ace_agent.training.lora import add_lora
from ace_agent.training.mini.objective import ObjectiveOptions
from ace_agent.training.mini.stream import Example, SceneStream, StreamOptions, make_example
from ace_agent.training.mini.subject import MiniSubject

WHOLE = StreamOptions(drop_text=0, drop_history=0, drop_references=0, drop_reference=0)


class MiniPreparer:
    """Samples of any size as ace-mini reads them: squares, with reference pictures of what the instruction names."""

    def __init__(self, tokenizer: WordTokenizer, side: int, patch: int, options: StreamOptions) -> None:
        self.tokenizer = tokenizer
        self.side = side
        self.patch = patch
        self.options = options
        self._library: ReferenceLibrary | None = None

    def __call__(self, sample: Sample, rng: random.Random) -> Example:
        return make_example(self.fitted(sample), self.tokenizer, self.options, self.patch, rng)

    def whole(self, sample: Sample) -> Example:
        return make_example(self.fitted(sample), self.tokenizer, WHOLE, self.patch, random.Random(0))

    def fitted(self, sample: Sample) -> Sample:
        """As `ACEPipeline` prepares a request."""
        return Sample(sample.family, tuple(self._turn(turn) for turn in sample.turns))

    def measure(self, sample: Sample) -> Measure:
        last = self._turn(sample.turns[-1])
        frames = sum(len(turn.frames) for turn in sample.turns)
        references = min(len(last.named), MAX_REFERENCES)
        own, small = (self.side // self.patch) ** 2, (REFERENCE_SIDE // self.patch) ** 2
        return Measure(frames * own + references * small, own)

    def cost(self, measure: Measure, draws: int) -> int:
        """The draws share the prefix."""
        return measure.prefix + draws * measure.target

    def _turn(self, turn: TrainingTurn) -> TrainingTurn:
        if self._library is None:
            self._library = default_library()
        named = turn.named or tuple(self._library.find(turn.instruction))
        frames = tuple(self._frame(frame) for frame in turn.frames)
        return replace(turn, frames=frames, target=self._square(turn.target), region=None, named=named)

    def _frame(self, frame: Frame) -> Frame:
        mask = frame.mask
        if mask is not None and mask.shape != (self.side, self.side):
            small = Image.fromarray(mask).resize((self.side, self.side), Image.Resampling.BILINEAR)
            mask = np.array(small)
        if mask is not None and not (mask > 127).any():
            mask = None  # nothing marked means everywhere
        return Frame(self._square(frame.image), mask, frame.placements)

    def _square(self, pixels: Pixels) -> Pixels:
        if pixels.shape[:2] == (self.side, self.side):
            return pixels
        return np.array(Image.fromarray(pixels).resize((self.side, self.side), Image.Resampling.LANCZOS))


class TunedMini:
    """A `Tuned` ace-mini; with LoRA the text encoder stays as it is. What it rehearses are scenes of its own training.

    Raises:
        InputError: rehearsal was asked for, and there are no sprites to draw scenes with.
    """

    def __init__(self, pipeline: ACEPipeline, method: Method) -> None:
        self.pipeline = pipeline
        self.method = method
        model, encoder = pipeline.transformer, pipeline.text_encoder
        origin = {"origin": pipeline.weights_sha256, "rank": method.rank}
        if method.rank:
            add_lora(model, method.rank, method.seed)
            encoder.requires_grad_(False)
        # Where two photographs differ does not prove what was to change: they differ everywhere.
        objective = ObjectiveOptions(draws=method.draws, gate_weight=0.0)
        self.subject = MiniSubject(model, encoder, pipeline.tokenizer, objective, origin)
        options = StreamOptions(drop_text=method.drop_text)
        self.preparer = MiniPreparer(pipeline.tokenizer, pipeline.native_size, model.patch, options)
        self.rehearsal = None
        share = REHEARSED if method.rehearse is None else method.rehearse
        if share and self._can_rehearse():
            scenes = SceneStream(
                pipeline.tokenizer, method.seed, options, patch=model.patch, size=pipeline.native_size
            )
            self.rehearsal = Rehearsal(partial(_rehearsed, scenes), share, method.seed)

    def _can_rehearse(self) -> bool:
        """Whether there are sprites to draw scenes with, which a package without its repository lacks."""
        try:
            Sprites.load()
        except SpritesMissing as error:
            if self.method.rehearse is not None:
                raise InputError(error.message, f"{error.hint}, or leave out --rehearse") from error
            return False
        return True

    def read_texts(self, measures: Sequence[Measure]) -> None:
        """The text encoder is a part of the step."""

    def write(self, folder: Path) -> None:
        write_transformer(self.pipeline.transformer, self.method.rank, folder)
        self.pipeline.text_encoder.save_pretrained(folder / "text_encoder")
        self.pipeline.tokenizer.save(folder / "tokenizer")


def _rehearsed(scenes: SceneStream, rng: random.Random) -> tuple[Example, Measure]:
    example = scenes.example(rng)
    layout = example.request.layout(scenes.patch)
    return example, Measure(layout.prefix_rows, rows_of(layout.target))
