"""Words into photographs, in real fonts, and words out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

from ace_agent.engines.experts.expert import Expert, ExpertCall
from ace_agent.engines.experts.fill import fill
from ace_agent.engines.experts.regions import find_region
from ace_agent.errors import InputError
from ace_agent.images.lettering import letter
from ace_agent.plan import operations as ops
from ace_agent.plan.lettering_words import lettering_of, said_lettering

if TYPE_CHECKING:
    import numpy.typing as npt


class Writing(Expert):
    """Lettering in the fonts of the package, and its removal."""

    name = "writing"
    licence = "OFL-1.1 (fonts), Apache-2.0 (weights), MIT (PatchMatch)"
    megabytes = 7.0
    tasks = frozenset({"render_text", "remove_text"})

    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """See `Expert.run`."""
        if call.task == "remove_text":
            return _removed(call)
        text, around = lettering_of(call.instruction)
        options = cast("ops.Lettering | None", call.options)
        said = said_lettering(around)
        if options is not None:
            said |= {name: getattr(options, name) for name in options.model_fields_set}
        if call.mask is not None and (box := call.mask.getbbox()) is not None:
            part, changed = letter(call.images[0].crop(box), text, **said)
            written, mask = call.images[0].copy(), Image.new("L", call.images[0].size)
            written.paste(part, box[:2])
            mask.paste(changed, box[:2])
        else:
            written, mask = letter(call.images[0], text, **said)
        return written, (np.asarray(mask) / 255).astype(np.float32)


def _removed(call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32]]:
    image = call.images[0]
    hole = call.mask.convert("L") if call.mask is not None else find_region(image, "the text").mask
    if float(np.asarray(hole).mean()) > 0.6 * 255:
        raise InputError(
            "that is most of the picture, so there is nothing to fill it with", "mark less with --mask"
        )
    return fill(image, hole, call.seed), (np.asarray(hole) / 255).astype(np.float32)
