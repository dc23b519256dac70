"""ace-mini as a subject of training, on scenes or on pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.training.average import trained
from ace_agent.training.batches import Batch
from ace_agent.training.mini.naming import Namer
from ace_agent.training.mini.objective import ObjectiveOptions, flow_loss
from ace_agent.training.mini.stream import Example
from ace_agent.training.processes import Processes
from ace_agent.training.subject import Loss


@dataclass
class MiniSubject:
    """The transformer and its text encoder, as far as they are not frozen.

    Args:
        origin: facts of a fine-tuning: the model it started from and the method.
        namer: learns what frames show, from scenes; None where that is not known.
    """

    model: MiniTransformer
    encoder: MiniTextEncoder
    tokenizer: WordTokenizer
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    origin: Mapping[str, Any] = field(default_factory=dict)
    namer: Namer | None = None

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        every: dict[str, nn.Module] = {"model": self.model, "encoder": self.encoder}
        if self.namer is not None:
            every["namer"] = self.namer
        return {name: network for name, network in every.items() if trained(network)}

    def facts(self) -> dict[str, Any]:
        return {
            "model_config": dict(self.model.config),
            "encoder_config": dict(self.encoder.config),
            "words": list(self.tokenizer.words),
            **self.origin,
        }

    def loss(self, batch: Batch[Example], generator: torch.Generator, processes: Processes) -> Loss:
        return flow_loss(self.model, self.encoder, batch, self.objective, generator, processes, self.namer)
