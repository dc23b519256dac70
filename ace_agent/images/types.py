"""Types of arrays that hold pictures. Letters: H and W are a picture's height and width in pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Usually [H, W, 3], RGB; a mask or another single plane is [H, W]."""
