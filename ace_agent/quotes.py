"""What stands in quotes in an instruction: a caption, or lettering to be drawn."""

from __future__ import annotations

import re

QUOTED = re.compile(r'"([^"]*)"')

_CAPTION = re.compile(
    r"(?:a|an|the|one|two|three|four|five|some|several|many)\s+\w|(?:\S*\w\S+\s+){2}", re.IGNORECASE
)


def is_caption(quoted: str) -> bool:
    """Whether quoted text describes a picture, "a koala in space", and is not to be drawn as letters, "HAPPY
    BIRTHDAY": it begins as a noun phrase does or has three words, not all in capitals."""
    return quoted != quoted.upper() and _CAPTION.match(quoted) is not None
