"""Reads what comes with a request or a plan before any work: attached pictures, named files, a mask."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from PIL import Image

from ace_agent.errors import InputError
from ace_agent.files import from_home
from ace_agent.images.camera import Camera, with_camera
from ace_agent.images.files import encode_png, read_mask, read_picture
from ace_agent.plan import MAX_SEED, Plan, Region, Step, allowed_file, parse_reference
from ace_memory import NewImage

Handed = str | PathLike[str] | Image.Image
MaskInput = Region | str | PathLike[str] | Image.Image
MAX_INPUTS = 9


@dataclass
class Inputs:
    """Pictures to be stored with the turn, by the reference that a plan has for each; `notices` for the user.

    `seen` says what the specialists see in a photograph.
    """

    pictures: dict[str, Image.Image] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    cameras: dict[str, Camera] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many of `input`, `input1` ... there are, the mask among them."""
        return sum(parse_reference(name).kind == "input" for name in self.pictures)

    def unused(self, plan: Plan) -> list[str]:
        """A line for each picture that came with the request and that no step takes."""
        used = {reference.text for step in plan.steps for reference in step.references}
        return [
            f"{self.sources[name] or f'picture {number}'} was not used: no step of the plan takes it"
            for number, name in enumerate(self.pictures, 1)
            if name not in used
        ]

    def add(self, name: str, source: Handed, kind: str = "image") -> None:
        if kind == "mask":
            self.pictures[name] = read_mask(_readable(source))
        else:
            read = read_picture(_readable(source))
            self.pictures[name] = read.image
            self.cameras[name] = read.camera
            self.notices += [note for note in read.notices if note not in self.notices]
        self.kinds[name] = kind
        self.sources[name] = "" if isinstance(source, Image.Image) else file_name(source)

    def described(self, name: str) -> str:
        """The name of a picture's file, and what is seen in it: "IMG_1.jpg: a dog, a bench"."""
        return ": ".join(part for part in (self.sources[name], self.seen.get(name, "")) if part)

    def new_images(self) -> list[NewImage]:
        """In the order of `pictures`."""
        return [
            NewImage(
                with_camera(encode_png(image), self.cameras.get(name, Camera())),
                *image.size,
                kind=self.kinds[name],
                source=self.sources[name],
                caption=self.described(name) if name in self.seen else "",
            )
            for name, image in self.pictures.items()
        ]


def hand_over(images: Sequence[Handed]) -> Inputs:
    """Attached pictures as `input`, `input1` ... in order. Raises InputError for one that cannot be read."""
    if len(images) > MAX_INPUTS:
        raise InputError(f"at most {MAX_INPUTS} pictures at once, got {len(images)}", "ask in several turns")
    inputs = Inputs()
    for number, source in enumerate(images):
        inputs.add(f"input{number or ''}", source)
    return inputs


def add_files(inputs: Inputs, plan: Plan, folder: Path, allow: Iterable[Path]) -> None:
    """Read the files that a plan names, inside `folder` or `allow`. A file used only as a mask is read as one."""
    masks = {step.mask for step in plan.steps if isinstance(step.mask, str)}
    pictures = {text for step in plan.steps for text in step.images}
    allow = list(allow)
    for text in plan.files():
        path = allowed_file(text, folder, allow)
        inputs.add(text, path, "mask" if text in masks - pictures else "image")


def with_mask(plan: Plan, mask: MaskInput, inputs: Inputs) -> Plan:
    """The plan with the user's mask on its first step that takes one: a region, `@4`, a file or a picture."""
    wanting = [
        index
        for index, step in enumerate(plan.steps)
        if step.images and step.row.mask != "none" and step.mask is None
    ]
    if not wanting:
        raise InputError(
            "this request has no picture for the mask to lie on", "name a picture, or leave the mask out"
        )
    value: str | Region
    if isinstance(mask, Region) or (isinstance(mask, str) and mask.startswith("@")):
        value = mask
    else:
        count = inputs.count
        value = f"input{count or ''}"
        inputs.add(value, mask, "mask")
    index = wanting[0]
    return replaced_step(plan, index, mask=value)


def replaced_step(plan: Plan, index: int, **fields: object) -> Plan:
    """The plan with fields of one step changed, checked anew."""
    steps: list[Step | dict[str, object]] = list(plan.steps)
    steps[index] = {**plan.steps[index].model_dump(), **fields}
    return Plan.parse(
        {**plan.model_dump(), "steps": [s if isinstance(s, dict) else s.model_dump() for s in steps]}
    )


def overridden(
    plan: Plan,
    seed: int | None,
    variations: int,
    steps: int | None,
    guidance: float | None,
    size: tuple[int, int] | None,
    engine: str | None = None,
) -> Plan:
    """The plan with the user's settings: variations and size on its results, the rest on all steps."""
    if not plan.steps:
        return plan
    outputs = plan.outputs()
    for index, step in enumerate(plan.steps):
        fields: dict[str, object] = {}
        if seed is not None and step.seed is None:
            fields["seed"] = min(seed + index, MAX_SEED)
        if steps is not None:
            fields["steps"] = steps
        if guidance is not None:
            fields["guidance"] = guidance
        if engine is not None:
            fields["engine"] = engine
        if index in outputs and variations > 1:
            fields["variations"] = variations
        if index in outputs and size is not None:
            fields["size"] = size
        if fields:
            plan = replaced_step(plan, index, **fields)
    return plan


def clean_request(request: str, limit: int = 4000) -> str:
    """One line without control characters. Raises InputError for an empty or very long request."""
    text = " ".join("".join(c if c.isprintable() else " " for c in request).split())
    if not text:
        raise InputError("the request is empty", 'say what to make: ace "a red car in a meadow"')
    if len(text) > limit:
        raise InputError(
            f"the request has {len(text):,} characters, at most {limit:,} can be read", "shorten it"
        )
    return text


def file_name(source: str | PathLike[str]) -> str:
    """The last part of a path, with � for bytes that are not UTF-8, which no database takes."""
    return os.fsencode(Path(source).name).decode(errors="replace")


def _readable(source: Handed) -> Path | Image.Image:
    if isinstance(source, Image.Image):
        return source
    return from_home(source)
