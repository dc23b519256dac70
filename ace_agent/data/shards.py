"""Shards of training samples: tar files that are complete or absent.

A shard ``shard-000012.tar`` has WebDataset's layout: members of one sample share the part of their names before the
first dot, its content hash ``K``.

| member | what |
|---|---|
| ``K.json`` | ``{"format": 1, "family", "turns": [...], "provenance": {...}}`` |
| ``K.0.image0.png`` | the first frame of the first turn |
| ``K.0.mask0.png`` | its mask, if it has one: 8 bits, 255 where the picture is to change |
| ``K.0.target.png`` | the first turn's target |

A turn in the JSON is ``{"task", "instruction", "frames": [{"image": "0.image0.png", "mask": null}],
"target": "0.target.png", "base": 0, "judge": {}}``. Pictures are PNG or lossless WebP.

``shard-000012.json`` beside each shard has the offset of every member, for random access. It is written before the tar
gets its name, so a shard that exists is complete. A shard without its JSON can still be read.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from PIL import Image

from ace_agent.data.errors import BadInput
from ace_agent.data.hashing import sample_hash
from ace_agent.data.sample import Sample, TrainingTurn
from ace_agent.files import move_into_place, temporary_beside, write_atomic
from ace_agent.images.compositing import changed_mask
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame

FORMAT = 1
Encoding = Literal["png", "webp"]
ENCODINGS: tuple[Encoding, ...] = ("png", "webp")

_UPGRADE = "upgrade with pip install -U ace-agent"


@dataclass(frozen=True)
class Record:
    """A sample and its provenance.

    Args:
        sample: the conversation.
        provenance: JSON values: the source pictures with their hashes, the operation, the seed, the models.
    """

    sample: Sample
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One sample of a shard: its key, its tasks, and the (offset, length) of its members."""

    key: str
    tasks: tuple[str, ...]
    members: Mapping[str, tuple[int, int]]


# ---- writing


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:06d}.tar"


