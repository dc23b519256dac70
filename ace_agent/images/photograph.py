"""Telling photographs from drawings."""

from __future__ import annotations

import numpy as np
from PIL import Image

_WINDOW = 384
SMALL = 160
"""Longer side up to which a picture counts as a drawing: ace-mini's own are 128 pixels, and its soft shading is like a
photograph's."""
FLAT, SHADED = 0.5, 0.2
"""All of 300 held-out scenes are flatter than `FLAT` or less shaded than `SHADED`; of 63 photographs, grey and night
ones among them, two are: the moon, and a thing on plain white. Chosen on these very pictures."""


def looks_like_a_photograph(image: Image.Image) -> bool:
    """Whether neighbouring pixels in the middle of a picture differ a little nearly everywhere, as a lens and a sensor
    leave them, and not either by nothing or by much, as in a drawing."""
    if max(image.size) <= SMALL or min(image.size) < 2:
        return False
    width, height = min(_WINDOW, image.width), min(_WINDOW, image.height)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    window = image.crop((left, top, left + width, top + height)).convert("RGB")
    pixels = np.asarray(window).astype(np.int16)
    across = np.abs(np.diff(pixels, axis=1)).max(2)
    down = np.abs(np.diff(pixels, axis=0)).max(2)
    flat = (float((across == 0).mean()) + float((down == 0).mean())) / 2
    shaded = float(((across > 0) & (across < 8)).mean())
    return flat < FLAT and shaded > SHADED
