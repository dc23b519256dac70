"""Workspaces: where conversations are kept, and what is in them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ace_agent.errors import StoreRefused
from ace_agent.turns import turn_of
from ace_memory import Conversation, Store, archive


@dataclass(frozen=True)
class ConversationSummary:
    """A conversation for a list: times in Unix seconds, `tip` the picture it stands at."""

    name: str
    turns: int
    images: int
    created: float
    used: float
    tip: str | None


def workspace_folder(path: Path | None = None) -> Path:
    """The folder of conversations: the given one, `ACE_WORKSPACE`, or the user's data folder."""
    if path is not None:
        return Path(path).expanduser()
    if named := os.environ.get("ACE_WORKSPACE"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("ace-agent", appauthor=False))


def open_store(workspace: Path) -> Store:
    """The store of a workspace. Raises StoreRefused where it cannot be opened, and for what it refuses later."""
    return Store(workspace / "memory.db", error=StoreRefused)


def conversations(workspace: Path) -> list[ConversationSummary]:
    """The latest used first."""
    if not (workspace / "memory.db").exists():
        return []
    with open_store(workspace) as store:
        return [_summary(store, row) for row in store.conversations()]


def import_conversation(workspace: Path, path: Path, name: str | None = None) -> str:
    """Take in an exported conversation; returns the name it got."""
    with open_store(workspace) as store:
        return archive.import_conversation(store, path, name).name


def _summary(store: Store, row: Conversation) -> ConversationSummary:
    turns, images = store.counts(row.id)
    tip = None
    if row.tip is not None:
        made = turn_of(store, store.turn(row.tip))
        tip = next((picture.id for picture in [*made.images, *made.attached]), None)
    return ConversationSummary(row.name, turns, images, row.created, row.used, tip)
