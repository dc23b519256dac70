"""Pictures and turns of a conversation, as a person or program gets them from the agent."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.errors import PlanError
from ace_agent.files import write_file
from ace_agent.images.camera import Camera, camera_in, with_camera
from ace_agent.images.files import embed_recipe, encode_as, format_of
from ace_agent.plan import Plan
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.plan.wording import in_words
from ace_memory import ImageRow, Store, TurnRow


@dataclass(frozen=True)
class Picture:
    """A picture or mask of a conversation; its pixels are read when asked for."""

    row: ImageRow
    store: Store = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        return f"@{self.row.number}"

    @property
    def kind(self) -> str:
        return self.row.kind

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.row.width, self.row.height

    @property
    def caption(self) -> str:
        return self.row.caption

    @property
    def source(self) -> str:
        """The file name of an attached picture."""
        return self.row.source

    @property
    def forgotten(self) -> bool:
        return self.row.sha256 is None

    @cached_property
    def recipe(self) -> dict[str, Any] | None:
        """What made it; None for an attached picture, a drawn mask and a forgotten one."""
        if self.row.step is None:
            return None
        recipe = json.loads(self.store.step(self.row.step).recipe)
        return {**recipe, "variation": self.row.variation} if recipe and isinstance(recipe, dict) else None

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The ids of the pictures and masks that it was made from, in order."""
        if self.row.step is None:
            return ()
        return tuple(f"@{image.number}" for _, image in self.store.step_inputs(self.row.step))

    @property
    def words(self) -> str:
        """What made it, in words that a person reads; an attached picture's caption or file name."""
        if self.row.step is None:
            return self.row.caption or self.row.source
        return in_words(self.store.step(self.row.step).instruction, self.sources[1:])

    @property
    def image(self) -> Image.Image:
        image = Image.open(io.BytesIO(self.store.data(self.row)), formats=["PNG"])
        image.load()
        return image

    def png(self, metadata: bool = True) -> bytes:
        """The stored PNG, with its recipe inside unless `metadata` is False."""
        data = self.store.data(self.row)
        if metadata and self.row.step is not None:
            data = with_camera(data, self.camera)
        return embed_recipe(data, self.recipe) if metadata and self.recipe else data

    @cached_property
    def camera(self) -> Camera:
        """What the camera wrote into the photograph that this was made from; nothing for a new picture."""
        row = self.row
        while row.step is not None:
            step = self.store.step(row.step)
            images = [image for role, image in self.store.step_inputs(row.step) if role == "image"]
            task = CATALOGUE.get(step.task)
            if task is None or not task.has_base_with(len(images)) or images[0].sha256 is None:
                return Camera()
            row = images[0]
        return camera_in(self.store.data(row))

    def save(self, path: Path, force: bool = False, metadata: bool = True) -> Path:
        """Write the picture whole, as the file's name says (`images.files.FORMATS`); never over another unless `force`.

        Raises InputError for a format that is not written.
        """
        kind = format_of(Path(path))
        recipe = self.recipe if metadata else None
        data = (
            self.png(metadata)
            if kind == "PNG"
            else encode_as(self.image, kind, recipe, self.camera if metadata else None)
        )
        return write_file(Path(path), data, force=force)


@dataclass(frozen=True)
class Turn:
    """One request and what came of it.

    `id` and `parent` are the store's; `number` counts from 1 over the conversation. `images` are the results
    that no other step of the plan used, `made` all results in the plan's order, `attached` what came with the
    request.
    """

    id: int
    number: int
    parent: int | None
    request: str
    plan: Plan
    status: str
    notes: list[str]
    images: list[Picture]
    made: list[Picture]
    attached: list[Picture]
    created: float


def turn_of(store: Store, row: TurnRow, number: int | None = None) -> Turn:
    """A stored turn with its pictures; `number` spares counting the turns before it."""
    try:
        plan = Plan.from_json(row.plan)
        outputs = plan.outputs()
    except PlanError:
        # A forgotten turn keeps its place, and nothing else.
        plan, outputs = Plan.model_construct(), []
    pictures = [Picture(image, store) for image in store.turn_images(row.id)]
    positions = {step.id: step.position for step in store.steps(row.id)}
    made = [picture for picture in pictures if picture.row.step is not None]
    made.sort(key=lambda picture: (positions[picture.row.step or 0], picture.row.variation))
    results = [p for p in made if not outputs or positions[p.row.step or 0] in outputs]
    return Turn(
        id=row.id,
        number=store.number_of(row) if number is None else number,
        parent=row.parent,
        request=row.request,
        plan=plan,
        status=row.status,
        notes=row.note.splitlines(),
        images=results,
        made=made,
        attached=[picture for picture in pictures if picture.row.step is None],
        created=row.created,
    )