class ShardWriter:
    """Writes one shard, which appears only if the ``with`` block ends without an error.

    Args:
        folder: of the shards.
        number: of the shard.
        encoding: of pictures; masks are always PNG. Both are lossless, so the untouched part of an edit stays
            bit-identical to its source.

    Raises:
        OSError: the disk is full or refuses.
    """

    def __init__(self, folder: Path, number: int, encoding: Encoding = "png") -> None:
        self.path = shard_path(folder, number)
        self.notes: dict[str, Any] = {}
        """JSON values for the shard's index, such as what was left out and why."""
        self._encoding = encoding
        self._temporary = temporary_beside(self.path)
        self._keys: set[str] = set()

    def __enter__(self) -> ShardWriter:
        self._file = self._temporary.open("wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)
        return self

    def add(self, record: Record) -> bool:
        """Append a sample; returns False, and writes nothing, if this shard has it already."""
        key = sample_hash(record.sample)
        if key in self._keys:
            return False
        self._keys.add(key)
        for name, data in _encoded(record, self._encoding):
            # Times and owners stay zero, so that the same samples give the same bytes.
            member = tarfile.TarInfo(f"{key}.{name}")
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            # Closing flushes the buffer, which fails too on a full disk.
            with suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _commit(self) -> None:
        self._tar.close()
        self._file.flush()
        entries = _scan(self._temporary)
        index = {
            "format": FORMAT,
            "bytes": self._temporary.stat().st_size,
            "samples": [
                {"key": entry.key, "tasks": entry.tasks, "members": entry.members} for entry in entries
            ],
            "notes": self.notes,
        }
        write_atomic(self.path.with_suffix(".json"), json.dumps(index, ensure_ascii=False), durable=True)
        move_into_place(self._temporary, self.path, durable=True)


def _encoded(record: Record, encoding: Encoding) -> Iterator[tuple[str, bytes]]:
    turns = []
    pictures: list[tuple[str, bytes]] = []
    for t, turn in enumerate(record.sample.turns):
        frames = []
        for k, frame in enumerate(turn.frames):
            name = f"{t}.image{k}.{encoding}"
            pictures.append((name, _picture(frame.image, encoding)))
            row: dict[str, str | None] = {"image": name, "mask": None}
            if frame.mask is not None:
                row["mask"] = f"{t}.mask{k}.png"
                pictures.append((f"{t}.mask{k}.png", _picture(frame.mask, "png")))
            frames.append(row)
        target = f"{t}.target.{encoding}"
        pictures.append((target, _picture(turn.target, encoding)))
        turns.append(
            {
                "task": turn.task,
                "instruction": turn.instruction,
                "frames": frames,
                "target": target,
                "base": turn.base,
                "judge": turn.judge,
            }
        )
    head = {
        "format": FORMAT,
        "family": record.sample.family,
        "turns": turns,
        "provenance": record.provenance,
    }
    yield "json", json.dumps(head, ensure_ascii=False, sort_keys=True).encode()
    yield from pictures


def _picture(pixels: Pixels, encoding: Encoding) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    if encoding == "webp":
        image.save(stream, "WEBP", lossless=True, quality=30, method=2, exact=True)
    else:
        image.save(stream, "PNG", compress_level=4)
    return stream.getvalue()


# ---- reading


@dataclass(frozen=True)
class ShardIndex:
    """The content of a shard.

    Args:
        path: of the tar.
        size: its length in bytes.
        entries: its samples, in order.
        notes: JSON values of its writer.
    """

    path: Path
    size: int
    entries: tuple[Entry, ...]
    notes: Mapping[str, Any]


def read_index(path: Path) -> ShardIndex:
    """The content of a shard, from the JSON beside it or else from its headers.

    Raises:
        BadInput: the file is no shard, is truncated, or has a later format.
    """
    size = path.stat().st_size
    beside = path.with_suffix(".json")
    if beside.is_file():
        try:
            row = json.loads(beside.read_bytes())
            if row["format"] != FORMAT:
                raise BadInput(f"{beside} is of format {row['format']!r}", _UPGRADE)
            entries = tuple(
                Entry(s["key"], tuple(s["tasks"]), {n: (at, of) for n, (at, of) in s["members"].items()})
                for s in row["samples"]
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{beside} is damaged", "remove it; the shard can be read without it") from error
        if row["bytes"] != size:
            raise BadInput(
                f"{path} has {size} bytes instead of {row['bytes']}", "copy it again, or remove the shard"
            )
        return ShardIndex(path, size, entries, row.get("notes", {}))
    return ShardIndex(path, size, tuple(_scan(path)), {})


def _scan(path: Path) -> list[Entry]:
    grouped: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, _, name = member.name.partition(".")
                grouped.setdefault(key, {})[name] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        raise BadInput(f"{path} is no shard, or damaged ({error})", "copy it again, or remove it") from error
    entries = []
    with path.open("rb") as stream:
        for key, members in grouped.items():
            if "json" not in members:
                raise BadInput(f"{path}: sample {key} has no .json", "is this a shard of ace data?")
            at, length = members["json"]
            stream.seek(at)
            entries.append(Entry(key, _tasks(stream.read(length), path, key), members))
    return entries


def _tasks(head: bytes, path: Path, key: str) -> tuple[str, ...]:
    try:
        row = json.loads(head)
        if row["format"] != FORMAT:
            raise BadInput(f"{path}: sample {key} is of format {row['format']!r}", _UPGRADE)
        return tuple(turn["task"] for turn in row["turns"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: the description of sample {key} is damaged", "remove the shard") from error


def list_shards(path: Path) -> list[Path]:
    """The shards of a folder, in order, or the one shard at ``path``.

    Raises:
        BadInput: there is none.
    """
    if path.is_file():
        return [path]
    found = sorted(path.glob("shard-*.tar")) if path.is_dir() else []
    if not found:
        reason = "holds no shards" if path.is_dir() else "does not exist"
        raise BadInput(f"{path} {reason}", "make some with: ace data synthesize DIR")
    return found


class Shards(Sequence[Sample]):
    """All samples of a folder of shards, or of one shard; read from disk on access, in any order.

    Holds no open files, so it can be sent to other processes.

    Raises:
        BadInput: there are no shards, or one of them is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.indexes = tuple(read_index(shard) for shard in list_shards(Path(path)))
        self._places = [(index.path, entry) for index in self.indexes for entry in index.entries]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Sample:  # type: ignore[override]  # slices are not offered
        return self.record(number).sample

    @property
    def entries(self) -> list[Entry]:
        """Key and tasks of every sample, without reading it."""
        return [entry for _, entry in self._places]

    def tasks(self) -> Counter[str]:
        """How many samples end in each task."""
        return Counter(entry.tasks[-1] for _, entry in self._places)

    def record(self, number: int) -> Record:
        """Sample ``number`` with its provenance."""
        path, entry = self._places[number]
        with path.open("rb") as stream:

            def read(name: str) -> bytes:
                at, length = entry.members[name]
                stream.seek(at)
                return stream.read(length)

            try:
                head = json.loads(read("json"))
                turns = tuple(_turn(row, read) for row in head["turns"])
            except (OSError, ValueError, KeyError, SyntaxError) as error:
                raise BadInput(
                    f"{path}: sample {entry.key} is damaged ({error})", "copy the shard again"
                ) from error
        return Record(Sample(head["family"], turns), head["provenance"])


def _turn(row: Mapping[str, Any], read: Any) -> TrainingTurn:
    frames = tuple(
        Frame(_pixels(read(frame["image"]), "RGB"), _pixels(read(frame["mask"]), "L"))
        if frame["mask"]
        else Frame(_pixels(read(frame["image"]), "RGB"))
        for frame in row["frames"]
    )
    target = _pixels(read(row["target"]), "RGB")
    return make_turn(row["task"], row["instruction"], frames, target, row["base"], row["judge"])


def _pixels(data: bytes, mode: str) -> Pixels:
    with Image.open(io.BytesIO(data), formats=["PNG", "WEBP"]) as image:
        return np.asarray(image.convert(mode))


def make_turn(
    task: str,
    instruction: str,
    frames: tuple[Frame, ...],
    target: Pixels,
    base: int | None,
    judge: Mapping[str, Any] | None = None,
) -> TrainingTurn:
    """A turn of which only the pixels are known; its region is where target and base differ."""
    region = None
    if base is not None and frames[base].image.shape == target.shape:
        region = changed_mask(frames[base].image, target)
    return TrainingTurn(task, instruction, frames, target, base, region, (), (), dict(judge or {}))
