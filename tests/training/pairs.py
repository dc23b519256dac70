"""A table of pairs, and a model small enough to learn from it in a test."""

from __future__ import annotations

import runpy
from pathlib import Path

from ace_agent.engines.mini.pipeline import ACEPipeline
from tests.training.tiny import tiny_subject

EXAMPLE = Path(__file__).parents[2] / "examples/ten_pairs.py"


def write_pairs(folder: Path, count: int) -> Path:
    """The example's table, its first `count` pairs."""
    runpy.run_path(str(EXAMPLE))["main"](folder)
    table = folder / "pairs.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[: count + 1]))
    return table


def write_tiny_model(folder: Path) -> Path:
    subject = tiny_subject()
    ACEPipeline(subject.model, subject.encoder, subject.tokenizer, folder).save_pretrained(folder)
    return folder
