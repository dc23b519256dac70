"""Small chunks for the CPU path of the fused operations."""

from __future__ import annotations

import pytest

from ace_kernels import chunking
from tests.kernels.ops.agreement import C


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks, the last one short."""
    monkeypatch.setattr(chunking, "CHUNK_ELEMENTS", 10 * C)
