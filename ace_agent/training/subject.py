"""What the trainer trains: networks, what identifies them, and the loss of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ace_agent.training.processes import Processes


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    Args:
        total: [], to minimise: this process's share of the global batch's loss.
        samples: of the global batch, every noise draw counted.
        flow: [T], the flow loss of this process's targets, logged by task; empty where nothing is denoised. The batch's
            examples, which have equally many targets each, have a `task`.
        parts: [] each, logged by name.
    """

    total: Tensor
    samples: int
    flow: Tensor = field(default_factory=lambda: torch.zeros(0))
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Subject(Protocol):
    """A model in training. Its parameters that require a gradient learn; batches are whatever its stream yields."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """By name; checkpoints keep what they learn under these names."""
        ...

    def facts(self) -> dict[str, Any]:
        """Kept in every checkpoint; one with other facts is refused."""
        ...

    def loss(self, batch: Any, generator: torch.Generator, processes: Processes) -> Loss:
        """The loss of a batch; whatever is random in it is drawn from `generator`, the same in every process."""
        ...
