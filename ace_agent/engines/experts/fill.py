"""Filling a hole from the rest of the picture: PatchMatch (Barnes et al., 2009), by pypatchmatch."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ace_agent.errors import ModelError
from ace_agent.images.geometry import Box

WORKED = 330_000
"""Pixels of a filled crop. A hole of a third of a 512 px photograph takes 5 to 10 s of one core."""
PATCH = 7


def fill(
    image: Image.Image, mask: Image.Image, seed: int = 0, avoid: Image.Image | None = None
) -> Image.Image:
    """An RGB picture with what an L mask shows painted anew from its surroundings; the rest as it was, to the bit.

    Nothing is taken from where the L mask `avoid` is white: another person must not fill the place of one.

    The crop around the mask is filled at `WORKED` pixels at most and brought back to full size, with grain like that
    of the surroundings.

    Raises:
        ModelError: pypatchmatch is not installed or does not run here.
    """
    hole = mask.point(lambda value: 255 if value > 127 else 0)
    box = hole.getbbox()
    if box is None:
        return image.copy()
    around = _surroundings(box, image.size)
    crop, hole_crop = image.crop(around).convert("RGB"), hole.crop(around)
    scale = min(1.0, (WORKED / (crop.width * crop.height)) ** 0.5)
    size = (max(8, round(crop.width * scale)), max(8, round(crop.height * scale)))
    small = crop.resize(size, Image.Resampling.LANCZOS)
    # Resampling spread the hole's colours over its rim: the hole of the small picture is a little larger.
    small_hole = hole_crop.resize(size, Image.Resampling.BOX).point(lambda value: 255 if value > 8 else 0)
    small_hole = small_hole.filter(ImageFilter.MaxFilter(3))
    spared = None
    if avoid is not None:
        kept = (
            avoid.crop(around)
            .resize(size, Image.Resampling.BOX)
            .point(lambda value: 255 if value > 60 else 0)
        )
        spared = np.asarray(ImageChops.subtract(kept, small_hole))
        if (np.asarray(small_hole) == 0).sum() - (spared > 0).sum() < 0.2 * spared.size:
            spared = None  # too little would be left to take from
    painted = Image.fromarray(_patchmatch(np.asarray(small), np.asarray(small_hole), seed, spared))
    large = painted.resize(crop.size, Image.Resampling.BICUBIC)
    if scale < 1:
        large = _with_grain(large, crop, hole_crop, seed)
    result = image.copy()
    result.paste(large, around[:2], hole_crop)  # softer edges would show what the hole held
    return result


def _surroundings(box: Box, size: tuple[int, int]) -> Box:
    """The box with as much around it as a patch may be taken from."""
    across = max(64, (box[2] - box[0]) * 3 // 4)
    down = max(64, (box[3] - box[1]) * 3 // 4)
    return (
        max(0, box[0] - across),
        max(0, box[1] - down),
        min(size[0], box[2] + across),
        min(size[1], box[3] + down),
    )


def _patchmatch(pixels: np.ndarray, hole: np.ndarray, seed: int, spared: np.ndarray | None) -> np.ndarray:
    try:
        from patchmatch import patch_match
    except (ImportError, OSError):
        raise ModelError(
            "filling needs pypatchmatch, which is not installed", "pip install pypatchmatch"
        ) from None
    if not patch_match.patchmatch_available:
        raise ModelError(
            "pypatchmatch does not run on this machine", "pip install --force-reinstall pypatchmatch"
        )
    patch_match.set_random_seed(seed % 2**31)
    patch = PATCH if min(pixels.shape[:2]) > 4 * PATCH else 3
    source = None if spared is None else spared[..., None].copy()
    return np.asarray(
        patch_match.inpaint(pixels.copy(), hole[..., None].copy(), global_mask=source, patch_size=patch)
    )


def _with_grain(large: Image.Image, crop: Image.Image, hole: Image.Image, seed: int) -> Image.Image:
    """Noise in the fill as strong as the fine detail around it, so that it is not smoother than the rest."""
    pixels = np.asarray(crop, np.float32)
    fine = pixels - np.asarray(crop.filter(ImageFilter.GaussianBlur(1.5)), np.float32)
    outside = np.asarray(hole) == 0
    if not outside.any():
        return large
    strength = float(np.median(np.abs(fine[outside]))) * 1.4826
    grain = np.random.default_rng(seed).standard_normal(pixels.shape[:2], dtype=np.float32)[..., None]
    return Image.fromarray(np.clip(np.asarray(large, np.float32) + grain * strength, 0, 255).astype(np.uint8))
