"""A user's own training pairs as a table: source, mask, instruction, target.

A CSV has a header line; a JSONL file has one object per line. Paths are relative to the file's folder.

| column | what |
|---|---|
| ``instruction`` | what to do; may name ``{image}``, ``{image1}`` ... |
| ``target`` | the picture that answers it |
| ``source`` | the given picture; empty for text-to-image; in JSONL also a list |
| ``mask`` | optional: white where the source is to change; in JSONL also a list, with null for none |
| ``task`` | optional: an id of the task catalogue; inferred if left out |

The whole file is checked when it is opened, before training begins.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ace_agent.data.errors import BadInput
from ace_agent.data.pairs_from_images.sources import fitted, opaque
from ace_agent.data.sample import Sample
from ace_agent.data.scenes.tasks.table import FAMILY_OF
from ace_agent.data.shards import Shards, make_turn
from ace_agent.errors import InputError
from ace_agent.images.files import read_mask, read_picture
from ace_agent.images.types import Pixels
from ace_agent.plan.tasks import MAX_IMAGES, TASKS
from ace_agent.references.types import Frame

REQUIRED = ("source", "instruction", "target")
COLUMNS = (*REQUIRED, "mask", "task")

_SHOWN = 3  # problems named in one message
_INDICATOR = re.compile(r"\{image(\d*)\}")


@dataclass(frozen=True)
class PairRow:
    """One line of a pairs file.

    Args:
        line: its number in the file, from 1.
        sources: the given pictures.
        masks: of each of them, or None.
        instruction: what to do.
        target: the answer.
        task: an id of the catalogue.
        base: which source the target edits; None when none does.
    """

    line: int
    sources: tuple[Path, ...]
    masks: tuple[Path | None, ...]
    instruction: str
    target: Path
    task: str
    base: int | None


class RowError(Exception):
    """A line that cannot be used, and why."""


class PairsFile(Sequence[Sample]):
    """The samples of a pairs file; pictures are read on access.

    Args:
        path: of the CSV or JSONL file.
        size: longest side of a picture, in pixels; larger ones are reduced. Sides become multiples of 16.
        progress: called with the number of lines checked and their total.

    Raises:
        BadInput: the file is missing or empty, a column is missing, or a line names a picture that cannot be
            read, a mask that does not fit its source or marks nothing, or a task that does not fit; with
            line numbers.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        size: int = 1024,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.path = Path(path)
        self.size = size
        rows = _rows(self.path)
        self.pairs: list[PairRow] = []
        wrong: list[str] = []
        for number, (line, row) in enumerate(rows, 1):
            try:
                self.pairs.append(_checked(self.path.parent, line, row))
            except RowError as error:
                wrong.append(f"line {line}: {error}")
            progress(number, len(rows))
        if wrong:
            more = f"; and {len(wrong) - _SHOWN} more lines" if len(wrong) > _SHOWN else ""
            raise BadInput(
                f"{self.path} {'; '.join(wrong[:_SHOWN])}{more}", "correct the file; nothing was started"
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> Sample:  # type: ignore[override]  # slices are not offered
        pair = self.pairs[number]
        try:
            frames = tuple(
                Frame(self._picture(source), None if mask is None else self._mask(mask))
                for source, mask in zip(pair.sources, pair.masks, strict=True)
            )
            target = self._picture(pair.target)
        except InputError as error:
            raise BadInput(
                f"{self.path} line {pair.line}: {error.message}", "it changed after the check"
            ) from error
        turn = make_turn(pair.task, pair.instruction, frames, target, pair.base, {"exact": False})
        return Sample(FAMILY_OF[pair.task], (turn,))

    def _picture(self, path: Path) -> Pixels:
        return fitted(opaque(read_picture(path).image), self.size)

    def _mask(self, path: Path) -> Pixels:
        gray = fitted(read_mask(path).convert("RGB"), self.size)[..., 0]
        return np.where(gray > 127, np.uint8(255), np.uint8(0))


def open_samples(
    path: str | os.PathLike[str],
    *,
    size: int = 1024,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sequence[Sample]:
    """Training samples from a pairs file (.csv, .jsonl), a shard (.tar) or a folder of shards.

    Raises:
        BadInput: it is none of these, or its content is wrong.
    """
    given = Path(path)
    if given.is_dir() or given.suffix == ".tar":
        return Shards(given)
    return PairsFile(given, size=size, progress=progress)


# ---- reading the table


def _rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise BadInput(f"{path} is no pairs file", "give a .csv or .jsonl, or a folder of shards")
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text", "save it as CSV with UTF-8") from error
    rows = list(_of_csv(path, text) if path.suffix.lower() == ".csv" else _of_jsonl(path, text))
    if not rows:
        raise BadInput(f"{path} has no pairs", f"its columns are {', '.join(COLUMNS)}")
    return rows


def _of_csv(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(table, [])]
        _check_columns(path, 1, header)
        if len(set(header)) < len(header):
            raise BadInput(f"{path} line 1: a column is there twice", "give each column one name")
        # Quoted values may hold line breaks; a row is numbered by its first line.
        line = table.line_num + 1
        for values in table:
            if any(value.strip() for value in values):
                if len(values) != len(header):
                    raise BadInput(
                        f"{path} line {line}: {len(values)} values for {len(header)} columns",
                        'put a value that has a comma into "quotes"',
                    )
                yield line, {name: value.strip() for name, value in zip(header, values, strict=True)}
            line = table.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{path} line {table.line_num}: {error}", "check the quotes") from error


def _of_jsonl(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, written in enumerate(text.splitlines(), 1):
        if not written.strip():
            continue
        try:
            row = json.loads(written)
        except ValueError as error:
            raise BadInput(f"{path} line {line}: no JSON ({error})", "write one object a line") from error
        if not isinstance(row, dict):
            raise BadInput(f"{path} line {line}: not an object", "write one object a line")
        _check_columns(path, line, list(row))
        yield line, row


def _check_columns(path: Path, line: int, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise BadInput(
            f"{path} line {line}: there is no column {', '.join(missing)}",
            f"columns are {', '.join(REQUIRED)}, and if you like mask and task",
        )
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise BadInput(
            f"{path} line {line}: unknown column {', '.join(unknown)}", f"columns are {', '.join(COLUMNS)}"
        )


# ---- checking a line


def _checked(folder: Path, line: int, row: Mapping[str, Any]) -> PairRow:
    instruction = row["instruction"]
    if not isinstance(instruction, str) or not instruction.strip():
        raise RowError("the instruction is empty")
    sources = _paths(folder, row["source"], "source")
    given = _paths(folder, row.get("mask"), "mask", gaps=True)
    if any(source is None for source in sources):
        raise RowError("a source is missing")
    if len(sources) > MAX_IMAGES:
        raise RowError(f"{len(sources)} sources; {MAX_IMAGES} at most")
    if len(given) > len(sources):
        raise RowError(f"{len(given)} masks for {len(sources)} sources")
    target_name = _paths(folder, row["target"], "target")
    if len(target_name) != 1 or target_name[0] is None:
        raise RowError("one target is needed")
    pictures = tuple(source for source in sources if source is not None)
    masks = (*given, *[None] * (len(pictures) - len(given)))
    sizes = [_size(source, "source") for source in pictures]
    target_size = _size(target_name[0], "target")
    for mask, size in zip(masks, sizes, strict=True):
        if mask is not None:
            _check_mask(mask, size)
    task, base = _task(row.get("task"), sizes, target_size)
    _check_indicators(instruction, len(pictures))
    return PairRow(line, pictures, masks, instruction.strip(), target_name[0], task, base)


def _paths(folder: Path, value: Any, column: str, *, gaps: bool = False) -> list[Path | None]:
    """The files of a cell: none, one, or a list."""
    values = value if isinstance(value, list) else [value]
    if values in ([None], [""]):
        return []
    for one in values:
        if not (isinstance(one, str) and one) and not (gaps and one in (None, "")):
            raise RowError(f"{column} must be a file name, or a list of them")
    return [folder / one if one else None for one in values]


def _size(path: Path, column: str) -> tuple[int, int]:
    """Width and height of a picture; it is read whole, because a truncated file has a good header."""
    try:
        return read_picture(path).image.size
    except InputError as error:
        raise RowError(f"{column}: {error.message}") from None


def _check_mask(path: Path, size: tuple[int, int]) -> None:
    try:
        mask = read_mask(path)
    except InputError as error:
        raise RowError(f"mask: {error.message}") from None
    if mask.size != size:
        raise RowError(f"mask {path} is {_by(mask.size)}, its source {_by(size)}")
    if mask.getextrema()[1] <= 127:  # type: ignore[operator]  # one band, one pair of numbers
        raise RowError(f"mask {path} marks nothing: white is what may change")


def _task(given: Any, sizes: Sequence[tuple[int, int]], target: tuple[int, int]) -> tuple[str, int | None]:
    """The task of a pair and its base; an edit keeps the size of its source."""
    fits = bool(sizes) and sizes[0] == target
    if given in (None, ""):
        if not sizes:
            return "text_to_image", None
        return ("edit_general", 0) if fits else ("subject_reference", None)
    if given not in TASKS:
        raise RowError(f"there is no task {given!r}; there are {', '.join(TASKS)}")
    task = TASKS[given]
    if not task.min_images <= len(sizes) <= task.max_images:
        raise RowError(f"{task.id} takes {task.min_images} to {task.max_images} sources, not {len(sizes)}")
    if not task.has_base_with(len(sizes)):
        return task.id, None
    if not fits:
        raise RowError(
            f"the target is {_by(target)}, and {task.id} keeps the size of its source, {_by(sizes[0])}"
        )
    return task.id, 0


def _check_indicators(instruction: str, count: int) -> None:
    for found in _INDICATOR.finditer(instruction):
        if int(found.group(1) or 0) >= count:
            raise RowError(f"the instruction names {found.group()}, and there are {count} sources")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
