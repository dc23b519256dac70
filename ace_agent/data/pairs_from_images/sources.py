"""The pictures of a folder: found, inspected once, and deduplicated.

The output folder's ``scan.jsonl`` keeps the findings, so that a resumed run inspects only files that have changed.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ace_agent.data.errors import BadInput
from ace_agent.data.hashing import NearDuplicates, content_hash, perceptual_hash
from ace_agent.data.pairs_from_images.workers import UnorderedMap, map_in_process
from ace_agent.errors import InputError
from ace_agent.images.files import read_picture
from ace_agent.images.types import Pixels

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"))
STEP = 16
"""Sides of prepared pictures are multiples of this: the patch of ace-mini, and of ACE-0.6B's latents."""

_SCAN = "scan.jsonl"
_LONGEST_CAPTION = 300
_BATCH = 16  # files inspected in one job


@dataclass(frozen=True)
class SourceImage:
    """A picture that can be used.

    Args:
        path: within the folder, with forward slashes.
        sha256: of the file.
        looks: perceptual hash, in hexadecimal.
        width: in pixels, upright.
        height: in pixels.
        caption: the first line of the .txt beside it, or "".
    """

    path: str
    sha256: str
    looks: str
    width: int
    height: int
    caption: str


@dataclass(frozen=True)
class Skipped:
    """A file that is left out.

    Args:
        path: within the folder.
        kind: ``unreadable``, ``too small``, ``too narrow``, ``blank``, ``duplicate`` or ``changed``.
        reason: the same in a sentence.
    """

    path: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Limits:
    """Limits on pictures to train on.

    Args:
        smallest: shortest side, in pixels.
        narrowest: longest side by shortest.
        blank: standard deviation of grey levels below which a picture counts as blank.
    """

    smallest: int = 64
    narrowest: float = 3.0
    blank: float = 4.0


