"""Which process works on a turn, so that another one neither takes it over nor waits for the dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def owner_now() -> str:
    """This process: `host:process:start`."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start(os.getpid())}"


def process_of(owner: str) -> str:
    """The process number in an owner."""
    return owner.split(":")[-2]


def alive(owner: str) -> bool:
    """Whether another process that works on a turn still lives, as far as can be told from here.

    Its start is compared too: after a power cut its number may belong to any program.
    """
    host, process, start = ([*owner.rsplit(":", 2), "", "", ""])[:3]
    if host != socket.gethostname() or not process.isdecimal() or int(process) == os.getpid():
        return False
    if os.name != "posix":
        return False  # there, asking a process with a signal would end it
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    now = _start(int(process))
    return not (start and now) or start == now


def _start(process: int) -> str:
    """When a process began, in ticks since the machine did; empty where the system does not say."""
    try:
        # The name, in brackets, may hold anything; the fields after it do not.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
