"""The result of an operation: a few lines for the calling model, and the pictures for the program around it."""

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
from ace_tools.plain_text import one_line, quoted
from ace_tools.sessions import Session

INLINE_SIDE = 1024
"""Longest side in pixels of a picture that goes to the calling model; the stored one keeps its size."""


@dataclass(frozen=True)
class ImageInfo:
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
    """`text` is for the calling model; `images` are the pictures that it names."""

    text: str
    images: tuple[ImageInfo, ...] = ()
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
            with Image.open(entry["path"], formats=["PNG"]) as image:
                image.load()
                pictures.append(image)
    return pictures


def turn_result(session: Session, turn: Turn) -> Result:
    """The pictures of a turn. A turn that only moved the conversation has the picture that it moved to."""
    images = tuple(image_info(session, picture) for picture in turn.images or turn.attached[-1:])
    lines = [f"Made {_line(session, image)}" for image in images]
    between = [picture.id for picture in turn.made if picture not in turn.images]
    if between:
        lines.append(f"On the way there: {', '.join(between)}.")
    notes = tuple(dict.fromkeys(one_line(note) for note in turn.notes))
    lines += [f"Note: {note}" for note in notes]
    plan = turn.plan.model_dump(mode="json", exclude_defaults=True)
    return Result("\n".join(lines), images, session.name, turn.number, plan, notes)


def picture_result(session: Session, picture: Picture, text: str = "") -> Result:
    """One picture, after some text."""
    image = image_info(session, picture)
    return Result(f"{text}{_line(session, image)}", (image,), session.name)


def image_info(session: Session, picture: Picture, *, write: bool = True) -> ImageInfo:
    """A picture with its file, which is written unless `write` is False."""
    path = str(place(picture, session.workspace, session.name)) if write else None
    seed = None if picture.recipe is None else picture.recipe.get("seed")
    return ImageInfo(picture.id, picture.kind, *picture.size, path, origin(picture), seed)


def origin(picture: Picture) -> str:
    """Where a picture comes from, in a few words on one line."""
    recipe = picture.recipe
    if recipe is not None:
        sources = f", from {', '.join(picture.sources)}" if picture.sources else ""
        return f"{one_line(str(recipe.get('task')))}: {quoted(picture.words)}{sources}"
    if picture.kind == "mask":
        return "a mask, white = the region to change"
    return f"handed over, {quoted(picture.source)}" if picture.source else "handed over"


def inline_png(image: ImageInfo) -> str:
    """A picture as base64 of a PNG of at most INLINE_SIDE a side."""
    path = Path(image.path or "")
    if max(image.width, image.height) <= INLINE_SIDE:
        return base64.b64encode(path.read_bytes()).decode()
    with Image.open(path, formats=["PNG"]) as picture:
        picture.thumbnail((INLINE_SIDE, INLINE_SIDE))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _line(session: Session, image: ImageInfo) -> str:
    file = f", file {Path(image.path).relative_to(session.workspace).as_posix()}" if image.path else ""
    seed = "" if image.seed is None else f", seed {image.seed}"
    return f"{image.id} ({image.width} x {image.height} pixels{seed}{file}), {image.made}"
