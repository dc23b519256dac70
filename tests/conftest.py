"""What every test shares: no network, no user data, and NaN in every tensor that nobody has written."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# One thread a process: the tests run in two of them (pytest -n 2), and their models are too small to share.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch


def _poisoned(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    @functools.wraps(make)
    def wrapper(*args: Any, **kwargs: Any) -> torch.Tensor:
        tensor = make(*args, **kwargs)
        if tensor.is_floating_point() and tensor.device.type != "meta":
            with torch.no_grad():
                tensor.fill_(float("nan"))
        return tensor

    return wrapper


@pytest.fixture(autouse=True, scope="session")
def poison_empty_tensors() -> Iterator[None]:
    """Fill ``torch.empty`` and its kin with NaN, so that an output nobody wrote fails a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("empty", "empty_like", "empty_strided"):
            patch.setattr(torch, name, _poisoned(getattr(torch, name)))
        patch.setattr(torch.Tensor, "new_empty", _poisoned(torch.Tensor.new_empty))
        yield


@pytest.fixture(autouse=True)
def own_workspace(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's own conversations, and plan by rules where nothing else is asked for: the
    language model takes 20 s to convert (tests/planner has its tests)."""
    workspace = tmp_path_factory.mktemp("workspace")
    monkeypatch.setenv("ACE_WORKSPACE", str(workspace))
    monkeypatch.setenv("ACE_PLANNER", "rules")
    monkeypatch.setenv("XDG_DATA_HOME", str(workspace))
    return workspace
