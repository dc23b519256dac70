"""The interface of a model in fine-tuning: how it is trained, run and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ace_agent.engines.ace.trunk import Trunk
from ace_agent.engines.interface import Pipeline
from ace_agent.training.finetuning.pair_stream import Measure, Preparer, Rehearsal
from ace_agent.training.lora import merged_state, save_adapter
from ace_agent.training.subject import Subject

TRANSFORMER, ADAPTER = "transformer", "adapter"
REHEARSED = 0.5
"""Default share of rehearsal (docs/evaluation.md)."""


@dataclass(frozen=True)
class Method:
    """How to fine-tune.

    Args:
        rank: of LoRA; 0 trains all parameters.
        draws: noise draws per prefix.
        drop_text: share of examples whose text is left out.
        rehearse: share of every batch's tokens that rehearses earlier training; None: `REHEARSED` if the model can.
    """

    rank: int = 16
    draws: int = 4
    drop_text: float = 0.1
    rehearse: float | None = 0.0
    seed: int = 0


class Tuned(Protocol):
    """A model in fine-tuning; `pipeline` runs its current weights."""

    @property
    def subject(self) -> Subject: ...

    @property
    def preparer(self) -> Preparer: ...

    @property
    def pipeline(self) -> Pipeline: ...

    @property
    def rehearsal(self) -> Rehearsal | None:
        """What it rehearses besides the pairs; None: nothing."""
        ...

    def read_texts(self, measures: Sequence[Measure]) -> None:
        """Encode the texts once, before training begins."""
        ...

    def write(self, folder: Path) -> None:
        """Write the current model into an empty folder, for `--model`. LoRA is merged into the weights; the adapter
        alone is written, too."""
        ...


def write_transformer(model: Trunk, rank: int, folder: Path) -> None:
    """Write the transformer in float32, with its adapters merged, and the adapters alone."""
    if not rank:
        model.save_pretrained(folder / TRANSFORMER)
        return
    plain = type(model).from_config(model.config)
    plain.load_state_dict(merged_state(model))
    plain.save_pretrained(folder / TRANSFORMER)
    save_adapter(model, rank, folder / ADAPTER)
