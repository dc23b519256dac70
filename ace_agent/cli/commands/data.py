"""`ace data`: training pairs from your own pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ace_agent.cli.ui.console import notices, output, print_json
from ace_agent.cli.ui.options import parse_names
from ace_agent.cli.ui.plain_text import clip

if TYPE_CHECKING:
    from ace_agent.data.pairs_from_images.run import RunSettings

_FOLDER = click.Path(path_type=Path, file_okay=False)
_LISTED = 20  # skipped pictures that are printed; manifest.json lists all


def _route_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments and options of both routes."""
    options = [
        click.argument("folder", metavar="DIR", type=_FOLDER),
        click.option("-o", "--out", type=_FOLDER, metavar="DIR",
                     help="Folder of the shards; default: beside DIR, named after the route."),
        click.option("--size", type=click.IntRange(64, 4096), default=512, show_default=True,
                     help="Longest side of a picture, in pixels; smaller ones are not enlarged."),
        click.option("--seed", type=int, default=0, show_default=True, help="Another seed makes other pairs."),
        click.option("--per-shard", type=click.IntRange(1), default=64, show_default=True,
                     help="Pictures, or pairs of them, in a shard, which is what a kill can cost."),
        click.option("--encoding", type=click.Choice(("png", "webp")), default="png", show_default=True,
                     help="Both lossless; webp is smaller and slower."),
        click.option("--smallest", type=click.IntRange(16), default=64, show_default=True,
                     help="Skip pictures with a side shorter than this, in pixels."),
        click.option("--workers", type=click.IntRange(1),
                     help="Processes; default: one a core, or one where models are used."),
        click.option("--ray", is_flag=False, flag_value="local", metavar="[ADDRESS]",
                     help="Work on a Ray cluster: its address, auto, or nothing to start one here."),
        click.option("--captioner", default="", metavar="MODEL",
                     help="Model that captions pictures without a .txt beside them, or none."),
        click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("data")
def group() -> None:
    """Make training pairs from your own pictures, and look at them."""


@group.command("synthesize")
@_route_options
@click.option("--per-picture", type=click.IntRange(1), default=8, show_default=True,
              help="Maximum of pairs made of one picture.")  # fmt: skip
@click.option("--tasks", multiple=True, callback=parse_names, metavar="NAME,...", help="Only these tasks.")
@click.option("--depth", default="", metavar="MODEL", help="Depth model, or none.")
@click.option("--segment", default="", metavar="MODEL", help="Segmentation model, or none.")
@click.option("--pose", default="", metavar="MODEL", help="Pose model (VitPose), or none.")
@click.option("--detect", default="", metavar="MODEL", help="Model that finds people for poses, or none.")
def synthesize(per_picture: int, tasks: tuple[str, ...], **options: Any) -> None:
    """Make pairs of each picture in DIR: edges, mosaics, filters, holes, letters and their inverses.

    Depth, segments, poses and captions are added where the weights of their model are on disk; nothing
    is downloaded. Run the same command again to continue after a stop, or after adding pictures.
    """
    from ace_agent.cli.ui.progress import stage_bars
    from ace_agent.data.pairs_from_images.run import synthesize as carry_out

    needs = ("depth", "segment", "detect", "pose", "caption")
    run = _run("synthesized", {need: _wanted(need, options) for need in needs}, **options)
    with stage_bars(options["as_json"]) as progress:
        manifest = carry_out(run, per_picture=per_picture, tasks=tasks, progress=progress)
    _print_manifest(manifest, run.out, options["as_json"])


@group.command("cluster")
@_route_options
@click.option("--embedder", default="auto", show_default=True, metavar="MODEL",
              help="An image model on disk, or classical for none; auto takes the best one on disk.")  # fmt: skip
@click.option("--band", type=(click.FloatRange(-1, 1), click.FloatRange(-1, 1)), default=None, metavar="LOW HIGH",
              help="Similarity of two pictures of one subject; default: that of the embedder.")  # fmt: skip
@click.option(
    "--per-cluster",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="Maximum of pairs from one cluster.",
)
@click.option(
    "--per-picture",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Maximum of pairs with one picture.",
)
@click.option("--writer", default="template", show_default=True, metavar="PROVIDER:MODEL",
              help="What writes the instructions: template, or a LangChain chat model.")  # fmt: skip
@click.option("--writer-sees", type=click.Choice(("pictures", "captions")), default="pictures", show_default=True,
              help="Send the chat model both pictures, or only their captions.")  # fmt: skip
def cluster(
    embedder: str,
    band: tuple[float, float] | None,
    per_cluster: int,
    per_picture: int,
    writer: str,
    writer_sees: str,
    **options: Any,
) -> None:
    """Pair pictures in DIR of the same subject, with an instruction for their difference.

    Run the same command again to continue after a stop, or after adding pictures.
    """
    from ace_agent.cli.ui.progress import stage_bars
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
    instructions = TemplateWriter() if writer == "template" else ModelWriter(writer, writer_sees)  # type: ignore[arg-type]
    if isinstance(instructions, ModelWriter):
        chat_model(writer)  # fails now, not after the embedding
        if writer_sees == "pictures":
            notices().print(f"reduced copies of the paired pictures are sent to {writer}")
    run = _run("clustered", {"caption": _wanted("caption", options)}, **options)
    with stage_bars(options["as_json"]) as progress:
        manifest = carry_out(
            run,
            embedder=chosen,
            band=band,
            per_cluster=per_cluster,
            per_picture=per_picture,
            writer=instructions,
            progress=progress,
        )
    _print_manifest(manifest, run.out, options["as_json"])


@group.command("sprites")
@click.argument("npm_dir", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
def sprites(npm_dir: Path | None, out: Path | None) -> None:
    """Draw the sprites of the scene world.

    NPM_DIR holds the unpacked icon packages; without it, npm fetches them.
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(shards: Path, html: Path | None, per_task: int, count: int, as_json: bool) -> None:
    """List what a folder of shards, or one shard, holds."""
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
    """The settings of a run. Prints which models are left out, and why."""
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


def _print_manifest(manifest: dict[str, Any], out: Path, as_json: bool) -> None:
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
