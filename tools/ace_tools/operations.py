"""What the tools do, one row an operation, for LangChain and for MCP alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace_agent.errors import InputError, PlanError
from ace_agent.execution.executor import ProgressCallback
from ace_agent.execution.inputs import clean_request, overridden
from ace_agent.plan import Plan, parse_reference
from ace_agent.plan import Region as PlanRegion
from ace_agent.plan.single_step import single_step_plan
from ace_agent.plan.tasks import TASKS
from ace_tools.arguments import (
    ANALYSES,
    AnalyzeImage,
    Arguments,
    CreateImage,
    EditImage,
    ListImages,
    Making,
    Region,
    RunPlan,
    ShowImage,
    Undo,
)
from ace_tools.paths import file_in
from ace_tools.results import Result, image_info, picture_result, turn_result
from ace_tools.sessions import Session


@dataclass(frozen=True)
class Operation:
    """One tool. `paints`: runs the model. `reads`: changes nothing, so it does not wait for the model."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Session, Any, ProgressCallback | None], Result]
    paints: bool = False
    reads: bool = False


def create_image(session: Session, given: CreateImage, report: ProgressCallback | None) -> Result:
    plan = single_step_plan("text_to_image", given.description)
    return _run(session, given.description, plan, given, report)


def edit_image(session: Session, given: EditImage, report: ProgressCallback | None) -> Result:
    named = [] if given.image is None else [given.image]
    if given.more_images or given.task is not None:
        named = named or ["@last"]
    named += given.more_images
    files, pictures = _pictures(session, named)
    mask = _mask(session, given.mask)
    known = session.agent.pictures()
    if not files and not known:
        raise InputError("there is no picture yet", "make one with create_image, or give a path")
    if given.task is None:
        turn = session.agent.say(
            given.instruction, files, on=pictures, mask=mask, seed=given.seed, variations=given.variations,
            steps=given.steps, guidance=given.guidance, size=_size(given), progress=report,
        )  # fmt: skip
        return turn_result(session, turn)
    plan = single_step_plan(given.task, given.instruction, pictures)
    if mask is None and TASKS[given.task].mask == "required" and given.task != "outpaint":
        raise PlanError(
            f"{given.task} needs a mask", 'give mask: {"box": [0.2, 0.3, 0.6, 0.7]}, {"side": "left"} or @4'
        )
    return _run(session, given.instruction or given.task, plan, given, report, files, mask)


def analyze_image(session: Session, given: AnalyzeImage, report: ProgressCallback | None) -> Result:
    if given.kind not in ANALYSES:
        import difflib

        close = difflib.get_close_matches(given.kind, ANALYSES, n=3, cutoff=0.4) or ANALYSES
        raise PlanError(f"there is no analysis {given.kind!r}", f"take one of {', '.join(close)}")
    files, pictures = _pictures(session, [given.image])
    plan = single_step_plan(given.kind, "", pictures)
    settings = Making(seed=given.seed)
    return _run(session, f"{given.kind} of {given.image}", plan, settings, report, files)


def run_plan(session: Session, given: RunPlan, report: ProgressCallback | None) -> Result:
    from ace_agent.plan.yaml_file import MAX_BYTES, PlanFile

    if isinstance(given.plan, str) and len(given.plan) > MAX_BYTES:
        raise PlanError(f"the plan has {len(given.plan):,} characters, at most {MAX_BYTES:,} are read")
    plan = Plan.parse(given.plan) if isinstance(given.plan, dict) else PlanFile.parse(given.plan).plan
    plan = plan.with_variables(given.variables)
    for text in plan.files():
        file_in(session.workspace, text)
    turn = session.agent.run(plan, request=_told(plan), folder=session.workspace, progress=report)
    return turn_result(session, turn)


def list_images(session: Session, given: ListImages, report: ProgressCallback | None) -> Result:
    pictures = [picture for picture in session.agent.pictures() if not picture.forgotten]
    if given.before is not None:
        last = _number(given.before)
        pictures = [picture for picture in pictures if picture.row.number < last]
    if not pictures:
        return Result("No picture yet. create_image makes one.", (), session.name)
    tip = session.agent.context().tip
    images = tuple(
        image_info(session, picture, write=False) for picture in reversed(pictures[-given.limit :])
    )
    lines = [
        f"{image.id} {image.kind}, {image.width} x {image.height}, {image.made}"
        + (" (this is @last)" if image.id == tip else "")
        for image in images
    ]
    if len(pictures) > given.limit:
        lines.append(f"{len(pictures) - given.limit} earlier ones: list_images with before={images[-1].id}")
    return Result("\n".join(lines), images, session.name)


