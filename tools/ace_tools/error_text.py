"""Failures as a calling model can use them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from ace_agent.errors import AceError
from ace_tools.plain_text import one_line
from ace_tools.worker import StoppedError

_FOR_A_SHELL = re.compile(r"\bace [a-z\"]|--[a-z]|`|pip install")
LONGEST = 1400
"""Characters of an error that an answer repeats."""
logger = logging.getLogger("ace_tools")


def explain(error: Exception, workspace: Path) -> str:
    """One line: what is wrong, and the way out unless it is a shell command.

    Files appear by their path from the workspace, as the caller may name them. An error that is no AceError is a
    fault of ours: its traceback goes to the log.
    """
    if isinstance(error, AceError):
        hint = "" if _FOR_A_SHELL.search(error.hint) else error.hint
        text = f"{error.message}: {hint}" if hint else error.message
    elif isinstance(error, StoppedError):
        text = str(error)
    else:
        logger.error("a tool call failed", exc_info=error)
        words = one_line(str(error))[:300]
        text = (
            f"the model could not finish ({type(error).__name__}: {words}). The conversation is as it was; "
            "try fewer steps, fewer variations or a smaller size, or something else"
        )
    line = one_line(text.replace(f"{workspace}/", ""))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
