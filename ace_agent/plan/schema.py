"""The plan: an ordered list of typed ACE task calls. See docs/design.md, "The plan", format version 1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ace_agent.errors import PlanError
from ace_agent.plan.operations import options_of
from ace_agent.plan.tasks import CATALOGUE, MAX_IMAGES, Task

MAX_STEPS = 100
MAX_INSTRUCTION = 2000
MAX_SIDE = 4096
MIN_SIDE = 16
MAX_SEED = 2**63 - 1
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
INDICATOR = re.compile(r"\{image(\d*)\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

ReferenceKind = Literal["image", "last", "first", "step", "name", "file", "input"]


@dataclass(frozen=True)
class ImageRef:
    """A parsed reference to an image that a step takes.

    `number` is the image's, the step's (from 1) or the input's (from 0).
    """

    kind: ReferenceKind
    text: str
    number: int = 0
    variation: int = 1
    name: str = ""


def parse_reference(text: str) -> ImageRef:
    """`@3`, `@last`, `@first`, `$2`, `$2.3`, a step's name, a file, `input`, `input1` (the second one).

    Raises PlanError with the forms that exist when `text` is none of them.
    """
    if found := re.fullmatch(r"@(\d{1,9})", text):
        return ImageRef("image", text, int(found[1]))
    if text in ("@last", "@first"):
        return ImageRef("last" if text == "@last" else "first", text)
    if found := re.fullmatch(r"\$(\d{1,3})(?:\.(\d{1,2}))?", text):
        return ImageRef("step", text, int(found[1]), int(found[2] or 1))
    if found := re.fullmatch(r"input(\d?)", text):
        return ImageRef("input", text, int(found[1] or 0))
    if "/" in text or "\\" in text or text.lower().endswith(PICTURE_ENDINGS):
        return ImageRef("file", text)
    if found := re.fullmatch(rf"({_NAME.pattern})(?:\.(\d{{1,2}}))?", text):
        return ImageRef("name", text, variation=int(found[2] or 1), name=found[1])
    raise PlanError(
        f"{text!r} names no picture",
        "write @3, @last, @first, $1 (the result of step 1), a step's name, a file or input",
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Fraction = Annotated[float, Field(ge=0, le=1)]
Box = tuple[Fraction, Fraction, Fraction, Fraction]


SIDES = ("left", "right", "top", "bottom", "middle")


class Region(_Strict):
    """A mask in words, in fractions of the picture; one of box, ellipse, side and words is set."""

    box: Box | None = Field(default=None, description="[x0, y0, x1, y1] of a rectangle")
    ellipse: Box | None = Field(default=None, description="[x0, y0, x1, y1] of the box around an ellipse")
    side: Literal["left", "right", "top", "bottom", "middle"] | None = Field(
        default=None, description="half the picture; middle: the central half of each axis"
    )
    words: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="what is looked for in the picture: the car, the sky, the person on the left, the background",
    )
    inverted: bool = Field(default=False, description="everything but that")

    @model_validator(mode="after")
    def _one_shape(self) -> Region:
        if self.words is not None and _CONTROL.search(self.words):
            raise ValueError("a region's words hold no control characters")
        given = [shape for shape in (self.box, self.ellipse, self.side, self.words) if shape is not None]
        if len(given) != 1:
            raise ValueError(f"a region is one of box, ellipse, side and words, got {len(given)}")
        corners = self.box or self.ellipse
        if corners is not None and (corners[0] >= corners[2] or corners[1] >= corners[3]):
            raise ValueError("a region needs x0 < x1 and y0 < y1")
        return self


class Step(_Strict):
    """One task call."""

    task: str = Field(description="a task of the catalogue")
    instruction: str = Field(default="", description="one ACE instruction; may name {image}, {image1} ...")
    images: tuple[str, ...] = Field(
        default=(), max_length=MAX_IMAGES, description="conditioning images, in the order of their indicators"
    )
    mask: str | Region | None = Field(
        default=None, description="a picture, white = region to change; or a region"
    )
    name: str | None = Field(default=None, description="a name for other steps to refer to")
    size: tuple[int, int] | None = Field(default=None, description="[width, height] of the result in pixels")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="default: drawn and recorded")
    guidance: float | None = Field(default=None, ge=0, le=100, description="default: the model's")
    steps: int | None = Field(
        default=None, ge=1, le=1000, description="denoising steps; default: the model's"
    )
    variations: int = Field(default=1, ge=1, le=16)
    history: Literal["auto", "none"] | Annotated[int, Field(ge=0, le=1000)] = Field(
        default="auto", description="earlier turns given to the model: within its budget, none, or at most N"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="of an exact operation; see the catalogue"
    )
    engine: str | None = Field(default=None, description="who makes the picture; default: the best for it")

    @field_validator("task")
    @classmethod
    def _known_task(cls, value: str) -> str:
        if value not in CATALOGUE:
            raise ValueError(f"unknown task {value!r}; {_nearest(value, CATALOGUE)}")
        return value

    @field_validator("instruction")
    @classmethod
    def _plain_instruction(cls, value: str) -> str:
        if len(value) > MAX_INSTRUCTION:
            raise ValueError(f"an instruction has at most {MAX_INSTRUCTION} characters, got {len(value)}")
        if _CONTROL.search(value):
            raise ValueError("an instruction holds no control characters")
        return value

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and (not _NAME.fullmatch(value) or re.fullmatch(r"input\d?", value)):
            raise ValueError(
                f"a step's name is small letters, digits, - and _, from a letter on, and not input: {value!r}"
            )
        return value

    @field_validator("size")
    @classmethod
    def _sane_size(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(MIN_SIDE <= side <= MAX_SIDE for side in value):
            raise ValueError(f"each side is {MIN_SIDE} to {MAX_SIDE} pixels, got {value[0]} x {value[1]}")
        return value

    @field_validator("images", "mask")
    @classmethod
    def _parseable(cls, value: Any) -> Any:
        for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            if not VARIABLE.search(text):
                _as_value_error(text)
        return value

    @model_validator(mode="after")
    def _known_options(self) -> Step:
        said = json.dumps(self.options, default=str, ensure_ascii=False)
        if _CONTROL.search(said):
            raise ValueError("options hold no control characters")
        if not VARIABLE.search(said):
            options_of(self.task, self.options)
        return self

    @property
    def row(self) -> Task:
        return CATALOGUE[self.task]

    @property
    def references(self) -> tuple[ImageRef, ...]:
        """Images, then the mask if it is a picture."""
        mask = (self.mask,) if isinstance(self.mask, str) else ()
        return tuple(parse_reference(text) for text in (*self.images, *mask))


class Plan(_Strict):
    """Steps as written; a step may also refer to a later one, as long as there is no cycle."""

    version: Literal[1] = 1
    goto: str | None = Field(default=None, description="move to the turn that made this image (@3) first")
    vars: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="variables with their defaults, used as ${name} in strings"
    )
    steps: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)

    @field_validator("goto")
    @classmethod
    def _goto_image(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"@(\d{1,9}|last|first)", value):
            raise ValueError(f"goto wants an image of the conversation, like @3, got {value!r}")
        return value

    @field_validator("vars")
    @classmethod
    def _variable_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not VARIABLE.fullmatch(f"${{{name}}}"):
                raise ValueError(f"a variable's name is letters, digits and _, got {name!r}")
        return value

    @model_validator(mode="after")
    def _something_to_do(self) -> Plan:
        if not self.steps and self.goto is None:
            raise ValueError("a plan needs at least one step, or a goto")
        return self

    def to_json(self) -> str:
        """Canonical JSON, without fields that hold their default."""
        return json.dumps(
            self.model_dump(mode="json", exclude_defaults=True) | {"version": 1}, ensure_ascii=False
        )

    @classmethod
    def from_json(cls, text: str) -> Plan:
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise PlanError(first_problem(error)) from None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Plan:
        """A plan from plain data; raises PlanError with the first thing that is wrong."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise PlanError(first_problem(error)) from None

    def with_variables(self, values: Mapping[str, object] | None = None) -> Plan:
        """The plan with every `${name}` filled in from `values`, else from its defaults, and without `vars`.

        Raises PlanError for a value that the plan does not ask for and for a variable without one.
        """
        unknown = set(values or {}) - set(self.vars)
        if unknown:
            raise PlanError(
                f"the plan has no variable {sorted(unknown)[0]!r}", f"it has {', '.join(self.vars) or 'none'}"
            )
        table: dict[str, object] = {**self.vars, **(values or {})}

        def fill(value: Any) -> Any:
            if isinstance(value, str):
                return VARIABLE.sub(replacement, value)
            if isinstance(value, list):
                return [fill(item) for item in value]
            if isinstance(value, dict):
                return {key: fill(item) for key, item in value.items()}
            return value

        def replacement(match: re.Match[str]) -> str:
            if match[1] not in table:
                raise PlanError(f"${{{match[1]}}} has no value", f"add {match[1]} to the plan's vars")
            return str(table[match[1]])

        data = self.model_dump(mode="json", exclude={"vars"})
        return Plan.parse(fill(data))

    def order(self) -> list[int]:
        """Zero-based indices of the steps, each after those it takes pictures from, else as written.

        Raises PlanError for a reference to a step that is not there and for a cycle.
        """
        needs = [
            {self.step_index(ref) for ref in step.references if ref.kind in ("step", "name")}
            for step in self.steps
        ]
        done: list[int] = []
        while len(done) < len(self.steps):
            ready = next((i for i, need in enumerate(needs) if i not in done and need <= set(done)), None)
            if ready is None:
                stuck = [i + 1 for i in range(len(self.steps)) if i not in done]
                raise PlanError(
                    f"steps {', '.join(map(str, stuck))} wait for each other",
                    "a step cannot use its own result",
                )
            done.append(ready)
        return done

    def step_index(self, reference: ImageRef) -> int:
        """Zero-based index of the step that `reference` (step or name) means; PlanError if there is none."""
        if reference.kind == "step":
            if not 1 <= reference.number <= len(self.steps):
                raise PlanError(
                    f"{reference.text} is no step", f"the plan has steps $1 to ${len(self.steps)}"
                )
            index = reference.number - 1
        else:
            names = {step.name: index for index, step in enumerate(self.steps) if step.name}
            if reference.name not in names:
                raise PlanError(
                    f"{reference.text!r} is neither a picture nor a step's name",
                    f"{_nearest(reference.name, names)}; a file in this folder is ./{reference.text}",
                )
            index = names[reference.name]
        if not 1 <= reference.variation <= self.steps[index].variations:
            raise PlanError(
                f"{reference.text} asks for variation {reference.variation} of step {index + 1}",
                f"it makes {self.steps[index].variations}",
            )
        return index

    def outputs(self) -> list[int]:
        """Zero-based indices of the steps whose results no other step uses, as written."""
        used = {
            self.step_index(ref)
            for step in self.steps
            for ref in step.references
            if ref.kind in ("step", "name")
        }
        return [index for index in range(len(self.steps)) if index not in used]

    def files(self) -> tuple[str, ...]:
        """Every file that a step names, once each."""
        refs = [ref for step in self.steps for ref in step.references if ref.kind == "file"]
        return tuple(dict.fromkeys(ref.text for ref in refs))


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a plan from running. `path` says where: ("steps", 0, "mask")."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"step {self.path[1] + 1}: " if len(self.path) > 1 and isinstance(self.path[1], int) else ""
        place = f"line {self.line}: " if self.line is not None else ""
        return place + where + self.message + (f" ({self.hint})" if self.hint else "")


