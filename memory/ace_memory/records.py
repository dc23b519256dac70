"""The rows of the store, as the rest of the program sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class ConversationRow:
    """`tip`: the current turn; `head`: the turn that redo leads to; `chosen`: the current picture where it is not the
    tip's own; times in Unix seconds."""

    id: int
    name: str
    tip: int | None
    created: float
    head: int | None
    last_number: int
    used: float
    chosen: int | None = None


@dataclass(frozen=True)
class TurnRow:
    """One request. `plan` is JSON; `tokens` is what its frames cost in the model's context."""

    id: int
    conversation: int
    parent: int | None
    request: str
    plan: str
    status: str
    note: str
    created: float
    tokens: int
    owner: str


@dataclass(frozen=True)
class StepRow:
    """One executed task call; `position` is the step's index in the plan, from 0; `recipe` is
    JSON."""

    id: int
    turn: int
    position: int
    task: str
    instruction: str
    recipe: str
    created: float


@dataclass(frozen=True)
class ImageRow:
    """A picture or mask. `sha256` is None once it is forgotten; `variation` counts from 1."""

    id: int
    conversation: int
    number: int
    kind: str
    sha256: str | None
    width: int
    height: int
    step: int | None
    variation: int
    turn: int | None
    caption: str
    source: str
    created: float


@dataclass(frozen=True)
class NewImage:
    """A picture or mask to store; sizes in pixels."""

    data: bytes
    width: int
    height: int
    kind: str = "image"
    variation: int = 1
    caption: str = ""
    source: str = ""
    media: str = "image/png"

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()
