"""A converted folder: its manifest, and the folder beside it in which it is built. No torch here.

Every file is written under another name and recorded with its checksum once complete. Only the finished folder gets
DEST's name.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ace_agent.engines.presets import MANIFEST, partial_of
from ace_agent.errors import InputError, ModelError
from ace_agent.files import write_atomic

INDEX = "model_index.json"
PROGRESS = "progress.json"
TRANSFORMER_WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Piece:
    """One file of the result: its path in the folder, its size in bytes (about), and how to write it."""

    path: str
    bytes: int
    write: Callable[[Path], None]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is truncated or damaged", "fetch it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, not settings", "fetch it again")
    return content


def _noted(path: Path) -> dict[str, Any]:
    """A manifest or progress file; empty if there is none that can be read."""
    try:
        noted = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) and isinstance(noted.get("files"), dict) else {}


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """The files of a converted folder, each with its `sha256` and `bytes`. Raises ModelError if it is no such list."""
    files = _noted(folder / MANIFEST).get("files", {})
    if TRANSFORMER_WEIGHTS not in files or not all(
        isinstance(row, dict) and row.keys() >= {"sha256", "bytes"} for row in files.values()
    ):
        raise ModelError(f"{folder / MANIFEST} is damaged or of another model", "convert the model again")
    return files


def verify(folder: Path, *, deep: bool = True) -> list[str]:
    """Files of a converted folder that are missing or not what was written; `deep` False compares sizes only."""
    wrong = []
    for path, noted in read_manifest(folder).items():
        file = folder / path
        if (
            not file.is_file()
            or file.stat().st_size != noted["bytes"]
            or (deep and sha256_of(file) != noted["sha256"])
        ):
            wrong.append(path)
    return wrong


def is_whole(folder: Path) -> bool:
    """Whether every file of a converted folder is what was written."""
    try:
        return not verify(folder)
    except ModelError:
        return False


def _name_of(folder: Path) -> str | None:
    """The preset that a converted folder was made from, if it says."""
    try:
        return str(read_json(folder / INDEX).get("name"))
    except ModelError:
        return None


def _old(dest: Path) -> Path:
    """Where the previous folder lies for the instant in which the new one takes its name."""
    return dest.with_name(f"{dest.name}.old")


def check_destination(dest: Path, overwrite: bool, preset: str | None) -> None:
    """Raises InputError if `dest` holds anything but a converted model, or one of another preset than `preset`."""
    old, partial = _old(dest), partial_of(dest)
    if not dest.exists() and (old / MANIFEST).is_file():
        old.rename(dest)  # a run was killed between its last two renames
    for folder in (old, partial):
        if folder.exists() and not _is_ours(folder):
            raise InputError(
                f"{folder} is in the way, and was not made here", "move it, or give another DEST"
            )
    if not dest.exists():
        return
    if not (dest / MANIFEST).is_file():
        if not dest.is_dir() or any(dest.iterdir()):
            raise InputError(f"{dest} exists and is not a converted model", "give another DEST")
    elif preset is not None and not overwrite and _name_of(dest) != preset:
        raise another_model(dest)


def _is_ours(folder: Path) -> bool:
    """Whether a folder is empty, or was begun or finished by a conversion."""
    return folder.is_dir() and (
        any((folder / name).is_file() for name in (PROGRESS, MANIFEST)) or not any(folder.iterdir())
    )


def another_model(dest: Path) -> InputError:
    return InputError(f"{dest} holds another converted model", "give another DEST, or --force")


def source_of(dest: Path) -> str | None:
    """The fingerprint of the source that a converted folder was made from."""
    return _noted(dest / MANIFEST).get("source")


class Staging:
    """`DEST.partial`, and the record of its complete files."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.done: dict[str, dict[str, Any]] = {}
        # A run that was killed in its very last step leaves the manifest instead.
        noted = [_noted(folder / name) for name in (PROGRESS, MANIFEST)]
        done = [note["files"] for note in noted if note.get("source") == fingerprint]
        if done:
            self.done = done[0]
        elif folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MANIFEST).is_file():  # from now on it says whose it is
            self._note()

    def has(self, path: str) -> bool:
        file = self.folder / path
        noted = self.done.get(path)
        return noted is not None and file.is_file() and sha256_of(file) == noted["sha256"]

    def add(self, piece: Piece) -> None:
        file = self.folder / piece.path
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_atomic(file, piece.write, durable=True)
        except (OSError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"writing {file} stopped: {reason}", "free some space and run it again: it goes on there"
            ) from error
        self.done[piece.path] = {"sha256": sha256_of(file), "bytes": file.stat().st_size}
        self._note()

    def _note(self) -> None:
        write_atomic(self.folder / PROGRESS, json.dumps({"source": self.fingerprint, "files": self.done}))

    def finish(self, dest: Path) -> None:
        manifest = json.dumps({"source": self.fingerprint, "files": self.done}, indent=2, sort_keys=True)
        (self.folder / MANIFEST).write_text(manifest + "\n")
        (self.folder / PROGRESS).unlink(missing_ok=True)
        old = _old(dest)
        if dest.exists():
            shutil.rmtree(old, ignore_errors=True)
            dest.rename(old)
        self.folder.rename(dest)
        shutil.rmtree(old, ignore_errors=True)
