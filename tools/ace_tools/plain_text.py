"""Text of strangers in answers to a model: file names, instructions and recipes may hold anything."""

from __future__ import annotations

import json

LONGEST = 120
"""Characters of an instruction or file name that an answer repeats."""


def one_line(text: str) -> str:
    """The text without line breaks, control characters, and characters that hide or reorder others."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def quoted(text: str, limit: int = LONGEST) -> str:
    """One line in double quotes, so that no row of an answer can be mistaken for another; cut to `limit`."""
    line = one_line(text)
    return json.dumps(line if len(line) <= limit else f"{line[: limit - 1]}…", ensure_ascii=False)
