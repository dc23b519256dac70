"""How much of each pixel is the subject, by the small U²-Net (arXiv 2005.09007), with edges from the picture itself."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ace_agent.engines.experts.networks import run
from ace_agent.images import smoothing

SIDE = 320
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_GUIDED = 900
"""Longer side in pixels at which edges are fitted to the picture's."""


def subject(image: Image.Image) -> Image.Image:
    """An L matte of the picture's size, 255 where the subject is."""
    small = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)
    pixels = (small / max(float(small.max()), 1.0) - _MEAN) / _STD
    found = run("u2netp", np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32))[0][0, 0]
    low, high = float(found.min()), float(found.max())
    matte = (found - low) / (high - low) if high - low > 1e-3 else np.zeros_like(found)
    return fitted(image, Image.fromarray((matte * 255).astype(np.uint8)))


def subject_in(image: Image.Image, box: tuple[int, int, int, int], margin: float = 0.12) -> Image.Image:
    """The subject of a box (left, top, right, bottom), as a matte of the whole picture; nothing outside the box."""
    across, down = round((box[2] - box[0]) * margin), round((box[3] - box[1]) * margin)
    wide = (
        max(0, box[0] - across),
        max(0, box[1] - down),
        min(image.width, box[2] + across),
        min(image.height, box[3] + down),
    )
    matte = Image.new("L", image.size)
    matte.paste(subject(image.crop(wide)), wide[:2])
    return matte


def fitted(image: Image.Image, matte: Image.Image) -> Image.Image:
    """A coarse matte with the edges of the picture: a guided filter (He et al., 2010) on its luminance."""
    scale = min(1.0, _GUIDED / max(image.size))
    size = (max(2, round(image.width * scale)), max(2, round(image.height * scale)))
    guide = np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), np.float32) / 255
    coarse = np.asarray(matte.resize(size, Image.Resampling.BILINEAR), np.float32) / 255
    radius = max(2, max(size) // 90)
    slope, offset = smoothing.linear(guide, coarse, radius, 1e-3)
    fine = np.clip(slope * guide + offset, 0, 1)
    # Away from the rim the network is surer than the filter.
    fine = np.where(coarse > 0.97, 1, np.where(coarse < 0.03, 0, fine))
    fine = np.clip((fine - 0.1) / 0.8, 0, 1)
    return Image.fromarray((fine * 255).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
