"""ACEPipeline: a request with its pictures and history in, pictures out, with diffusers' conventions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from ace_agent.build_lock import building
from ace_agent.engines.ace.condition_unit import (
    PICTURE_TOKENS,
    ConditionUnit,
    LongContextConditionUnit,
    ReferenceImage,
    contiguous_history,
    history_cost,
)
from ace_agent.engines.ace.packing import MAX_REFERENCES, REFERENCE_INDICATOR, rows_of
from ace_agent.engines.ace.saved_module import CONFIG_FILE, WEIGHTS_FILE
from ace_agent.engines.interface import Pipeline, PipelineOutput, StepCallback, check_inputs, draw_seed
from ace_agent.engines.mini.generation import GeneratedPicture, SamplingOptions, generate
from ace_agent.engines.mini.prefix_cache import PrefixCache
from ace_agent.engines.mini.request_tensors import PreparedFrame, PreparedRequest, PreparedUnit
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.engines.presets import MINI, PRESETS
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import ModelError
from ace_agent.plan.tasks import TASKS

WEIGHTS = Path(__file__).parents[2] / "weights"
HISTORY_TOKENS = 1024
"""Tokens of prefix that ace-mini was trained to read (docs/design.md, rule 7)."""
REFERENCE_SIDE = 64
LETTERS = 128, 32
"""Width and height of a reference picture that shows words."""
VARIED_STEPS = 2
EARLIER_NAME = "ACETransformer"
"""What folders of earlier versions call their transformer."""


def reference_size(image: Image.Image) -> tuple[int, int]:
    """Width and height at which ace-mini reads a reference picture: a square, or four times as wide as high."""
    return LETTERS if image.width == 4 * image.height else (REFERENCE_SIDE, REFERENCE_SIDE)


def frame_pixels(image: Image.Image, size: tuple[int, int]) -> Tensor:
    """Float [3, h, w] in -1..1; `size` is (width, height)."""
    resized = image.convert("RGB")
    if resized.size != size:
        resized = resized.resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 127.5 - 1


def frame_mask(mask: Image.Image | None, side: int) -> Tensor:
    """Float [1, side, side], 1 = region to change; no mask, or one with nothing set, means everywhere."""
    if mask is None:
        return torch.ones(1, side, side)
    small = mask.convert("L").resize((side, side), Image.Resampling.BILINEAR)
    set_ = torch.from_numpy(np.array(small) > 127).float()[None]
    return set_ if bool(set_.any()) else torch.ones_like(set_)


def matte(mask: Image.Image | None, size: tuple[int, int]) -> Tensor:
    """Float [1, h, w], how much of each pixel is the thing; no mask means all of it. `size` is (width, height)."""
    if mask is None:
        return torch.ones(1, *size[::-1])
    small = mask if mask.size == size else mask.resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small)).float()[None] / 255


class ACEPipeline(Pipeline):
    """ace-mini: a `Pipeline`."""

    name = MINI
    history_budget = HISTORY_TOKENS // PICTURE_TOKENS

    def __init__(
        self,
        transformer: MiniTransformer,
        text_encoder: MiniTextEncoder,
        tokenizer: WordTokenizer,
        folder: Path,
    ) -> None:
        self.transformer = transformer.eval()
        self.text_encoder = text_encoder.eval()
        self.tokenizer = tokenizer
        self.folder = folder
        self.native_size = 128
        self.default_steps = PRESETS[MINI].steps
        self.default_guidance = PRESETS[MINI].guidance
        self.prefixes = PrefixCache()

    @classmethod
    def from_pretrained(cls, model: str | Path = MINI, runtime: Runtime | None = None) -> Self:
        """Load ace-mini, or a folder laid out like it; of the runtime it takes the device alone.

        Raises:
            ModelError: the folder is missing, incomplete or of another model, or the machine lacks the device.
            InputError: a saving that ace-mini has no use for.
        """
        folder = WEIGHTS / MINI if str(model) == MINI else Path(model)
        runtime = runtime or Runtime()
        runtime.check_small(folder.name)
        _check_own(folder)
        place = runtime.torch_device()
        try:
            with building:
                transformer = MiniTransformer.from_pretrained(folder / "transformer")
                encoder = MiniTextEncoder.from_pretrained(folder / "text_encoder")
            tokenizer = WordTokenizer.load(folder / "tokenizer")
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"{folder} cannot be loaded: {reason}", "install ace-agent again") from error
        return cls(transformer.to(place), encoder.to(place), tokenizer, folder)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the three parts in the layout that `from_pretrained` reads."""
        folder = Path(folder)
        self.transformer.save_pretrained(folder / "transformer")
        self.text_encoder.save_pretrained(folder / "text_encoder")
        self.tokenizer.save(folder / "tokenizer")

    @cached_property
    def weights_sha256(self) -> str:
        """Hash over the weight files, in the order of their names."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*.safetensors")):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def runtime_facts(self) -> dict[str, Any]:
        return {"device": str(self.transformer.device), "dtype": str(self.transformer.dtype)}

    def fit_history(self, earlier: Sequence[int], current: int) -> int:
        """A run whose start stays put for many turns, for the rows of its prefix to be found again. What the current
        turn needs, its reference pictures included, `prepare` takes off once it is known."""
        return contiguous_history([history_cost(pictures) for pictures in earlier], HISTORY_TOKENS)

    def prepare_unit(self, unit: ConditionUnit) -> PreparedUnit:
        """A condition unit as tensors at the model's own size."""
        side = self.native_size
        frames = [
            PreparedFrame(frame_pixels(image, (side, side)), frame_mask(mask, side), number)
            for number, (image, mask) in enumerate(zip(unit.images, unit.masks, strict=True))
        ]
        named = []
        for slot, reference in enumerate(unit.references[:MAX_REFERENCES]):
            size = reference_size(reference.image)
            pixels = frame_pixels(reference.image, size)
            frames.append(PreparedFrame(pixels, matte(reference.mask, size), REFERENCE_INDICATOR + slot))
            named.append((reference.start, reference.stop, slot))
        return PreparedUnit(self.tokenizer(unit.instruction, named), tuple(frames))

    def prepare(
        self, lcu: LongContextConditionUnit, *, with_base: bool, task: str | None = None
    ) -> PreparedRequest:
        """An LCU as tensors; history that does not fit the budget is left out from its oldest end. `task`, of the
        catalogue, is what the current turn asks for; None: unknown."""
        patch = self.transformer.patch
        earlier = [self.prepare_unit(unit) for unit in lcu.history]
        costs = [sum(rows_of(frame.grid(patch)) for frame in unit.frames) for unit in earlier]
        current = self.prepare_unit(lcu.current)
        current = replace(current, tokens=current.tokens.asking(task))
        own = sum(rows_of(frame.grid(patch)) for frame in current.frames)
        earlier = earlier[contiguous_history(costs, max(HISTORY_TOKENS - own, 0)) :]
        base = current.frames[0] if with_base and lcu.current.images else None
        return PreparedRequest((*earlier, current), self.native_size, self.native_size, base)

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
        """See `Pipeline`. Several variations take two steps at least, because with one the seed does not matter.

        Raises:
            InputError: an argument out of its range.
        """
        checked = check_inputs(
            self,
            image,
            mask,
            height=height,
            width=width,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            num_images_per_prompt=num_images_per_prompt,
            output_type=output_type,
        )
        steps = checked.steps if num_images_per_prompt == 1 else max(checked.steps, VARIED_STEPS)
        seed = draw_seed(seed, generator)
        found = self.find_references(prompt, image, history) if references is None else tuple(references)
        current = ConditionUnit(prompt, tuple(image), checked.masks, found)
        with_base = TASKS[task].has_base_with(len(image)) if task is not None else bool(image)
        lcu = LongContextConditionUnit(tuple(history), current)
        request = self.prepare(lcu, with_base=with_base, task=task)
        seeds = [seed + k for k in range(num_images_per_prompt)]
        options = SamplingOptions(steps=steps, guidance=checked.guidance)

        def report(step: int, of: int) -> None:
            if callback_on_step_end is not None:
                callback_on_step_end(self, step, of, {})

        pictures = generate(
            self.transformer,
            self.text_encoder,
            [request],
            [seeds],
            self.tokenizer(""),
            options,
            report,
            self.prefixes,
        )[0]
        native = (self.native_size, self.native_size)
        own = image[0].size if request.base is not None else native
        size = (width or own[0], height or own[1])
        return PipelineOutput(
            [to_image(picture, size) for picture in pictures],
            [region(picture, size) if request.base is not None else None for picture in pictures],
        )

    def find_references(
        self, prompt: str, image: Sequence[Image.Image] = (), history: Sequence[ConditionUnit] = ()
    ) -> tuple[ReferenceImage, ...]:
        """Pictures of the objects that the prompt names, from the package's library and the person's own folder, in
        the style that they have in the first picture of this turn, or in the history if the prompt asks for it.

        Raises:
            InputError: ACE_REFERENCES is no folder.
        """
        from ace_agent.references.library import default_library
        from ace_agent.references.style_detection import DrawnStyles

        if self._library is None:
            self._library = default_library()
            self._styles = DrawnStyles(self._library)
        found = self._library.find(prompt, self._styles.asked(prompt, image, history))
        return tuple(ReferenceImage.found(named) for named in found[:MAX_REFERENCES])

    _library: Any = None
    _styles: Any = None


