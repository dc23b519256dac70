"""Which process owns a turn or a temporary file: others leave a living one alone and do not wait for a dead one."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path


def owner_now() -> str:
    """This process: `host:process:start`."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start(os.getpid())}"


def process_of(owner: str) -> str:
    """The process number in an owner."""
    return owner.split(":")[-2]


def alive(owner: str) -> bool:
    """Whether another process of this machine works on a turn; False where that cannot be told.

    Its start is compared too: after a power cut its number may belong to any program.
    """
    host, process, start = ([*owner.rsplit(":", 2), "", "", ""])[:3]
    if host != socket.gethostname() or not process.isdecimal() or int(process) == os.getpid():
        return False
    return os.name == "posix" and _running(int(process), start)


def file_tag() -> str:
    """This process as part of a file name: `machine-process-start`."""
    return f"{_machine()}-{os.getpid()}-{_start(os.getpid())}"


def has_ended(tag: str) -> bool:
    """Whether the process of a `file_tag` has ended; False where that cannot be told."""
    machine, process, start = ([*tag.split("-"), "", "", ""])[:3]
    if machine != _machine() or not process.isdecimal() or os.name != "posix":
        return False
    return not _running(int(process), start)


def _running(process: int, start: str) -> bool:
    # Signal 0 only asks; on Windows it would end the process.
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    now = _start(process)
    return not (start and now) or start == now


def _start(process: int) -> str:
    """When a process began, in ticks since the machine did; empty where the system does not say."""
    try:
        # The name, in brackets, may hold anything; the fields after it do not.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@functools.cache
def _machine() -> str:
    """What process numbers are unique within: the host, and on Linux the container."""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{socket.gethostname()}\0{namespace}".encode()).hexdigest()[:8]
