"""The arguments of each tool, as the calling model reads them. The schemas are plain enough for any provider."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ace_agent.plan.tasks import TASKS

PICTURE = "a picture's id (@3), @last, @first, or a path inside the workspace"
EDITS = [row.id for row in TASKS.values() if row.min_images]
ANALYSES = [row.id for row in TASKS.values() if row.family == "analysis"]


class Arguments(BaseModel):
    """Unknown arguments are refused: the caller would believe that they took effect."""

    model_config = ConfigDict(extra="forbid")


class ModelSettings(Arguments):
    """Settings of every tool that runs the model."""

    seed: int | None = Field(
        default=None, ge=0, le=2**63 - 1, description="same seed, same picture; default: drawn"
    )
    variations: int = Field(default=1, ge=1, le=16, description="how many pictures to choose from")
    steps: int | None = Field(
        default=None, ge=1, le=1000, description="denoising steps; default: the model's"
    )
    guidance: float | None = Field(default=None, ge=0, le=100, description="how closely to follow the words")
    width: int | None = Field(default=None, ge=16, le=4096, description="pixels; give both sides or none")
    height: int | None = Field(default=None, ge=16, le=4096, description="pixels; give both sides or none")


class CreateImage(ModelSettings):
    """A new picture."""

    description: str = Field(description="what the picture shows: 'a red fox in the snow'")


class Region(Arguments):
    """A mask; one of the four. Fractions of the picture, from its top left corner."""

    box: list[float] | None = Field(default=None, min_length=4, max_length=4, description="[x0, y0, x1, y1]")
    ellipse: list[float] | None = Field(
        default=None, min_length=4, max_length=4, description="[x0, y0, x1, y1] of the box around it"
    )
    side: Literal["left", "right", "top", "bottom", "middle"] | None = Field(
        default=None, description="that half; for outpaint, where the picture grows"
    )
    words: str | None = Field(
        default=None, max_length=100, description="what is in the picture: the car, the sky, the background"
    )
    inverted: bool = Field(default=False, description="everything but that")


class EditImage(ModelSettings):
    """A changed picture."""

    instruction: str = Field(description="what to change: 'make the car green', 'remove the tent'")
    image: str | None = Field(
        default=None, description=f"{PICTURE}; default: the latest, or what the words name"
    )
    more_images: list[str] = Field(
        default_factory=list, max_length=8,
        description="further pictures that the edit takes from, in order: {image1}, {image2} ...",
    )  # fmt: skip
    mask: str | Region | None = Field(
        default=None,
        description="the region to change: words (the car, the left half, the sky), a region, or a picture (@4, a "
        "file), white = to change",
    )
    task: str | None = Field(
        default=None, description=f"leave out to have it chosen; else one of: {', '.join(EDITS)}"
    )


class AnalyzeImage(Arguments):
    """A picture's structure."""

    kind: str = Field(description=f"one of: {', '.join(ANALYSES)}")
    image: str = Field(default="@last", description=PICTURE)
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1, description="default: drawn")


class RunPlan(Arguments):
    """Several steps at once."""

    plan: dict[str, Any] | str = Field(
        description="a plan: an object, or the YAML or JSON of one. "
        '{"steps": [{"task": "text_to_image", "instruction": "a red car"}, {"task": "edit_color", '
        '"instruction": "Make the car green in {image}.", "images": ["$1"]}]}. A step has task, instruction, '
        "images, and may have mask, name, size [w, h], seed, guidance, steps, variations. Pictures: @3, "
        "@last, $1 (the result of step 1), a step's name, a path inside the workspace."
    )
    variables: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="values for the plan's ${variables}"
    )


class ListImages(Arguments):
    """Which pictures there are."""

    limit: int = Field(default=20, ge=1, le=200, description="how many, the latest first")
    before: str | None = Field(default=None, description="only those before this id, to read on: @41")


class ShowImage(Arguments):
    """One picture."""

    image: str = Field(default="@last", description="a picture's id (@3), @last or @first")


class Undo(Arguments):
    """Going back."""

    turns: int = Field(default=1, ge=1, le=1000, description="how many turns to go back")


def explain_validation(error: ValidationError) -> str:
    """What is wrong with a call, in words that the calling model can act on."""
    lines: dict[str, str] = {}
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"] if part not in ("str", "Region", "dict[str,any]"))
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            message = "is missing"
        elif item["type"] == "extra_forbidden":
            message = "is no argument of this tool"
        lines.setdefault(where, f"{where or 'the call'}: {message[:1].lower()}{message[1:]}")
    return "Nothing was done. " + "; ".join(lines.values())
