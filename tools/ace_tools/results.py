"""What an operation gives back: a few lines for the calling model, the pictures for the program around it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.turns import Picture, Turn
from ace_tools.paths import place
from ace_tools.sessions import Room

INLINE_SIDE = 1024
"""Longest side of a picture shown to the calling model, in pixels; what is stored keeps its size."""


@dataclass(frozen=True)
class Shown:
    """One picture. `path` is its PNG, None where it was only listed; `made` says what made it."""

    id: str
    kind: str
    width: int
    height: int
    path: str | None = None
    made: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Result:
    """`text` is for the calling model; `images` are the pictures it speaks of."""

    text: str
    images: tuple[Shown, ...] = ()
    conversation: str = ""
    turn: int | None = None
    plan: dict[str, Any] | None = None
    notes: tuple[str, ...] = field(default=())

    def artifact(self) -> dict[str, Any]:
        """Plain data, so that a checkpoint or a trace can hold it; `open_pictures` reads the pictures."""
        return {**asdict(self), "images": [asdict(image) for image in self.images], "notes": [*self.notes]}


def open_pictures(artifact: Mapping[str, Any]) -> list[Image.Image]:
    """The pictures of a tool's artifact or a runnable's result, in RGB, RGBA or L."""
    pictures: list[Image.Image] = []
    for entry in artifact["images"]:
        if entry["path"] is not None:
            with Image.open(entry["path"]) as image:
                image.load()
                pictures.append(image)
    return pictures


def of_turn(room: Room, turn: Turn, notes: tuple[str, ...] = ()) -> Result:
    """What a turn made. A turn that only moved the conversation shows the picture it is at."""
    images = tuple(shown(room, picture) for picture in turn.images or turn.attached[-1:])
    lines = [f"Made {_line(room, image)}" for image in images]
    between = [picture.id for picture in turn.made if picture not in turn.images]
    if between:
        lines.append(f"On the way there: {', '.join(between)}.")
    notes = tuple(dict.fromkeys((*notes, *turn.notes)))
    lines += [f"Note: {note}" for note in notes]
    plan = turn.plan.model_dump(mode="json", exclude_defaults=True)
    return Result("\n".join(lines), images, room.name, turn.number, plan, notes)


def of_picture(room: Room, picture: Picture, text: str) -> Result:
    """One picture under a line of text."""
    image = shown(room, picture)
    return Result(f"{text}{_line(room, image)}", (image,), room.name)


def shown(room: Room, picture: Picture, *, write: bool = True) -> Shown:
    """A picture with its file, which is written unless `write` is False."""
    recipe = picture.recipe
    path = str(place(picture, room.workspace, room.name)) if write else None
    seed = None if recipe is None else recipe.get("seed")
    return Shown(picture.id, picture.kind, *picture.size, path, made_by(picture), seed)


def made_by(picture: Picture) -> str:
    """What a picture is, in a few words."""
    recipe = picture.recipe
    if recipe is not None:
        words = recipe["instruction"]
        return f"{recipe['task']}: {words if len(words) <= 120 else words[:119] + '…'}"
    if picture.kind == "mask":
        return "a mask, white = the region to change"
    return f"handed over, {picture.source}" if picture.source else "handed over"


def inline_png(image: Shown) -> str:
    """A picture as base64 of a PNG of at most INLINE_SIDE a side."""
    path = Path(image.path or "")
    if max(image.width, image.height) <= INLINE_SIDE:
        return base64.b64encode(path.read_bytes()).decode()
    with Image.open(path) as picture:
        picture.thumbnail((INLINE_SIDE, INLINE_SIDE))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _line(room: Room, image: Shown) -> str:
    file = f", file {Path(image.path).relative_to(room.workspace).as_posix()}" if image.path else ""
    seed = "" if image.seed is None else f", seed {image.seed}"
    return f"{image.id} ({image.width} x {image.height} pixels{seed}{file}), {image.made}"
