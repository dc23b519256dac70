"""What keeps a well-formed plan from running: arity, masks, references, cycles, indicators, files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from ace_agent.errors import InputError, PlanError
from ace_agent.files import from_home
from ace_agent.plan.schema import INDICATOR, VARIABLE, ImageRef, Plan, Problem, Region, Step, parse_reference


def problems(
    plan: Plan,
    *,
    images: Collection[str] | None = None,
    inputs: int | None = None,
    files: bool = True,
) -> list[Problem]:
    """Everything that is wrong with a plan beyond its form: arity, masks, references, cycles, indicators.

    `images` are the known image ids ("@3") of the conversation and `inputs` the number of pictures handed
    over; None leaves either unchecked (a plan file read alone). `files=False` refuses files: what a planner
    made may only use pictures of the conversation.
    """
    found: list[Problem] = []
    if plan.goto is not None and images is not None:
        found += _image_problem(("goto",), parse_reference(plan.goto), images)
    names = [step.name for step in plan.steps if step.name]
    for index, step in enumerate(plan.steps):
        at: tuple[str | int, ...] = ("steps", index)
        if step.name and names.count(step.name) > 1:
            found.append(Problem((*at, "name"), f"two steps are called {step.name!r}"))
        found += _arity_problems(at, step)
        for position, text in enumerate(
            (*step.images, *((step.mask,) if isinstance(step.mask, str) else ()))
        ):
            where = (*at, "images", position) if position < len(step.images) else (*at, "mask")
            if VARIABLE.search(text):
                continue
            ref = parse_reference(text)
            if ref.kind in ("image", "last", "first"):
                found += [] if images is None else _image_problem(where, ref, images)
            elif ref.kind == "input":
                if inputs is not None and ref.number >= inputs:
                    found.append(Problem(where, f"{text} is not there: {inputs} pictures were handed over"))
            elif ref.kind == "file":
                if not files:
                    found.append(Problem(where, f"{text!r} is a file, which this plan may not open"))
            else:
                try:
                    plan.step_index(ref)
                except PlanError as error:
                    found.append(Problem(where, error.message, error.hint))
    if not found:
        try:
            plan.order()
        except PlanError as error:
            found.append(Problem(("steps",), error.message, error.hint))
    return found


def check(
    plan: Plan, *, images: Collection[str] | None = None, inputs: int | None = None, files: bool = True
) -> None:
    """Raise PlanError with the first of `problems`."""
    for problem in problems(plan, images=images, inputs=inputs, files=files):
        raise PlanError(str(Problem(problem.path, problem.message)), problem.hint)


def allowed_file(text: str, folder: Path, allow: Iterable[Path] = ()) -> Path:
    """The file that a plan names, inside `folder` or one of `allow`; symbolic links are followed first.

    Raises PlanError for one outside.
    """
    try:
        path = (folder / from_home(text)).resolve()
    except InputError as error:
        raise PlanError(error.message, error.hint) from None
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise PlanError(f"{text} cannot be followed", str(error)) from None
    for root in (folder, *allow):
        if path.is_relative_to(root.resolve()):
            return path
    raise PlanError(f"{text} is outside {folder}", f"--allow-path {path.parent} permits it")


def _arity_problems(at: tuple[str | int, ...], step: Step) -> list[Problem]:
    row, count = step.row, len(step.images)
    found: list[Problem] = []
    if not row.min_images <= count <= row.max_images:
        span = (
            str(row.min_images)
            if row.min_images == row.max_images
            else f"{row.min_images} to {row.max_images}"
        )
        found.append(Problem((*at, "images"), f"{row.id} takes {span} images, got {count}"))
    if row.mask == "none" and step.mask is not None:
        found.append(Problem((*at, "mask"), f"{row.id} takes no mask"))
    widened = row.id == "outpaint" and step.size is not None
    if row.mask == "required" and step.mask is None and not widened:
        found.append(
            Problem((*at, "mask"), f"{row.id} needs a mask", "a picture, or {box: ...}, {side: left}")
        )
    if row.id == "outpaint" and isinstance(step.mask, Region) and step.mask.side is None:
        found.append(
            Problem(
                (*at, "mask"), "outpaint grows towards a side", "{side: left}, or a mask picture, or a size"
            )
        )
    if row.id == "text_to_image" and not step.instruction.strip():
        found.append(Problem((*at, "instruction"), "text_to_image needs an instruction"))
    for match in INDICATOR.finditer(step.instruction):
        if int(match[1] or 0) >= max(count, 1 if row.max_images else 0):
            found.append(Problem((*at, "instruction"), f"{match[0]} is not among the step's {count} images"))
            break
    return found


def _image_problem(
    where: tuple[str | int, ...], reference: ImageRef, images: Collection[str]
) -> list[Problem]:
    if reference.kind in ("last", "first"):
        if images:
            return []
        return [
            Problem(
                where, f"{reference.text} is not there: the conversation has no picture", "make one first"
            )
        ]
    if reference.text in images:
        return []
    known = sorted(images, key=lambda text: int(text[1:]))
    span = ", ".join(known if len(known) <= 8 else [*known[:3], "...", *known[-3:]])
    return [
        Problem(where, f"no picture {reference.text} in this conversation", f"it has {span or 'none yet'}")
    ]
