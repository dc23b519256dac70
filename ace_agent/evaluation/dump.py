"""A folder of samples and answers, to be scored anywhere: PNGs and ``index.jsonl``.

Each line of the index is one sample: ``task``, ``input`` (the picture that is edited, or null), ``inputs`` (all
pictures of the request), ``mask``, ``target``, ``output``, ``instruction``, ``turns`` (every turn's instruction, inputs
and masks, oldest first, the last is the request) and ``seed``; besides ``row``, ``family``, ``exact`` and ``judge``,
which this package's own scoring uses. File names are relative to the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.data.sample import TrainingTurn
from ace_agent.evaluation.answerers import mask_image
from ace_agent.evaluation.errors import DumpError
from ace_agent.evaluation.grading import Answered
from ace_agent.evaluation.records import Record

INDEX = "index.jsonl"


class Dump:
    """Writes a folder sample by sample, so that a killed run leaves one that can be scored.

    Raises:
        DumpError: the folder already holds a dump, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if (folder / INDEX).exists():
            raise DumpError(f"{folder} already holds a dump", "give another folder, or remove it first")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / INDEX).touch()
        except OSError as error:
            raise DumpError(f"{folder}: {error.strerror or error}") from error
        self._count = 0

    def add(self, record: Record, conversation: Sequence[TrainingTurn]) -> None:
        """Write a sample's pictures, then its line of the index."""
        answered = record.answered
        stem = f"{answered.task}/{self._count:05d}"
        self._count += 1
        turns = [self._turn(turn, f"{stem}-turn{number}") for number, turn in enumerate(conversation, 1)]
        last, base = turns[-1], conversation[-1].base
        row = {
            "task": answered.task,
            "input": None if base is None else last["inputs"][base],
            "inputs": last["inputs"],
            "mask": None if answered.mask is None else self._save(answered.mask, f"{stem}-mask.png"),
            "target": self._save(answered.target, f"{stem}-target.png"),
            "output": self._save(answered.output, f"{stem}-output.png"),
            "instruction": record.instruction,
            "turns": turns,
            "seed": record.seed,
            "row": record.row,
            "family": record.family,
            "exact": answered.exact,
            "judge": dict(record.judge),
        }
        with (self.folder / INDEX).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _turn(self, turn: TrainingTurn, stem: str) -> dict[str, Any]:
        inputs, masks = [], []
        for number, frame in enumerate(turn.frames):
            inputs.append(self._save(Image.fromarray(frame.image), f"{stem}-input{number}.png"))
            mask = mask_image(frame)
            masks.append(None if mask is None else self._save(mask, f"{stem}-mask{number}.png"))
        return {"instruction": turn.instruction, "inputs": inputs, "masks": masks}

    def _save(self, picture: Image.Image, name: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
        return name


def read_dump(folder: Path) -> Iterator[Record]:
    """The samples of a dumped folder, in order.

    Raises:
        DumpError: there is no index, or a line or a picture of it cannot be used.
    """
    try:
        lines = (folder / INDEX).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DumpError(f"{folder / INDEX}: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            yield Record(
                row=row.get("row", row["task"]),
                family=row["family"],
                seed=row["seed"],
                instruction=row["instruction"],
                turns=len(row["turns"]),
                judge=row["judge"],
                answered=Answered(
                    task=row["task"],
                    base=_picture(folder, row["input"]),
                    mask=_picture(folder, row["mask"]),
                    target=_needed(folder, row["target"]),
                    output=_needed(folder, row["output"]),
                    exact=row["exact"],
                    unchanged=bool(row["judge"].get("unchanged", False)),
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DumpError(f"{folder / INDEX}, line {number}: {type(error).__name__} {error}") from error
        except OSError as error:
            raise DumpError(f"{folder / INDEX}, line {number}: {error}") from error


def _needed(folder: Path, name: str) -> Image.Image:
    with Image.open(folder / name, formats=["PNG"]) as file:
        return file.copy()


def _picture(folder: Path, name: str | None) -> Image.Image | None:
    return None if name is None else _needed(folder, name)
