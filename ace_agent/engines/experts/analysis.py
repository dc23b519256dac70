"""The tasks of visual analysis that have an exact definition, at the picture's full size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ace_agent.engines.experts.expert import Expert, ExpertCall
from ace_agent.errors import InputError
from ace_agent.images.annotated_image import ANALYSES, AnnotatedImage, MissingAnnotation
from ace_agent.images.operators import mosaic

if TYPE_CHECKING:
    import numpy.typing as npt

TILES = 40
"""Squares of a mosaic along the longer side."""


class Analysis(Expert):
    """Edges, contours, scribbles, doodles, grey tones and mosaics, by the operators that ace-mini learned them from."""

    name = "analysis"
    tasks = frozenset({"edge", "contour", "scribble", "doodle", "grayscale", "mosaic"})

    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """See `Expert.run`."""
        base = call.images[0]
        pixels = np.asarray(base.convert("RGB"))
        if call.task == "mosaic":
            drawn = mosaic(pixels, max(2, max(base.size) // TILES))
        else:
            try:
                drawn = ANALYSES[call.task](AnnotatedImage(pixels))
            except MissingAnnotation as error:
                raise InputError(error.message, "it has no lines or areas to draw") from None
        result = Image.fromarray(drawn)
        if call.mask is not None:
            result = Image.composite(result, base.convert("RGB"), call.mask.convert("L"))
        if base.mode == "RGBA":
            result.putalpha(base.getchannel("A"))
        return result, None