def find(folder: Path, without: Path | None = None) -> list[Path]:
    """The picture files under ``folder`` in a fixed order, hidden ones and those under ``without`` left out.

    Raises:
        BadInput: ``folder`` does not exist, or holds no pictures.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder", "give a folder of pictures")
    found = []
    for root, folders, files in os.walk(folder):
        place = Path(root)
        folders[:] = [f for f in folders if not f.startswith(".") and place / f != without]
        found += [
            place / name
            for name in files
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        ]
    if not found:
        raise BadInput(f"{folder} holds no pictures", f"known endings: {', '.join(sorted(SUFFIXES))}")
    return sorted(found)


def inspect_file(folder: Path, path: Path, limits: Limits) -> SourceImage | Skipped:
    """Read one file and check it against the limits."""
    name = path.relative_to(folder).as_posix()
    try:
        data = path.read_bytes()
        image = opaque(read_picture(data).image)
    except InputError as error:
        return Skipped(name, "unreadable", error.message.replace("the picture", "the file"))
    except OSError as error:
        return Skipped(name, "unreadable", error.strerror or str(error))
    width, height = image.size
    if min(image.size) < limits.smallest:
        return Skipped(name, "too small", f"{width} x {height}, under {limits.smallest} px a side")
    if max(image.size) > limits.narrowest * min(image.size):
        return Skipped(name, "too narrow", f"{width} x {height}, more than {limits.narrowest:g} : 1")
    small = image.convert("L").resize((64, 64), Image.Resampling.BOX)
    spread = float(np.asarray(small).std())
    if spread < limits.blank:
        return Skipped(name, "blank", f"its grey levels vary by {spread:.1f} only")
    looks = f"{perceptual_hash(image):032x}"
    return SourceImage(name, content_hash(data), looks, width, height, caption_beside(path))


def caption_beside(path: Path) -> str:
    """The first line of the .txt file beside a picture, or ""."""
    try:
        lines = path.with_suffix(".txt").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return clean_caption(lines[0] if lines else "")


def clean_caption(text: str) -> str:
    """A caption that can stand in an instruction: one line, no braces (which name pictures), no double quotes."""
    plain = re.sub(r"[{}<>\x00-\x1f\x7f]", " ", text).replace('"', "'")
    return " ".join(plain.split())[:_LONGEST_CAPTION].rstrip(" .")


def scan(
    folder: Path,
    out: Path,
    limits: Limits,
    each: UnorderedMap = map_in_process,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[SourceImage], list[Skipped]]:
    """Inspect every new or changed picture of a folder.

    Args:
        folder: of the pictures.
        out: where ``scan.jsonl`` is kept.
        limits: which pictures are used.
        each: runs the jobs.
        progress: called with the number of files inspected and their total.

    Returns:
        usable and skipped files, each in the order of `find`.

    Raises:
        BadInput: ``folder`` holds no pictures.
    """
    paths = find(folder, out)
    known = dict(_read_scan(out / _SCAN, limits))
    stamps = {path.relative_to(folder).as_posix(): _stamp(path) for path in paths}
    fresh = [name for name, stamp in stamps.items() if known.get(name, (None,))[0] != stamp]
    done = len(paths) - len(fresh)
    progress(done, len(paths))
    batches = [fresh[at : at + _BATCH] for at in range(0, len(fresh), _BATCH)]
    with (out / _SCAN).open("a", encoding="utf-8") as stream:
        # A kill may have truncated the last line; a new line keeps what follows readable.
        stream.write("\n")
        for batch in each(partial(_inspect_batch, folder, limits), batches):
            for seen in batch:
                known[seen.path] = (stamps[seen.path], seen)
                kind = "Picture" if isinstance(seen, SourceImage) else "Skipped"
                row = {"stamp": stamps[seen.path], "limits": asdict(limits), "kind": kind}
                stream.write(json.dumps({**row, "seen": asdict(seen)}, ensure_ascii=False) + "\n")
            done += len(batch)
            progress(done, len(paths))
    looked = [known[name][1] for name in stamps]
    return (
        [seen for seen in looked if isinstance(seen, SourceImage)],
        [seen for seen in looked if isinstance(seen, Skipped)],
    )


def _inspect_batch(folder: Path, limits: Limits, names: list[str]) -> list[SourceImage | Skipped]:
    return [inspect_file(folder, folder / name, limits) for name in names]


def _stamp(path: Path) -> list[int]:
    """Size and modification time of the file, and modification time of its caption."""
    beside = path.with_suffix(".txt")
    try:
        status = path.stat()
        caption = beside.stat().st_mtime_ns if beside.exists() else 0
    except OSError:
        return [0, 0, 0]
    return [status.st_size, status.st_mtime_ns, caption]


def _read_scan(path: Path, limits: Limits) -> Iterator[tuple[str, tuple[list[int], SourceImage | Skipped]]]:
    if not path.exists():
        return
    kinds: Mapping[str, Callable[..., SourceImage | Skipped]] = {"Picture": SourceImage, "Skipped": Skipped}
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            try:
                row: dict[str, Any] = json.loads(line)
            except ValueError:  # truncated by a kill: the file is inspected again
                continue
            if row["limits"] == asdict(limits):
                seen = kinds[row["kind"]](**row["seen"])
                yield seen.path, (row["stamp"], seen)


def distinct(
    pictures: Iterable[SourceImage], earlier: Iterable[SourceImage] = ()
) -> tuple[list[SourceImage], list[Skipped]]:
    """Leave out duplicates: equal bytes, or perceptual hashes within `NEAR`. ``earlier`` pictures take precedence."""
    known: list[SourceImage] = []
    by_bytes: dict[str, SourceImage] = {}
    near = NearDuplicates()
    kept: list[SourceImage] = []
    skipped: list[Skipped] = []
    for picture, old in [*((p, True) for p in earlier), *((p, False) for p in pictures)]:
        same = by_bytes.get(picture.sha256)
        if same is None:
            number = near.add(int(picture.looks, 16))
            same = known[number] if number is not None else None
        if same is None:
            known.append(picture)
            by_bytes[picture.sha256] = picture
            if not old:
                kept.append(picture)
        elif not old and same.path != picture.path:
            kind = "is a copy of" if same.sha256 == picture.sha256 else "looks the same as"
            skipped.append(Skipped(picture.path, "duplicate", f"{kind} {same.path}"))
    return kept, skipped


def counted(skipped: Iterable[Skipped]) -> dict[str, int]:
    """How many files were left out, by kind."""
    return dict(Counter(one.kind for one in skipped))


def load(folder: Path, picture: SourceImage, size: int) -> Pixels | Skipped:
    """A picture prepared for training: upright RGB, at most ``size`` pixels a side, on white if transparent.

    Never enlarged. Up to 15 px are cropped from each axis, so that sides are multiples of `STEP`.
    """
    try:
        data = (folder / picture.path).read_bytes()
        if content_hash(data) != picture.sha256:
            return Skipped(picture.path, "changed", "the file is not what it was when the run was planned")
        image = opaque(read_picture(data).image)
    except InputError as error:
        return Skipped(picture.path, "unreadable", error.message)
    except OSError as error:
        return Skipped(picture.path, "unreadable", error.strerror or str(error))
    return fitted(image, size)


def fitted(image: Image.Image, size: int) -> Pixels:
    """An RGB picture whose sides are multiples of `STEP`, at most ``size``."""
    scale = min(1.0, size / max(image.size))
    width, height = (max(STEP, round(side * scale)) for side in image.size)
    if scale < 1:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    wide, high = width - width % STEP, height - height % STEP
    left, top = (width - wide) // 2, (height - high) // 2
    return np.array(image.crop((left, top, left + wide, top + high)))


def opaque(image: Image.Image) -> Image.Image:
    """The picture as RGB, transparent parts on white."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground
