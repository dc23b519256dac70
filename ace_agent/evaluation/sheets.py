"""Conversations and their answers on contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from ace_agent.data.sample import TrainingTurn
from ace_agent.reports.contact_sheet import Entry


def sheet_entry(turns: Sequence[TrainingTurn], output: Image.Image, note: str) -> Entry:
    """A conversation, whose last turn was answered with `output`, as an entry of a contact sheet."""
    return Entry(
        caption=" > ".join(turn.instruction for turn in turns),
        note=note,
        inputs=[Image.fromarray(frame.image) for turn in turns for frame in turn.frames],
        output=output,
        target=Image.fromarray(turns[-1].target),
    )
