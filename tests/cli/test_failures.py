"""The one line of a failure."""

from __future__ import annotations

import errno

import pytest
import torch

from ace_agent.cli.failures import explain, fail
from ace_agent.errors import InputError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("x.jpg is empty", hint="give another file"), "ace: x.jpg is empty (give another file)"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/memory.db"),
            "ace: No space left on device: /x/memory.db (free some space, or choose another folder)",
        ),
        (
            MemoryError(),
            "ace: there was not enough memory (close other programs, or ask for a smaller picture)",
        ),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"
            ),
            "ace: there was not enough memory (close other programs, or ask for a smaller picture)",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            "ace: there was not enough memory (close other programs, or ask for a smaller picture)",
        ),
        (
            ValueError("two\nlines"),
            "ace: ValueError: two lines (this is a bug; ACE_DEBUG=1 shows where)",
        ),
    ],
)
def test_a_failure_is_one_line_and_status_1(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        explain(error)
    assert stop.value.code == 1
    assert capsys.readouterr().err == line + "\n"


def test_fail_without_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail("it did not work")
    assert capsys.readouterr().err == "ace: it did not work\n"
