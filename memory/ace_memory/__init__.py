"""The conversation store: turns, images, masks and recipes in one SQLite file. It knows nothing of ACE."""

from ace_memory.errors import StoreError
from ace_memory.records import Conversation, Image, NewImage, Step, StepInput, Turn
from ace_memory.store import Store

__all__ = ["Conversation", "Image", "NewImage", "Step", "StepInput", "Store", "StoreError", "Turn"]
