"""Trains the scene reader on scenes of its own, which are in no benchmark."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.reader_network import ReaderNetwork, Readings, channels_last
from ace_agent.references.sprites import Sprites
from ace_agent.training.processes import Processes
from ace_agent.training.scene_reader.accuracy import best_threshold, draw_scenes, held_out
from ace_agent.training.scene_reader.loss import reader_loss
from ace_agent.training.scene_reader.scenes import ReaderBatch, ReaderStream, scene_words
from ace_agent.training.subject import Loss
from ace_agent.training.trainer import Limits, OptimizerOptions, Trainer

OPTIONS = OptimizerOptions(muon_rate=2e-3, adam_rate=2e-3, weight_decay=0.02, warmup=200, clip=5.0, ema=0.998)
DECAY_SHARE = 0.3
"""Share of a launch's minutes over which the rate goes to zero."""


class ReaderSubject:
    """The reader's network; it trains on one process."""

    def __init__(self, seed: int = OPTIONS.seed) -> None:
        self.words = scene_words()
        torch.manual_seed(seed)
        self.network = channels_last(ReaderNetwork(**self.words.counts())).train()

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"reader": self.network}

    def facts(self) -> dict[str, Any]:
        return {"words": asdict(self.words)}

    def loss(self, batch: ReaderBatch, generator: torch.Generator, processes: Processes) -> Loss:
        pictures = batch.pictures.float() / 255
        readings = self.network(pictures.contiguous(memory_format=torch.channels_last))
        total = reader_loss(Readings(*(logits.float() for logits in readings)), batch.labels)
        return Loss(total, len(batch.labels), parts={"loss": total.detach()})


def train_reader(
    folder: Path, minutes: float, processes: Processes | None = None, *, pictures: int = 1000
) -> Reader:
    """Train or resume a run for so many minutes; the rate goes to zero at the end of them.

    Args:
        pictures: held-out scenes to measure the reader on.

    Returns:
        The averaged reader, with its threshold set on validation scenes and its accuracy on held-out ones.
    """
    subject = ReaderSubject()
    trainer = Trainer(folder, subject, OPTIONS, processes)
    trainer.resume()
    limits = Limits(minutes=minutes, decay_minutes=DECAY_SHARE * minutes, save_minutes=2.0)
    trainer.run(ReaderStream(subject.words), limits)
    with trainer.averaged():
        network = copy.deepcopy(subject.network)
    reader = Reader(network, subject.words, sprites=Sprites.load())
    reader.threshold = best_threshold(reader, draw_scenes("validation", pictures // 4))
    reader.report = {
        "minutes": round(trainer.seconds / 60, 1),
        "pictures": trainer.samples,
        **held_out(reader, pictures),
    }
    return reader
