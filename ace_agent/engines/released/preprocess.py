"""Prepares pictures for the released model: crop, shrink, threshold, blank. Plain PIL, bit for bit as released.

Letters: H, W a prepared picture's height and width in pixels, both multiples of 16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ace_agent.errors import InputError

UNIT = 16
"""Pixels a side of one token: 8 of the first stage times 2 of the patch."""
MAX_ASPECT = 4
BLANKED_TASKS = frozenset({"inpainting", "Inpainting", "Try On"})
"""Task names of the released code for which the masked region is hidden from the model."""


@dataclass(frozen=True)
class PreparedImage:
    """pixels float32 [3, H, W] in -1..1; mask float32 [1, H, W], 1 = region to regenerate (no mask:
    everything)."""

    pixels: Tensor
    mask: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[2], self.pixels.shape[1]

    @property
    def latent_mask(self) -> Tensor:
        """The mask at an eighth of the size, float32 [1, H/8, W/8]: the nearest-exact sample of each 8 by 8
        block."""
        return self.mask[:, 4::8, 4::8]


def crop_box(width: int, height: int) -> tuple[int, int, int, int]:
    """The centre crop that brings the long side down to four times the short one."""
    if height / width > MAX_ASPECT:
        kept = MAX_ASPECT * width
        top = round((height - kept) / 2)
        return (0, top, width, top + kept)
    if width / height > MAX_ASPECT:
        kept = MAX_ASPECT * height
        left = round((width - kept) / 2)
        return (left, 0, left + kept, height)
    return (0, 0, width, height)


def prepared_size(width: int, height: int, max_tokens: int) -> tuple[int, int]:
    """Size after shrinking to the token budget, each side floored to a multiple of 16 on its own; never
    enlarged."""
    scale = min(1.0, math.sqrt(max_tokens / ((height / UNIT) * (width / UNIT))))
    return int(width * scale) // UNIT * UNIT, int(height * scale) // UNIT * UNIT


def check_mask(image: Image.Image, mask: Image.Image | None) -> None:
    """Raises InputError for a mask of another size than its picture's."""
    if mask is not None and mask.size != image.size:
        raise InputError(
            f"the mask is {mask.width}x{mask.height} but its picture {image.width}x{image.height}",
            "draw the mask on the picture itself",
        )


def prepare_image(
    image: Image.Image, mask: Image.Image | None = None, *, max_tokens: int, task: str = ""
) -> PreparedImage:
    """Crop, shrink and normalise one picture and its mask (white = region to regenerate).

    `max_tokens` is the model's budget per picture (1024 or 4096). `task` is a task name of the released code:
    for inpainting and try-on the masked region is blanked, the whole picture if the mask is empty. Raises
    InputError for a picture under 16 px a side and a mask of another size.
    """
    check_mask(image, mask)
    image = image.convert("RGB")
    mask = Image.new("L", image.size, 0) if mask is None else mask.convert("L")
    box = crop_box(*image.size)
    if min(box[2] - box[0], box[3] - box[1]) < UNIT:
        raise InputError(
            f"the picture is {image.width}x{image.height}; each side needs {UNIT} px at least",
            "enlarge it first",
        )
    width, height = prepared_size(box[2] - box[0], box[3] - box[1], max_tokens)
    image = image.crop(box).resize((width, height), Image.Resampling.BICUBIC)
    mask = mask.crop(box).resize((width, height), Image.Resampling.NEAREST)

    chosen = torch.from_numpy(np.array(mask) > 128)[None]
    if not chosen.any():
        chosen = torch.ones_like(chosen)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    pixels = (pixels / 255 - 0.5) / 0.5
    if task in BLANKED_TASKS:
        pixels = torch.where(chosen, -1.0, pixels)
    return PreparedImage(pixels, chosen.float())
