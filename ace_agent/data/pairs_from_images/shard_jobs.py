"""Making the shards of a plan, and the manifest that counts them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ace_agent.data.errors import RunStopped
from ace_agent.data.pairs_from_images.run_plan import Item, RunPlan
from ace_agent.data.pairs_from_images.sources import Skipped
from ace_agent.data.pairs_from_images.workers import UnorderedMap
from ace_agent.data.shards import (
    Encoding,
    Record,
    ShardIndex,
    ShardWriter,
    list_shards,
    read_index,
    shard_path,
)
from ace_agent.files import write_atomic

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Dropped:
    """A sample that is not kept, and why: ``no change``, ``unfit`` or ``unsaid``."""

    why: str


class PairMaker(Protocol):
    """Turns one item into samples. It is pickled to other processes, so it loads heavy parts on first use."""

    def __call__(self, item: Item) -> Iterable[Record | Dropped | Skipped]: ...


@dataclass(frozen=True)
class ShardJob:
    """One shard to make."""

    folder: Path
    number: int
    items: list[Item]
    maker: PairMaker
    encoding: Encoding

    def run(self) -> ShardDone:
        """Make the shard.

        Raises:
            RunStopped: it cannot be written; no part of it is left.
        """
        dropped: Counter[str] = Counter()
        skipped: list[Skipped] = []
        samples = 0
        try:
            with ShardWriter(self.folder, self.number, self.encoding) as shard:
                for item in self.items:
                    for made in self.maker(item):
                        if isinstance(made, Skipped):
                            skipped.append(made)
                        elif isinstance(made, Dropped):
                            dropped[made.why] += 1
                        elif shard.add(made):
                            samples += 1
                        else:
                            dropped["duplicate"] += 1
                shard.notes = {"dropped": dict(dropped), "skipped": [asdict(one) for one in skipped]}
        except OSError as error:
            raise RunStopped(
                f"shard {self.number} cannot be written to {self.folder}: {error.strerror or error}",
                "the shards before it are whole; free some space and run the same command again",
            ) from error
        return ShardDone(self.number, len(self.items), samples)


@dataclass(frozen=True)
class ShardDone:
    """A finished shard, with the number of its items and samples."""

    number: int
    items: int
    samples: int


def run_job(job: ShardJob) -> ShardDone:
    """Make one shard, unless it exists: on a cluster a worker may die between finishing a shard and reporting it."""
    path = shard_path(job.folder, job.number)
    if path.exists():
        return ShardDone(job.number, len(job.items), len(read_index(path).entries))
    return job.run()


def make_shards(
    plan: RunPlan,
    maker: PairMaker,
    encoding: Encoding,
    each: UnorderedMap,
    report: Callable[[ShardDone], None],
) -> None:
    """Make the missing shards of a plan.

    Args:
        plan: what to make.
        maker: makes samples of items.
        encoding: of pictures.
        each: runs the jobs.
        report: called with each finished shard.

    Raises:
        RunStopped: a shard could not be made; finished ones are kept.
    """
    jobs = [ShardJob(plan.folder, n, plan.shards[n], maker, encoding) for n in plan.missing()]
    if jobs:
        for done in each(run_job, jobs):
            report(done)


# ---- what came of it


def write_manifest(plan: RunPlan, route: str, left_out: list[Skipped]) -> dict[str, Any]:
    """Count the content of the folder, and write the manifest.

    Args:
        plan: of the folder.
        route: ``synthesize`` or ``cluster``.
        left_out: files that are not in the plan.
    """
    from ace_agent import __version__

    made = plan.shards and len(plan.missing()) < len(plan.shards)
    indexes = [read_index(path) for path in list_shards(plan.folder)] if made else []
    tasks: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    skipped = [asdict(one) for one in left_out]
    for index in indexes:
        tasks.update(entry.tasks[-1] for entry in index.entries)
        dropped.update(index.notes.get("dropped", {}))
        skipped += index.notes.get("skipped", [])
    manifest = {
        "format": 1,
        "route": route,
        "ace-agent": __version__,
        "settings": plan.settings,
        "items": sum(map(len, plan.shards)),
        "samples": sum(tasks.values()),
        "tasks": dict(sorted(tasks.items())),
        "dropped": dict(sorted(dropped.items())),
        "complete": not plan.missing(),
        "skipped": skipped,
        "shards": [_row(index) for index in indexes],
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    write_atomic(plan.folder / MANIFEST, text, durable=True)
    return manifest


def _row(index: ShardIndex) -> dict[str, Any]:
    return {"file": index.path.name, "bytes": index.size, "samples": len(index.entries)}
