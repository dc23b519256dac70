"""From a folder of pictures to a folder of shards, by synthesis or clustering."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ace_agent.data.errors import BadInput
from ace_agent.data.pairs_from_images import clustering, embedding, linking, synthesis
from ace_agent.data.pairs_from_images.clustering import Clustering
from ace_agent.data.pairs_from_images.instruction_writers import InstructionWriter, TemplateWriter
from ace_agent.data.pairs_from_images.run_plan import Item, RunPlan, locked_folder
from ace_agent.data.pairs_from_images.shard_jobs import PairMaker, ShardDone, make_shards, write_manifest
from ace_agent.data.pairs_from_images.sources import Limits, Skipped, SourceImage, distinct, scan
from ace_agent.data.pairs_from_images.synthesis import Synthesis
from ace_agent.data.pairs_from_images.workers import UnorderedMap, worker_pool
from ace_agent.data.shards import Encoding, Shards
from ace_agent.files import write_atomic
from ace_agent.reports.shard_page import page

SHEET = "contact-sheet.html"
_EMBED_AT_ONCE = 64

RunProgress = Callable[[str, int, int], None]
"""Called with the stage ("looking", "embedding", "making"), how much of it is done, and of how much."""


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run, by either route.

    Args:
        folder: of the pictures.
        out: of the shards.
        size: longest side of a prepared picture, in pixels.
        seed: other seeds, other pairs.
        per_shard: pictures (or pairs of them) that make one shard.
        encoding: of pictures.
        limits: which pictures are used.
        models: the model for each need, from `annotators.available`.
        workers: processes.
        ray: address of a Ray cluster, or None.
    """

    folder: Path
    out: Path
    size: int = 512
    seed: int = 0
    per_shard: int = 64
    encoding: Encoding = "png"
    limits: Limits = field(default_factory=Limits)
    models: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    ray: str | None = None

    def settings(self, route: str) -> dict[str, Any]:
        """Everything that the content of the shards depends on."""
        return {
            "route": route,
            "size": self.size,
            "seed": self.seed,
            "encoding": self.encoding,
            "limits": asdict(self.limits),
            "models": self.models,
        }


def _silent(stage: str, done: int, total: int) -> None: ...


def synthesize(
    run: RunSettings, *, per_picture: int = 8, tasks: tuple[str, ...] = (), progress: RunProgress = _silent
) -> dict[str, Any]:
    """Make pairs of each picture by operators. Resumes a stopped run.

    Args:
        run: folders and settings.
        per_picture: pairs of one picture at most.
        tasks: only these; () for all.
        progress: called as the run advances.

    Returns:
        the manifest.

    Raises:
        BadInput: the folder, the tasks or the settings cannot be used.
        RunStopped: the run cannot go on; finished shards are kept.
    """
    synthesis.operations(tasks)
    run = _absolute(run)
    settings = run.settings("synthesize") | {"per_picture": per_picture, "tasks": list(tasks)}
    maker = Synthesis(run.folder, run.size, per_picture, run.seed, tasks, run.models)
    with locked_folder(run.out), worker_pool(run.workers, run.ray) as each:
        plan = RunPlan.open(run.out, settings)
        looked, left_out = _scan(run, each, progress)
        earlier = [SourceImage(**item) for item in plan.items()]
        fresh, copies = distinct(looked, earlier)
        plan.extend([synthesis.item_of(picture) for picture in fresh], run.per_shard)
        return _finish(run, plan, maker, each, [*left_out, *copies], progress)


def cluster(
    run: RunSettings,
    *,
    embedder: str = embedding.CLASSICAL,
    band: tuple[float, float] | None = None,
    per_cluster: int = 24,
    per_picture: int = 3,
    writer: InstructionWriter | None = None,
    progress: RunProgress = _silent,
) -> dict[str, Any]:
    """Link pictures of one subject into pairs. Resumes a stopped run.

    Args:
        run: folders and settings.
        embedder: a name that `embedding.choose` gave.
        band: lowest and highest similarity of a pair; None for the embedder's own.
        per_cluster: pairs of one cluster at most.
        per_picture: pairs that one picture is in at most.
        writer: writes instructions; None for templates.
        progress: called as the run advances.

    Returns:
        the manifest.

    Raises:
        BadInput: the folder or the settings cannot be used.
        RunStopped: the run cannot go on; finished shards are kept.
    """
    run = _absolute(run)
    writer = writer or TemplateWriter()
    band = band or embedding.embedder(embedder).band
    settings = run.settings("cluster") | {
        "embedder": embedder,
        "band": list(band),
        "per_cluster": per_cluster,
        "per_picture": per_picture,
        "writer": writer.name,
    }
    maker = Clustering(run.folder, run.size, run.seed, embedder, run.models, writer)
    with locked_folder(run.out), worker_pool(run.workers, run.ray) as each:
        plan = RunPlan.open(run.out, settings)
        looked, left_out = _scan(run, each, progress)
        here = {picture.sha256 for picture in looked}
        paired = {p.sha256: p for item in plan.items() for p in _both(item) if p.sha256 in here}
        fresh, copies = distinct(looked, paired.values())
        pictures = [*paired.values(), *fresh]
        vectors = _embedded(run, pictures, embedder, each, progress)
        items = _pairs(pictures, vectors, plan, band, per_cluster, per_picture, run.seed)
        plan.extend(items, run.per_shard)
        return _finish(run, plan, maker, each, [*left_out, *copies], progress)


