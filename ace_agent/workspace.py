"""Workspaces: where conversations are stored, and which there are."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.errors import PlanError, StoreRefused
from ace_agent.files import from_home
from ace_agent.images.files import MAX_PIXELS
from ace_agent.plan import Plan
from ace_agent.plan.tasks import TASKS
from ace_agent.turns import turn_of
from ace_memory import ConversationRow, Store, archive


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
        return from_home(path)
    if named := os.environ.get("ACE_WORKSPACE"):
        return from_home(named)
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
    checks = archive.Checks(check_picture, _check_plan, _check_recipe)
    with open_store(workspace) as store:
        return archive.import_conversation(store, path, name, checks).name


def check_picture(data: bytes, width: int, height: int) -> None:
    """Raises ValueError unless a stored file is a whole PNG of that size, as `encode_png` writes one."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):
                raise ValueError(f"a picture is {image.width} x {image.height}, not {width} x {height}")
            if image.mode not in ("L", "RGB", "RGBA") or width * height > MAX_PIXELS:
                raise ValueError(f"a picture of {width} x {height} in mode {image.mode} is none of ours")
            image.load()
    except (OSError, SyntaxError, struct.error, Image.DecompressionBombError):
        raise ValueError("a file is no whole PNG") from None


def _check_plan(plan: dict[str, Any]) -> None:
    try:
        Plan.parse(plan)
    except PlanError as error:
        raise ValueError(f"a plan is wrong: {error.message}") from None


_RECIPE: dict[str, type | tuple[type, ...]] = {
    "format": int, "model": str, "task": str, "instruction": str, "images": list, "history": list, "size": list,
    "seed": int, "steps": int, "guidance": (int, float), "batch": dict, "threads": int,
}  # fmt: skip


def _check_recipe(recipe: dict[str, Any]) -> None:
    for key, kind in _RECIPE.items():
        if not isinstance(recipe.get(key), kind):
            raise ValueError(f"a recipe has no {key}, or a wrong one")
    if recipe["task"] not in TASKS:
        raise ValueError("a recipe names no task of the catalogue")


def _summary(store: Store, row: ConversationRow) -> ConversationSummary:
    turns, images = store.counts(row.id)
    tip = None
    if row.tip is not None:
        made = turn_of(store, store.turn(row.tip))
        tip = next((picture.id for picture in [*made.images, *made.attached]), None)
    return ConversationSummary(row.name, turns, images, row.created, row.used, tip)
