"""How the command line fails: one line on standard error, and status 1."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import NoReturn

from ace_agent.cli.ui.plain_text import say


def explain(error: Exception) -> NoReturn:
    """Exit with one line about any exception; ACE_DEBUG=1 prints its traceback first."""
    if os.environ.get("ACE_DEBUG"):
        traceback.print_exception(error)
    from ace_agent.errors import AceError

    if isinstance(error, AceError):
        fail(error.message, error.hint)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        where = f": {error.filename}" if error.filename else ""
        hint = "free some space, or choose another folder" if error.errno == errno.ENOSPC else ""
        fail(f"{reason}{where}", hint)
    if out_of_memory(error):
        fail("there was not enough memory", "close other programs, or ask for a smaller picture")
    fail(f"{type(error).__name__}: {' '.join(str(error).split())}", "this is a bug; ACE_DEBUG=1 shows where")


def out_of_memory(error: Exception) -> bool:
    """Whether Python, torch or a GPU ran out of memory; torch's CPU allocator raises a bare RuntimeError."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "not enough memory" in str(error)
        or "can't allocate memory" in str(error)
    )


def fail(message: str, hint: str = "") -> NoReturn:
    """Print one line and exit with status 1."""
    line = f"{message} ({hint})" if hint else message
    say(f"ace: {' '.join(line.split())}", err=True)
    sys.exit(1)
