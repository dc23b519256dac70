from __future__ import annotations

from pathlib import Path

import pytest

from ace_agent.planner.llm import weights
from tests.tiny_language_model import write_tiny_language_model


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a tiny model that takes SmolLM2's place."""
    folder = write_tiny_language_model(tmp_path / "base")
    monkeypatch.setattr(weights, "base_folder", lambda *_: folder)
    return folder
