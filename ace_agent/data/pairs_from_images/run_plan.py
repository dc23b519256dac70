"""The plan of a run, written before it begins: which items make which shard.

``plan.jsonl`` has a header line with the settings, then a line per shard. Shards appear atomically, so a killed run
continues with the missing ones: nothing is lost or made twice. New pictures only add shards.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace_agent.data.errors import BadInput
from ace_agent.data.shards import shard_path
from ace_agent.files import write_atomic

FORMAT = 1
Item = dict[str, Any]
"""One piece of work as JSON: a picture, or a pair of them."""

_PLAN = "plan.jsonl"
_LOCK = ".lock"


@dataclass
class RunPlan:
    """The settings of a folder of shards and the items of each shard.

    Args:
        folder: of the shards.
        settings: JSON values that the content of the shards depends on.
        shards: the items of each shard, by its number.
    """

    folder: Path
    settings: dict[str, Any]
    shards: list[list[Item]]

    @classmethod
    def open(cls, folder: Path, settings: dict[str, Any]) -> RunPlan:
        """The plan of a folder, or an empty one.

        Raises:
            BadInput: the folder was made with other settings, or its plan is damaged.
        """
        path = folder / _PLAN
        if not path.exists():
            return cls(folder, settings, [])
        try:
            header, *rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
            recorded = header["settings"]
            shards = [row["items"] for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{path} is damaged", "choose another folder with --out") from error
        if header.get("format") != FORMAT:
            raise BadInput(
                f"{path} is of format {header.get('format')!r}", "choose another folder with --out"
            )
        wanted = json.loads(json.dumps(settings))
        if recorded != wanted:
            names = sorted(set(recorded) | set(wanted))
            differing = ", ".join(
                f"{name} {json.dumps(recorded.get(name))} instead of {json.dumps(wanted.get(name))}"
                for name in names
                if recorded.get(name) != wanted.get(name)
            )
            raise BadInput(
                f"{folder} was made with {differing}", "use the same settings, or choose another --out"
            )
        return cls(folder, settings, shards)

    def items(self) -> Iterator[Item]:
        for shard in self.shards:
            yield from shard

    def extend(self, items: Sequence[Item], per_shard: int) -> None:
        """Add shards for new items, and save the plan."""
        self.shards += [list(items[at : at + per_shard]) for at in range(0, len(items), per_shard)]
        header = {"format": FORMAT, "settings": self.settings}
        rows = [header, *({"shard": n, "items": shard} for n, shard in enumerate(self.shards))]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(self.folder / _PLAN, text, durable=True)

    def missing(self) -> list[int]:
        """Numbers of the shards that do not exist yet."""
        return [n for n in range(len(self.shards)) if not shard_path(self.folder, n).exists()]


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Lock a folder against other runs, and delete what a killed one left unfinished.

    Raises:
        BadInput: another run is writing there, or the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise BadInput(f"{folder} cannot be written: {error.strerror}", "choose another --out") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another run is writing to {folder}", "wait for it, or choose another --out"
            ) from None
        for left in folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)
        yield