def _absolute(run: RunSettings) -> RunSettings:
    """Absolute paths: workers may run in other folders."""
    folder, out = run.folder.resolve(), run.out.resolve()
    if folder == out:
        raise BadInput("the shards would lie among the pictures", "choose another --out")
    return RunSettings(**(run.__dict__ | {"folder": folder, "out": out}))


def _scan(
    run: RunSettings, each: UnorderedMap, progress: RunProgress
) -> tuple[list[SourceImage], list[Skipped]]:
    return scan(run.folder, run.out, run.limits, each, lambda done, total: progress("looking", done, total))


def _both(item: Item) -> tuple[SourceImage, SourceImage]:
    return SourceImage(**item["a"]), SourceImage(**item["b"])


def _embedded(
    run: RunSettings, pictures: list[SourceImage], name: str, each: UnorderedMap, progress: RunProgress
) -> dict[str, embedding.Vectors]:
    """The vectors of the pictures, including those of an earlier run."""
    kept = run.out / "vectors"
    kept.mkdir(exist_ok=True)
    known = embedding.read_vectors(kept)
    fresh = [picture for picture in pictures if picture.sha256 not in known]
    first = max((int(file.stem) for file in kept.glob("*.npz")), default=-1) + 1
    jobs = []
    for number, at in enumerate(range(0, len(fresh), _EMBED_AT_ONCE), first):
        batch = fresh[at : at + _EMBED_AT_ONCE]
        names, hashes = tuple(p.path for p in batch), tuple(p.sha256 for p in batch)
        jobs.append(embedding.EmbedJob(run.folder, names, hashes, name, kept / f"{number:06d}.npz"))
    done = len(pictures) - len(fresh)
    progress("embedding", done, len(pictures))
    if jobs:
        for count in each(embedding.run_job, jobs):
            done += count
            progress("embedding", done, len(pictures))
    return embedding.read_vectors(kept)


def _pairs(
    pictures: list[SourceImage],
    vectors: dict[str, embedding.Vectors],
    plan: RunPlan,
    band: tuple[float, float],
    per_cluster: int,
    per_picture: int,
    seed: int,
) -> list[Item]:
    """Pairs that the plan does not have yet."""
    embedded = [picture for picture in pictures if picture.sha256 in vectors]
    if len(embedded) < 2:
        return []
    numbers = {picture.sha256: n for n, picture in enumerate(embedded)}
    linked = linking.links(np.stack([vectors[picture.sha256] for picture in embedded]), band)
    cluster_of = linking.clusters(len(embedded), linked)
    planned = [tuple(p.sha256 for p in _both(item)) for item in plan.items()]
    taken = [(numbers[a], numbers[b]) for a, b in planned if a in numbers and b in numbers]
    chosen = linking.capped(
        linked,
        cluster_of,
        [picture.sha256 for picture in embedded],
        per_cluster=per_cluster,
        per_picture=per_picture,
        seed=seed,
        taken=[(min(pair), max(pair)) for pair in taken],
    )
    return [
        clustering.item_of(
            embedded[link.first],
            embedded[link.second],
            link.similarity,
            embedded[cluster_of[link.first]].sha256[:12],
        )
        for link in chosen
    ]


def _finish(
    run: RunSettings,
    plan: RunPlan,
    maker: PairMaker,
    each: UnorderedMap,
    left_out: list[Skipped],
    progress: RunProgress,
) -> dict[str, Any]:
    todo = plan.missing()
    total = sum(map(len, plan.shards))
    done = total - sum(len(plan.shards[n]) for n in todo)
    progress("making", done, total)

    def report(shard: ShardDone) -> None:
        nonlocal done
        done += shard.items
        progress("making", done, total)

    route = plan.settings["route"]
    try:
        make_shards(plan, maker, run.encoding, each, report)
    except BaseException:
        # Finished shards can be counted all the same, unless a full disk leaves no room even for the manifest.
        with suppress(OSError):
            write_manifest(plan, route, left_out)
        raise
    manifest = write_manifest(plan, route, left_out)
    if manifest["samples"]:
        sheet = page(Shards(run.out), f"{route}: {run.folder.name}", manifest)
        write_atomic(run.out / SHEET, sheet, durable=True)
    return manifest