def show_image(session: Session, given: ShowImage, report: ProgressCallback | None) -> Result:
    reference = given.image
    if reference not in ("@last", "@first"):
        ids = {picture.id for picture in session.agent.pictures()}
        if f"@{_number(reference)}" not in ids:
            raise InputError(f"there is no picture {reference} in this conversation", _span(ids))
    picture = session.agent.show(reference)
    if picture.forgotten:
        raise InputError(f"{picture.id} was forgotten; its pixels are gone")
    base = session.agent.before(picture.id)
    result = picture_result(session, picture)
    if base is None:
        return result
    return Result(f"{result.text}. Made from {base.id}.", result.images, session.name)


def undo(session: Session, given: Undo, report: ProgressCallback | None) -> Result:
    there = len(session.agent.turns())
    if given.turns > there:
        raise InputError(f"cannot go back {given.turns} turns; the conversation has {there}")
    picture = session.agent.undo(given.turns)
    done = f"Went back {given.turns} turn{'s' if given.turns > 1 else ''}; nothing was deleted. "
    if picture is None:
        return Result(f"{done}This is the beginning of the conversation.", (), session.name)
    return picture_result(session, picture, f"{done}The latest picture is now ")


OPERATIONS: dict[str, Operation] = {
    row.name: row
    for row in (
        Operation(
            "create_image", "Create a picture",
            "Make a new picture from a description. Answers with its id, like @3, to use in other calls.",
            CreateImage, create_image, paints=True,
        ),
        Operation(
            "edit_image", "Edit a picture",
            "Change a picture as told: colours, style, objects, background, text, several things at once, or "
            "combine pictures. The original stays; the result gets an id of its own.",
            EditImage, edit_image, paints=True,
        ),
        Operation(
            "analyze_image", "Analyse a picture",
            "Make a picture of one side of another: its segments, depth, edges, poses, contours. The result "
            "can be used as any picture.",
            AnalyzeImage, analyze_image, paints=True,
        ),
        Operation(
            "run_plan", "Run a plan",
            "Carry out several picture steps that depend on each other in one call.",
            RunPlan, run_plan, paints=True,
        ),
        Operation(
            "list_images", "List the pictures",
            "List the pictures of this conversation with their ids, sizes and what made them.",
            ListImages, list_images, reads=True,
        ),
        Operation(
            "show_image", "Show a picture",
            "Look one picture up: its file, size and how it was made.",
            ShowImage, show_image, reads=True,
        ),
        Operation(
            "undo", "Undo",
            "Go back to before the last change. Nothing is deleted: later pictures keep their ids.",
            Undo, undo,
        ),
    )
}  # fmt: skip


def _run(
    session: Session,
    request: str,
    plan: Plan,
    given: Making,
    report: ProgressCallback | None,
    files: Sequence[Path] = (),
    mask: Any = None,
) -> Result:
    """Carry out the plan of a task that the caller chose, with the call's settings."""
    request = clean_request(request)
    plan = overridden(plan, given.seed, given.variations, given.steps, given.guidance, _size(given))
    return turn_result(session, session.agent.run(plan, files, request=request, mask=mask, progress=report))


def _size(given: Making) -> tuple[int, int] | None:
    if (given.width is None) != (given.height is None):
        raise InputError("only one side was given", "give width and height, or neither")
    return None if given.width is None or given.height is None else (given.width, given.height)


def _pictures(session: Session, named: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Files to hand over, and for every picture that is named the reference that a plan has for it."""
    files: list[Path] = []
    references = []
    for text in named:
        if text.startswith("@"):
            references.append(parse_reference(text).text)
        else:
            path = file_in(session.workspace, text)
            references.append(f"input{len(files) or ''}")
            files.append(path)
    return files, references


def _mask(session: Session, mask: str | Region | None) -> PlanRegion | str | Path | None:
    if isinstance(mask, Region):
        shape = mask.model_dump(exclude_none=True)
        plan = Plan.parse({"steps": [{"task": "inpaint", "images": ["@last"], "mask": shape}]})
        region = plan.steps[0].mask
        assert isinstance(region, PlanRegion)
        return region
    if mask is None or mask.startswith("@"):
        return None if mask is None else parse_reference(mask).text
    return file_in(session.workspace, mask)


def _number(reference: str) -> int:
    ref = parse_reference(reference)
    if ref.kind != "image":
        raise InputError(
            f"{reference!r} is no picture of the conversation", "write @3; list_images names all"
        )
    return ref.number


def _span(ids: set[str]) -> str:
    if not ids:
        return "it has none yet; create_image makes one"
    known = sorted(ids, key=lambda text: int(text[1:]))
    return f"it has {', '.join(known if len(known) <= 8 else [*known[:3], '...', *known[-3:]])}"


def _told(plan: Plan) -> str:
    """What a history shows for a plan that came without words."""
    return f"(a plan of {len(plan.steps)} steps)" if len(plan.steps) != 1 else plan.steps[0].instruction
