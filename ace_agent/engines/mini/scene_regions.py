"""Where a thing stands in a drawn scene: what ace-mini changes when it takes the thing away."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from ace_agent.errors import InputError

if TYPE_CHECKING:
    from ace_agent.engines.interface import Pipeline
    from ace_agent.references.style_detection import DrawnStyles

_LEAST = 0.004
"""Share of a scene that the smallest thing covers."""
_WAY_OUT = "--mask marks anything: a file, a side or a box"


@lru_cache(1)
def _drawings() -> DrawnStyles:
    from ace_agent.references.library import default_library
    from ace_agent.references.style_detection import DrawnStyles

    return DrawnStyles(default_library())


def unseen(image: Image.Image, instruction: str) -> str | None:
    """The first thing that an instruction names, if its drawings are not seen in a scene; None if they are."""
    from ace_agent.references.library import default_library

    names = default_library().named(instruction)[:1]
    return names[0] if names and _drawings().seen(image, names) is None else None


def thing_in_scene(pipeline: Pipeline, image: Image.Image, words: str) -> Image.Image:
    """The region of a thing in a drawn scene, as a mask L of its size.

    The thing's drawings are looked for first: asked to remove what is not there, the model takes another thing away.

    Raises:
        InputError: it is not there, or ace-mini does not know it.
    """
    from ace_agent.references.library import default_library

    names = default_library().named(words)
    if not names:
        raise InputError(f"nothing here can find {words!r} in a drawn scene", _WAY_OUT)
    if _drawings().seen(image, names) is None:
        raise InputError(f"no {words} was found in the picture", _WAY_OUT)
    side = pipeline.native_size
    small = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    made = pipeline(
        f"Remove the {words} from {{image}}.", [small], task="remove", height=side, width=side, seed=0
    )
    changed = made.regions[0]
    mask = Image.fromarray(
        ((changed if changed is not None else np.zeros((side, side))) > 0.5).astype(np.uint8) * 255
    )
    mask = mask.filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.MaxFilter(3))
    if float(np.asarray(mask).mean()) / 255 < _LEAST:
        raise InputError(f"no {words} was found in the picture", _WAY_OUT)
    return mask.resize(image.size, Image.Resampling.BILINEAR)
