"""Which process works on a turn."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ace_agent.process_owner import alive, owner_now, process_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are asked by signals")


def test_this_process_is_not_another() -> None:
    assert process_of(owner_now()) == str(os.getpid())
    assert not alive(owner_now())
    assert not alive("")
    assert not alive("another-machine:1:5")


def test_another_process_is_alive_until_it_ends() -> None:
    code = "from ace_agent.process_owner import owner_now; print(owner_now(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        assert alive(owner)
        assert process_of(owner) == str(child.pid)
        child.communicate("")
    assert not alive(owner)


@pytest.mark.skipif(not os.path.exists("/proc/1/stat"), reason="no start times here")  # noqa: PTH110
def test_a_reused_process_number_does_not_hold_a_turn() -> None:
    """After a power cut a turn's process number was a system service's, and the turn could not be resumed."""
    host = owner_now().rsplit(":", 2)[0]
    assert not alive(f"{host}:{os.getppid()}:1")  # nothing here began in the machine's first tick
    assert alive(f"{host}:{os.getppid()}:"), "where the start is not known, the number counts"
