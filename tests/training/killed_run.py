"""A run that saves after every step and prints it, to be killed from outside."""

import sys
from pathlib import Path

import torch

from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.training.mini.stream import SceneStream
from tests.training.tiny import OPTIONS, WORDS, tiny_trainer

torch.set_num_threads(1)
run = tiny_trainer(Path(sys.argv[1]))
stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
while True:
    run.train_step(stream[run.step])
    run.save()
    print(run.step, flush=True)
