"""Turns and pictures as plain data, for `--json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ace_agent.agent import Picture, Turn


def picture_record(picture: Picture, path: Path | None = None) -> dict[str, Any]:
    """A picture: id, size, seed, recipe, what it was made from, and the file it was written to."""
    record: dict[str, Any] = {
        "id": picture.id,
        "kind": picture.kind,
        "width": picture.size[0],
        "height": picture.size[1],
        "caption": picture.caption,
        "source": picture.source,
        "words": picture.words,
        "from": list(picture.sources),
        "seed": picture.recipe.get("seed") if picture.recipe else None,
        "recipe": picture.recipe,
    }
    return record if path is None else record | {"path": str(path)}


def turn_record(turn: Turn, paths: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A turn with its plan and pictures."""
    files = [*paths, *[None] * (len(turn.images) - len(paths))]
    return {
        "turn": turn.number,
        "request": turn.request,
        "status": turn.status,
        "notes": list(turn.notes),
        "plan": json.loads(turn.plan.to_json()),
        "images": [picture_record(picture, path) for picture, path in zip(turn.images, files, strict=True)],
    }
