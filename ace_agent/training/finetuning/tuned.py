"""What a fine-tuning needs of a model, whichever it is: loaded, prepared for, tried out and written."""

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
"""Share of rehearsal where nobody says another (docs/evaluation.md)."""


@dataclass(frozen=True)
class Method:
    """How to fine-tune: LoRA of `rank`, or all parameters if it is 0; noise draws per prefix; the share of examples
    whose text is left out; the share of every batch's tokens that rehearses what the model knows (None: `REHEARSED`
    of a model that can)."""

    rank: int = 16
    draws: int = 4
    drop_text: float = 0.1
    rehearse: float | None = 0.0
    seed: int = 0


class Tuned(Protocol):
    """A model that is being fine-tuned. `pipeline` runs it as it stands."""

    @property
    def subject(self) -> Subject: ...

    @property
    def preparer(self) -> Preparer: ...

    @property
    def pipeline(self) -> Pipeline: ...

    @property
    def rehearsal(self) -> Rehearsal | None:
        """What it rehearses beside the pairs; None: nothing."""
        ...

    def read_texts(self, measures: Sequence[Measure]) -> None:
        """Do once what the texts need, before training begins."""
        ...

    def write(self, folder: Path) -> None:
        """The model as it stands into an empty folder, which `--model` then runs. LoRA is merged into the weights;
        the adapter alone stands beside them."""
        ...


def write_transformer(model: Trunk, rank: int, folder: Path) -> None:
    """The transformer in float32, adapters merged."""
    if not rank:
        model.save_pretrained(folder / TRANSFORMER)
        return
    plain = type(model).from_config(model.config)
    plain.load_state_dict(merged_state(model))
    plain.save_pretrained(folder / TRANSFORMER)
    save_adapter(model, rank, folder / ADAPTER)
