"""A pipeline small enough for every test: no weights, and yet each picture depends on what a model's would.

It takes what `ACEPipeline` takes. A created picture is a disc of the prompt's colour on the seed's ground;
an edit paints the middle of the base image (or the inside of its mask) and reports that as its region.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 30, 40), "green": (40, 160, 60), "blue": (40, 70, 200), "night": (15, 15, 60)}


@dataclass
class TinyOutput:
    """What `ACEPipelineOutput` holds."""

    images: list[Image.Image]
    regions: list[np.ndarray | None]


class TinyPipeline:
    """Deterministic in everything it is given."""

    name = "tiny"
    weights_sha256 = hashlib.sha256(b"tiny").hexdigest()
    native_size = 32
    default_steps = 3
    default_guidance = 2.0

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    @classmethod
    def from_pretrained(
        cls, model: str = "tiny", *, device: str = "auto", dtype: str = "auto"
    ) -> TinyPipeline:
        return cls()

    def __call__(
        self,
        prompt: str,
        image: Sequence[Image.Image] = (),
        mask: Sequence[Image.Image | None] = (),
        *,
        task: str | None = None,
        history: Sequence[Any] = (),
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        seed: int | None = None,
        generator: Any = None,
        references: Sequence[Any] | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        output_type: str = "pil",
    ) -> TinyOutput:
        self.calls.append(
            {"prompt": prompt, "images": len(image), "task": task, "history": len(history), "seed": seed}
        )
        steps = num_inference_steps or self.default_steps
        for step in range(steps):
            if callback_on_step_end is not None:
                callback_on_step_end(self, step, 1 - step / steps, {})
        base = image[0] if image else None
        size = (
            width or (base.width if base else self.native_size),
            height or (base.height if base else self.native_size),
        )
        colour = next((rgb for word, rgb in COLOURS.items() if word in prompt), (230, 180, 40))
        facts = f"{prompt}|{seed}|{steps}|{guidance_scale}|{len(image)}|{len(history)}"
        images, regions = [], []
        for variation in range(num_images_per_prompt):
            ground = np.frombuffer(
                hashlib.sha256(f"{facts}|{variation}".encode()).digest()[:3], dtype=np.uint8
            )
            inside = ellipse(size)
            if base is None:
                images.append(
                    Image.fromarray(
                        np.where(inside[..., None] > 0.5, np.uint8(colour), ground).astype(np.uint8)
                    )
                )
                regions.append(None)
                continue
            if mask and mask[0] is not None:
                inside = np.asarray(mask[0].convert("L").resize(size), dtype=np.float32) / 255
            pixels = np.asarray(base.convert("RGB").resize(size), dtype=np.float32)
            painted = pixels * (1 - inside[..., None]) + (np.float32(colour) + ground) / 2 * inside[..., None]
            images.append(Image.fromarray(painted.astype(np.uint8)))
            regions.append(inside)
        return TinyOutput(images, regions)


def ellipse(size: tuple[int, int]) -> np.ndarray:
    """Float32 [height, width]: 1 inside the ellipse that fills the middle half of a picture, else 0."""
    width, height = size
    rows, columns = np.indices((height, width), dtype=np.float32)
    across, down = (columns + 0.5) / width - 0.5, (rows + 0.5) / height - 0.5
    return np.float32(across**2 + down**2 < 0.0625)
