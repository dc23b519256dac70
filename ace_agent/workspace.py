"""Workspaces: where conversations are kept, and what is in them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from ace_agent.errors import MemoryError_
from ace_agent.turns import turn_of
from ace_memory import Conversation, Store, StoreError
from ace_memory.archive import import_conversation as take_in

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class ConversationRow:
    """A conversation for a list: times in Unix seconds, `tip` the picture it stands at."""

    name: str
    turns: int
    images: int
    created: float
    used: float
    tip: str | None


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """The store's refusals as ours."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except StoreError as error:
            raise MemoryError_(error.message, error.hint) from None

    return wrapper


def workspace_folder(path: Path | None = None) -> Path:
    """The folder of conversations: the given one, `ACE_WORKSPACE`, or the user's data folder."""
    if path is not None:
        return Path(path).expanduser()
    if named := os.environ.get("ACE_WORKSPACE"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("ace-agent", appauthor=False))


@plainly
def open_store(workspace: Path) -> Store:
    """The store of a workspace; raises MemoryError_ where it cannot be opened."""
    return Store(workspace / "memory.db")


@plainly
def conversations(workspace: Path) -> list[ConversationRow]:
    """The latest used first."""
    if not (workspace / "memory.db").exists():
        return []
    with open_store(workspace) as store:
        return [_listed(store, row) for row in store.conversations()]


@plainly
def import_conversation(workspace: Path, path: Path, name: str | None = None) -> str:
    """Take in an exported conversation; returns the name it got."""
    with open_store(workspace) as store:
        return take_in(store, path, name).name


def _listed(store: Store, row: Conversation) -> ConversationRow:
    turns, images = store.counts(row.id)
    tip = None
    if row.tip is not None:
        made = turn_of(store, store.turn(row.tip))
        tip = next((picture.id for picture in [*made.images, *made.attached]), None)
    return ConversationRow(row.name, turns, images, row.created, row.used, tip)
