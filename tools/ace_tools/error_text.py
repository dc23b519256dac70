"""Failures as a calling model can use them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from ace_agent.errors import AceError
from ace_tools.worker import StoppedError

_SHELL = re.compile(r"\bace [a-z\"]|--[a-z]|`|pip install")
logger = logging.getLogger("ace_tools")


def explain(error: Exception, workspace: Path) -> str:
    """One line without a traceback: what is wrong, and what to do unless that is meant for a shell.

    Files are named as the caller may name them, by their path from the workspace. What is no AceError is a
    fault of ours: it goes to the log in full.
    """
    if isinstance(error, AceError):
        hint = "" if _SHELL.search(error.hint) else error.hint
        text = f"{error.message}: {hint}" if hint else error.message
    elif isinstance(error, StoppedError):
        text = str(error)
    else:
        logger.error("a tool call failed", exc_info=error)
        words = " ".join(str(error).split())[:300]
        text = (
            f"the model could not finish ({type(error).__name__}: {words}). The conversation is as it was; "
            "try fewer steps, fewer variations or a smaller size, or something else"
        )
    return " ".join(text.replace(f"{workspace}/", "").split())
