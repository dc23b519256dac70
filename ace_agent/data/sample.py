"""Training samples: conversations of turns. numpy only.

H and W are a picture's height and width in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame, NamedReference, Placement

Split = Literal["train", "validation", "held-out"]


@dataclass(frozen=True)
class TrainingTurn:
    """One request and its answer.

    Args:
        task: an id of the task catalogue.
        instruction: names its frames by ``{image}``, ``{image1}`` ...
        frames: its inputs.
        target: uint8 [H, W, 3], the answer.
        base: index of the frame that the target edits, or None.
        region: uint8 [H, W], 255 where target and base differ; None without a base.
        placements: of the target.
        named: reference pictures of what the instruction names.
        judge: what a scene reader can check in the target; ``exact`` says whether the target is the only
            right answer.
    """

    task: str
    instruction: str
    frames: tuple[Frame, ...]
    target: Pixels
    base: int | None
    region: Pixels | None
    placements: tuple[Placement, ...]
    named: tuple[NamedReference, ...] = ()
    judge: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """A conversation, whose last turn is trained or judged; earlier ones are history."""

    family: str
    turns: tuple[TrainingTurn, ...]