def _check_own(folder: Path) -> None:
    """Raises ModelError for a folder of another model, or one that has lost files."""
    try:
        config = json.loads((folder / "transformer" / CONFIG_FILE).read_text())
        own = config["_class_name"] in (MiniTransformer.__name__, EARLIER_NAME)
        own &= config.get("layout", MiniTransformer.retired["layout"]) == MiniTransformer.retired["layout"]
    except (OSError, ValueError, KeyError, TypeError):
        own = False
    if not own:
        raise ModelError(f"{folder} is of another model", "`ace models` lists what can run")
    for part in ("transformer", "text_encoder"):
        if not (folder / part / WEIGHTS_FILE).is_file():
            raise ModelError(f"{folder} has lost the weights of its {part}", "install or copy it again")


def to_image(picture: GeneratedPicture, size: tuple[int, int]) -> Image.Image:
    """RGB picture of `size` (width, height)."""
    array = ((picture.pixels.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8)
    image = Image.fromarray(array)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def region(picture: GeneratedPicture, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """How much of each pixel was repainted, at `size` (width, height)."""
    changed = Image.fromarray((1 - picture.kept).clamp(0, 1).numpy().astype(np.float32), mode="F")
    if changed.size != size:
        changed = changed.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(changed, dtype=np.float32)
