"""Array types of images. H and W are an image's height and width in pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""[H, W, 3] RGB, or [H, W] for a mask or another single plane."""
