"""The operations of the tools, a row each, for LangChain and MCP alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace_agent.errors import InputError, PlanError
from ace_agent.execution.executor import ProgressCallback
from ace_agent.execution.inputs import clean_request, overridden
from ace_agent.plan import Plan, parse_reference
from ace_agent.plan import Region as PlanRegion
from ace_agent.plan.schema import SIDES
from ace_agent.plan.single_step import single_step_plan
from ace_agent.plan.tasks import CATALOGUE
from ace_tools.arguments import (
    ANALYSES,
    AnalyzeImage,
    Arguments,
    CreateImage,
    EditImage,
    ListImages,
    ModelSettings,
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
    """One tool. `paints`: it runs the model. `reads`: it changes nothing, so it does not wait for the model."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Session, Any, ProgressCallback | None], Result]
    paints: bool = False
    reads: bool = False


def create_image(session: Session, args: CreateImage, report: ProgressCallback | None) -> Result:
    plan = single_step_plan("text_to_image", args.description)
    return _run(session, args.description, plan, args, report)


def edit_image(session: Session, args: EditImage, report: ProgressCallback | None) -> Result:
    named = [] if args.image is None else [args.image]
    if args.more_images or args.task is not None:
        named = named or ["@last"]
    named += args.more_images
    files, pictures = _pictures(session, named)
    mask = _mask(session, args.mask)
    known = session.agent.pictures()
    if not files and not known:
        raise InputError("there is no picture yet", "make one with create_image, or give a path")
    if args.task is None:
        turn = session.agent.say(
            args.instruction, files, on=pictures, mask=mask, seed=args.seed, variations=args.variations,
            steps=args.steps, guidance=args.guidance, size=_size(args), progress=report,
        )  # fmt: skip
        return turn_result(session, turn)
    plan = single_step_plan(args.task, args.instruction, pictures)
    if mask is None and CATALOGUE[args.task].mask == "required" and args.task != "outpaint":
        raise PlanError(
            f"{args.task} needs a mask",
            'give mask: {"box": [0.2, 0.3, 0.6, 0.7]}, {"side": "left"} or @4',
        )
    return _run(session, args.instruction or args.task, plan, args, report, files, mask)


def analyze_image(session: Session, args: AnalyzeImage, report: ProgressCallback | None) -> Result:
    if args.kind not in ANALYSES:
        import difflib

        close = difflib.get_close_matches(args.kind, ANALYSES, n=3, cutoff=0.4) or ANALYSES
        raise PlanError(f"there is no analysis {args.kind!r}", f"take one of {', '.join(close)}")
    files, pictures = _pictures(session, [args.image])
    plan = single_step_plan(args.kind, "", pictures)
    settings = ModelSettings(seed=args.seed)
    return _run(session, f"{args.kind} of {args.image}", plan, settings, report, files)


def run_plan(session: Session, args: RunPlan, report: ProgressCallback | None) -> Result:
    from ace_agent.plan.yaml_file import MAX_BYTES, PlanFile

    if isinstance(args.plan, str) and len(args.plan) > MAX_BYTES:
        raise PlanError(f"the plan has {len(args.plan):,} characters, at most {MAX_BYTES:,} are read")
    plan = Plan.parse(args.plan) if isinstance(args.plan, dict) else PlanFile.parse(args.plan).plan
    plan = plan.with_variables(args.variables)
    for text in plan.files():
        file_in(session.workspace, text)
    turn = session.agent.run(plan, request=_title(plan), folder=session.workspace, progress=report)
    return turn_result(session, turn)


def list_images(session: Session, args: ListImages, report: ProgressCallback | None) -> Result:
    pictures = [picture for picture in session.agent.pictures() if not picture.forgotten]
    if args.before is not None:
        last = _number(args.before)
        pictures = [picture for picture in pictures if picture.row.number < last]
    if not pictures:
        return Result("No picture yet. create_image makes one.", (), session.name)
    tip = session.agent.context().tip
    images = tuple(image_info(session, picture, write=False) for picture in reversed(pictures[-args.limit :]))
    lines = [
        f"{image.id} {image.kind}, {image.width} x {image.height}, {image.made}"
        + (" (this is @last)" if image.id == tip else "")
        for image in images
    ]
    if len(pictures) > args.limit:
        lines.append(f"{len(pictures) - args.limit} earlier ones: list_images with before={images[-1].id}")
    return Result("\n".join(lines), images, session.name)


def show_image(session: Session, args: ShowImage, report: ProgressCallback | None) -> Result:
    reference = args.image
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


def undo(session: Session, args: Undo, report: ProgressCallback | None) -> Result:
    there = len(session.agent.turns())
    if args.turns > there:
        raise InputError(f"cannot go back {args.turns} turns; the conversation has {there}")
    picture = session.agent.undo(args.turns)
    done = f"Went back {args.turns} turn{'s' if args.turns > 1 else ''}; nothing was deleted. "
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
            "Change a picture: colours, style, objects, background, text, several things at once, or "
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
            "Look up one picture: its file, its size and how it was made.",
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
    args: ModelSettings,
    report: ProgressCallback | None,
    files: Sequence[Path] = (),
    mask: Any = None,
) -> Result:
    """Run the plan of a task that the caller chose, with the call's settings."""
    request = clean_request(request)
    plan = overridden(plan, args.seed, args.variations, args.steps, args.guidance, _size(args))
    return turn_result(session, session.agent.run(plan, files, request=request, mask=mask, progress=report))


def _size(args: ModelSettings) -> tuple[int, int] | None:
    if (args.width is None) != (args.height is None):
        raise InputError("only one side was given", "give width and height, or neither")
    return None if args.width is None or args.height is None else (args.width, args.height)


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
    if isinstance(mask, str) and not mask.startswith("@") and not re.search(r"[/\\]|\.\w{2,5}$", mask):
        side = mask.lower().strip()
        mask = Region.model_validate({"side": side} if side in SIDES else {"words": mask[:100]})
    if isinstance(mask, Region):
        shape = mask.model_dump(exclude_defaults=True)
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


def _title(plan: Plan) -> str:
    """The request of a plan that came without words, for the history."""
    return f"(a plan of {len(plan.steps)} steps)" if len(plan.steps) != 1 else plan.steps[0].instruction
