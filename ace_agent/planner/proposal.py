"""What a planner proposes: tasks, pictures and words, before they are checked and completed.

Every planner proposes in this one form: the rules and the parser build it, a chat model writes it as JSON (the
docstrings and descriptions below are its tool's). `ace_agent.planner.resolver` makes a plan of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from ace_agent.plan.operations import options_of
from ace_agent.plan.schema import MAX_STEPS, Region
from ace_agent.plan.tasks import CATALOGUE, MAX_IMAGES

if TYPE_CHECKING:
    TaskName = str
else:
    TaskName = Literal[tuple(CATALOGUE)]


@dataclass(frozen=True)
class RequestSettings:
    """What a request says of size in pixels, seed, variations, denoising steps and guidance."""

    size: tuple[int, int] | None = None
    seed: int | None = None
    variations: int = 1
    steps: int | None = None
    guidance: float | None = None


class ProposedStep(BaseModel):
    """One task call."""

    model_config = ConfigDict(frozen=True)

    task: TaskName = Field(description="id of the task")
    images: tuple[str, ...] = Field(
        default_factory=tuple,
        description="pictures it takes, in order: @3 of the conversation, $1 the result of step 1, or input",
        json_schema_extra={"maxItems": MAX_IMAGES},
    )
    mask: str | SkipJsonSchema[Region] | None = Field(default=None, description="id of the mask, or null")
    region: str | None = Field(
        default=None,
        description="where alone it may change, in words: the sky, the left half, everything but the dog; or null",
        json_schema_extra={"maxLength": 100},
    )
    # With an {image} in it, it is the instruction itself; without, the resolver puts the task's wording around it.
    instruction: str = Field(
        description="what to do, in the person's own telling words in English, without ids of pictures",
        json_schema_extra={"maxLength": 300},
    )
    options: dict[str, Any] = Field(default_factory=dict, description="of an exact operation; else empty")

    @model_validator(mode="after")
    def _known_options(self) -> ProposedStep:
        options_of(self.task, self.options)
        return self


class ProposedPlan(BaseModel):
    """The steps that a request asks for."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[ProposedStep, ...] = Field(
        default_factory=tuple, max_length=MAX_STEPS, json_schema_extra={"maxItems": 20}
    )
    goto: str | None = Field(
        default=None, description="@id of the picture to go back to, before the steps if there are any"
    )
    refuse: str | None = Field(
        default=None,
        description="what cannot be done and why, in one line; beside steps, what they leave out",
    )
    answer: str | None = Field(
        default=None,
        description="the answer to a question or to small talk, in one line, where no step is asked for",
    )
    ask: str | None = Field(
        default=None, description="one short question, where two readings would make different pictures"
    )
    choices: tuple[str, ...] = Field(
        default_factory=tuple, description="short answers to that question, the likeliest first"
    )
    act: Literal["undo", "again", "redo", "save", "show"] | None = Field(
        default=None,
        description="one turn back, the last turn once more, forward again, save or show pictures",
    )
    pictures: tuple[str, ...] = Field(
        default_factory=tuple, description="ids of what is to be saved or shown; empty: the current picture"
    )
    file: str | None = Field(default=None, description="the file name that a save asks for")
    settings: RequestSettings = Field(
        default=RequestSettings(), description="what the request says of size, seed and number of variations"
    )
