"""`ace data`: training pairs from anyone's own pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ace_agent.cli.ui.console import notices, output, print_json
from ace_agent.cli.ui.plain_text import clip

if TYPE_CHECKING:
    from ace_agent.data.pairs_from_images.run import RunProgress, RunSettings

_FOLDER = click.Path(path_type=Path, file_okay=False)
_LISTED = 20  # skipped pictures that are printed; manifest.json has all


def _names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Names given one by one or with commas between them."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    """The options that both routes have."""
    options = [
        click.argument("folder", metavar="DIR", type=_FOLDER),
        click.option("-o", "--out", type=_FOLDER, metavar="DIR",
                     help="Where shards go; default: beside DIR, named after the route."),
        click.option("--size", type=click.IntRange(64, 4096), default=512, show_default=True,
                     help="Longest side of a picture, in pixels; none is enlarged."),
        click.option("--seed", type=int, default=0, show_default=True, help="Other seeds, other pairs."),
        click.option("--per-shard", type=click.IntRange(1), default=64, show_default=True,
                     help="Pictures (or pairs of them) in a shard: what a kill can cost."),
        click.option("--encoding", type=click.Choice(("png", "webp")), default="png", show_default=True,
                     help="Both lossless; webp is smaller and slower."),
        click.option("--smallest", type=click.IntRange(16), default=64, show_default=True,
                     help="Leave out pictures with a side of fewer pixels."),
        click.option("--workers", type=click.IntRange(1),
                     help="Processes; default: one a core, or one when models are used."),
        click.option("--ray", is_flag=False, flag_value="local", metavar="[ADDRESS]",
                     help="Work on a Ray cluster: its address, auto, or nothing to start one here."),
        click.option("--captioner", default="", metavar="MODEL",
                     help="Image-to-text model for pictures without a .txt beside them; none for no model."),
        click.option("--json", "as_json", is_flag=True, help="Print the manifest for a program to read."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("data")
def group() -> None:
    """Make training pairs from your own pictures, and look at them."""


@group.command("synthesize")
@_shared
@click.option("--per-picture", type=click.IntRange(1), default=8, show_default=True,
              help="Pairs made of one picture at most.")  # fmt: skip
@click.option("--tasks", multiple=True, callback=_names, metavar="NAME,...", help="Only these tasks.")
@click.option("--depth", default="", metavar="MODEL", help="Depth model, or none.")
@click.option("--segment", default="", metavar="MODEL", help="Segmentation model, or none.")
@click.option("--pose", default="", metavar="MODEL", help="Pose model (VitPose), or none.")
@click.option("--detect", default="", metavar="MODEL", help="Model that finds people for poses, or none.")
def synthesize(per_picture: int, tasks: tuple[str, ...], **options: Any) -> None:
    """Make pairs of each picture in DIR: edges, mosaics, filters, holes, letters and their inverses.

    Depth, segments, poses and captions join in where the weights of a model are on disk; nothing is
    downloaded. Run the same command again to go on after a stop, or after adding pictures.
    """
    from ace_agent.data.pairs_from_images.run import synthesize as carry_out

    needs = ("depth", "segment", "detect", "pose", "caption")
    run = _run("synthesized", {need: _wanted(need, options) for need in needs}, **options)
    with _progress(options["as_json"]) as progress:
        manifest = carry_out(run, per_picture=per_picture, tasks=tasks, progress=progress)
    _told(manifest, run.out, options["as_json"])


@group.command("cluster")
@_shared
@click.option("--embedder", default="auto", show_default=True, metavar="MODEL",
              help="An image model on disk, classical for none; auto takes the best that is there.")  # fmt: skip
@click.option("--band", type=(click.FloatRange(-1, 1), click.FloatRange(-1, 1)), default=None, metavar="LOW HIGH",
              help="Similarity of two pictures of one subject; default: the embedder's own.")  # fmt: skip
@click.option(
    "--per-cluster", type=click.IntRange(1), default=24, show_default=True, help="Pairs of one cluster."
)
@click.option(
    "--per-picture", type=click.IntRange(1), default=3, show_default=True, help="Pairs one picture is in."
)
@click.option("--writer", default="template", show_default=True, metavar="PROVIDER:MODEL",
              help="Who writes instructions: template, or a LangChain chat model.")  # fmt: skip
@click.option("--writer-sees", type=click.Choice(("pictures", "captions")), default="pictures", show_default=True,
              help="Send the chat model both pictures, or captions only.")  # fmt: skip
def cluster(
    embedder: str,
    band: tuple[float, float] | None,
    per_cluster: int,
    per_picture: int,
    writer: str,
    writer_sees: str,
    **options: Any,
) -> None:
    """Link pictures in DIR that show one subject, and say how they differ.

    Run the same command again to go on after a stop, or after adding pictures.
    """
    from ace_agent.data.pairs_from_images import embedding
    from ace_agent.data.pairs_from_images.instruction_writers import ModelWriter, TemplateWriter, chat_model
    from ace_agent.data.pairs_from_images.run import cluster as carry_out

    if band is not None and band[0] >= band[1]:
        raise click.BadParameter("LOW must be under HIGH", param_hint="--band")
    chosen = embedding.choose(embedder)
    if chosen == embedding.CLASSICAL and embedder == "auto":
        notices().print(
            "embedding without a learned model, which is much weaker; "
            f"better: hf download {embedding.LEARNED[0]}"
        )
    hand = TemplateWriter() if writer == "template" else ModelWriter(writer, writer_sees)  # type: ignore[arg-type]
    if isinstance(hand, ModelWriter):
        chat_model(writer)  # fails now rather than after the embedding
        if writer_sees == "pictures":
            notices().print(f"reduced copies of the paired pictures are sent to {writer}")
    run = _run("clustered", {"caption": _wanted("caption", options)}, **options)
    with _progress(options["as_json"]) as progress:
        manifest = carry_out(
            run,
            embedder=chosen,
            band=band,
            per_cluster=per_cluster,
            per_picture=per_picture,
            writer=hand,
            progress=progress,
        )
    _told(manifest, run.out, options["as_json"])


@group.command("sprites")
@click.argument("npm_dir", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
def sprites(npm_dir: Path | None, out: Path | None) -> None:
    """Rasterise the sprites of the scene world.

    NPM_DIR holds the unpacked icon packages; without it they are fetched with npm.
    """
    from ace_agent.references import sprites as drawing

    place = out or drawing.default_place()
    count = drawing.build(npm_dir, place)
    output().print(f"{count} sprites in {place}")


@group.command("show")
@click.argument("shards", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write a contact sheet as one HTML page.")  # fmt: skip
@click.option(
    "--per-task", type=click.IntRange(1), default=6, show_default=True, help="Samples of a task on the sheet."
)
@click.option("-n", "count", type=click.IntRange(0), default=8, show_default=True, help="Samples to print.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for a program to read.")
def show(shards: Path, html: Path | None, per_task: int, count: int, as_json: bool) -> None:
    """Say what a folder of shards (or one shard) holds."""
    from ace_agent.data.shards import Shards
    from ace_agent.files import write_atomic
    from ace_agent.reports.shard_page import page

    read = Shards(shards)
    if html is not None:
        write_atomic(html, page(read, shards.name, per_task=per_task), durable=True)
    spread = range(0, len(read), max(1, -(-len(read) // count))) if count and len(read) else range(0)
    records = [read.record(number) for number in spread]
    if as_json:
        rows = [
            {"task": turn.task, "instruction": turn.instruction, "provenance": record.provenance}
            for record in records
            for turn in record.sample.turns[-1:]
        ]
        print_json({"shards": len(read.indexes), "samples": len(read), "tasks": read.tasks(), "shown": rows})
        return
    from rich.table import Table

    table = Table(title=f"{len(read)} samples in {len(read.indexes)} shards")
    table.add_column("task")
    table.add_column("samples", justify="right")
    for task, number in sorted(read.tasks().items()):
        table.add_row(task, str(number))
    output().print(table)
    for record in records:
        turn = record.sample.turns[-1]
        height, width = turn.target.shape[:2]
        output().print(f"{turn.task}, {width} x {height}: {clip(turn.instruction, 90)}", markup=False)


def _wanted(need: str, options: dict[str, Any]) -> str:
    from ace_agent.data.pairs_from_images.annotators import MODELS

    given: str = options["captioner" if need == "caption" else need]
    return given or MODELS[need]


def _run(route: str, wanted: dict[str, str], **options: Any) -> RunSettings:
    """The settings of a run; says which models are left out and why."""
    import os

    from ace_agent.data.pairs_from_images.annotators import MODELS, available
    from ace_agent.data.pairs_from_images.run import RunSettings
    from ace_agent.data.pairs_from_images.sources import Limits

    models, missing = available(wanted)
    named = {need for need, model in wanted.items() if model != MODELS[need]}
    for one in missing:
        if one.model == "none":
            continue
        if one.need in named:
            raise click.BadParameter(f"{one.model}: {one.reason}", param_hint=f"the {one.need} model")
        notices().print(f"without {one.need}: {one.model}: {one.reason}")
    folder: Path = options["folder"]
    # Every process would load the models anew.
    workers = options["workers"] or (1 if models else os.cpu_count() or 1)
    return RunSettings(
        folder=folder,
        out=options["out"] or folder.resolve().parent / f"{folder.resolve().name}-{route}",
        size=options["size"],
        seed=options["seed"],
        per_shard=options["per_shard"],
        encoding=options["encoding"],
        limits=Limits(smallest=options["smallest"]),
        models=models,
        workers=workers,
        ray=options["ray"],
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[RunProgress]:
    """A bar for each stage, with the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=notices(), transient=True, disable=quiet) as bars:
        stages: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total, completed=done)
            bars.update(stages[stage], completed=done, total=total)

        yield progress


def _told(manifest: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        print_json(manifest)
        return
    for row in manifest["skipped"][:_LISTED]:
        notices().print(f"skipped {row['path']}: {row['reason']}", markup=False)
    more = len(manifest["skipped"]) - _LISTED
    if more > 0:
        notices().print(f"skipped {more} more; manifest.json lists them")
    megabytes = sum(shard["bytes"] for shard in manifest["shards"]) / 1e6
    output().print(
        f"{manifest['samples']} samples of {len(manifest['tasks'])} tasks in {len(manifest['shards'])} shards, "
        f"{megabytes:.1f} MB, in {out}"
    )
    if manifest["samples"]:
        output().print(f"look at them: {out / 'contact-sheet.html'}")
