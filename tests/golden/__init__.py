"""Small copies of numbers that the released code wrote; see README.md beside this file."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

FOLDER = Path(__file__).parent


def golden(case: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f"{case}.safetensors")


def golden_metadata(case: str) -> dict[str, str]:
    with safe_open(FOLDER / f"{case}.safetensors", "pt") as file:
        return file.metadata() or {}
