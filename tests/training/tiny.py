"""A model that trains in milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch

from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.training.mini.objective import ObjectiveOptions
from ace_agent.training.mini.run import TrainingOptions
from ace_agent.training.mini.stream import StreamOptions
from ace_agent.training.mini.subject import MiniSubject
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Trainer

WORDS = ["a", "red", "car", "remove", "the", "make", "it", "night", "in", "meadow"]
OPTIONS = TrainingOptions(warmup=2, stream=StreamOptions(batch=2))


def tiny_subject(width: int = 64, objective: ObjectiveOptions | None = None) -> MiniSubject:
    torch.manual_seed(0)
    tokenizer = WordTokenizer(WORDS)
    encoder = MiniTextEncoder(len(tokenizer), vector=16, width=32, depth=1, heads=2)
    model = MiniTransformer(width=width, depth=2, heads=width // 32, text_width=32)
    return MiniSubject(model, encoder, tokenizer, objective or ObjectiveOptions())


def tiny_trainer(
    folder: Path, width: int = 64, options: TrainingOptions = OPTIONS, processes: Processes | None = None
) -> Trainer:
    return Trainer(folder, tiny_subject(width, options.objective), options, processes)