def plan_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a plan file, for editors."""
    schema = Plan.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "ACE plan, format version 1"
    schema["$defs"]["Step"]["properties"]["task"]["enum"] = list(CATALOGUE)
    return schema


def first_problem(error: ValidationError) -> str:
    """The first of pydantic's errors, in one line."""
    return str(form_problems(error)[0])


def form_problems(error: ValidationError) -> list[Problem]:
    """Pydantic's errors as problems; for one place (the branches of a union) only the first."""
    found: dict[tuple[str | int, ...], Problem] = {}
    for item in error.errors(include_url=False):
        path = _field_path(item["loc"])
        if item["loc"][-1:] == ("str",) and isinstance(item["input"], dict):
            continue  # a mask that is a region: the region's own error is the one that helps
        message = item["msg"].removeprefix("Value error, ")
        key = path[-1] if path else "plan"
        if item["type"] == "extra_forbidden":
            message = f"unknown key {key!r}"
        elif item["type"] == "too_long" and path == ("steps",):
            message = f"a plan has at most {MAX_STEPS} steps"
        elif item["type"] == "missing":
            message = f"{key} is missing"
        elif item["type"] != "value_error":
            message = f"{key}: {message[:1].lower()}{message[1:]}"
        found.setdefault(path, Problem(path, message))
    return list(found.values())


_FIELDS = {*Plan.model_fields, *Step.model_fields, *Region.model_fields}


def _field_path(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Pydantic's location without the names of a union's branches, which are in no file."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(part, int) or part in _FIELDS or (path and path[-1] == "vars") or not path:
            path.append(part)
        elif len(path) == 2 and path[0] == "steps":
            path.append(part)  # an unknown key of a step
    return tuple(path)


def _as_value_error(text: str) -> None:
    try:
        parse_reference(text)
    except PlanError as error:
        raise ValueError(f"{error.message}: {error.hint}") from None


def _nearest(word: str, known: Iterable[str | None]) -> str:
    import difflib

    names = [name for name in known if name]
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else "no step has a name"
