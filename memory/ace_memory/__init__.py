"""The conversation store: turns, images, masks and recipes in one SQLite file. It knows nothing of ACE."""

from ace_memory.errors import StoreError
from ace_memory.records import ConversationRow, ImageRow, NewImage, StepRow, TurnRow
from ace_memory.store import Store

__all__ = [
    "ConversationRow",
    "ImageRow",
    "NewImage",
    "StepRow",
    "Store",
    "StoreError",
    "TurnRow",
]
