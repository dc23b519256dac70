"""What a pipeline can do, read from the signature of its call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ace_agent.errors import ModelError

PICTURES = {"QwenImageEditPlusPipeline": 3, "Flux2Pipeline": 9, "Flux2KleinPipeline": 9}
"""Pictures that a pipeline reads in one call, where it is more than one: signatures do not tell."""
STEPS, GUIDANCE = 50, 5.0


@dataclass(frozen=True)
class Capabilities:
    """Of one pipeline class. `pictures`: how many it reads at most; `guidance_name`: its argument for guidance."""

    creates: bool
    pictures: int
    takes_mask: bool
    steps: int
    guidance: float
    guidance_name: str | None
    arguments: frozenset[str]

    @classmethod
    def of(cls, name: str, call: Callable[..., Any]) -> Capabilities:
        """Of the pipeline called `name`.

        Raises:
            ModelError: its call takes no prompt, or must be given something that a request does not have.
        """
        found = inspect.signature(call).parameters
        if "prompt" not in found:
            raise ModelError(
                f"{name} takes no prompt, so it cannot be asked for anything", "take another model"
            )
        demanded = [
            one.name
            for one in found.values()
            if one.default is one.empty and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        ]
        other = [one for one in demanded if one not in ("self", "prompt", "image", "mask_image")]
        if other:
            raise ModelError(
                f"{name} needs {', '.join(other)}, which a request does not have", "take another model"
            )
        defaults = {key: one.default for key, one in found.items()}
        guidance_name = next(
            (
                key
                for key in ("guidance_scale", "true_cfg_scale")
                if isinstance(defaults.get(key), int | float)
            ),
            None,
        )
        steps = defaults.get("num_inference_steps")
        takes_mask = "mask_image" in found
        # Image-to-image and inpainting calls default to no picture at all, and then fail.
        edits_only = takes_mask or "strength" in found or "image" in demanded or "InstructPix2Pix" in name
        edits_only = edits_only or name.startswith("QwenImageEdit")
        return cls(
            creates=not edits_only,
            pictures=PICTURES.get(name, 1) if "image" in found else 0,
            takes_mask=takes_mask,
            steps=steps if isinstance(steps, int) else STEPS,
            guidance=float(defaults[guidance_name]) if guidance_name else GUIDANCE,
            guidance_name=guidance_name,
            arguments=frozenset(found),
        )
