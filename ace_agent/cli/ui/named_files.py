"""Pictures that a request line names: files inside its words, and `@3` where a file could stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ace_agent.errors import InputError
from ace_agent.files import from_home

_FILE = re.compile(
    r"(?<![\w\"'/])((?:[\w.~-]+/)*[\w-][\w.-]*\.(?:png|jpe?g|webp|tiff?|bmp|gif|avif))\b", re.IGNORECASE
)
_SAVING = re.compile(r"\b(?:save|export|download|store)\b|\b(?:as|called|named|into|to) $", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_ID = re.compile(r"@(?:\d+|last|first)")


def files_in(request: str) -> list[Path]:
    """The files that a request names in its words, in order, each once; not those that it writes to.

    Raises:
        InputError: a word is the name of a picture, and there is no such file.
    """
    bare = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), request)
    found: dict[str, Path] = {}
    for match in _FILE.finditer(bare):
        path = from_home(match[1])
        if _SAVING.search(bare[: match.start()]):
            continue
        if not path.exists():
            raise InputError(f"there is no file {match[1]}", "give its path, or put other words in quotes")
        found[match[1]] = path
    return list(found.values())


def split_pictures(pictures: Sequence[str | Path]) -> tuple[list[Path], list[str] | None]:
    """Files to hand over, and how the request names all pictures in order; None if none is given by its id."""
    files = [Path(picture) for picture in pictures if not _ID.fullmatch(str(picture))]
    if len(files) == len(pictures):
        return files, None
    names, number = [], 0
    for picture in pictures:
        if _ID.fullmatch(str(picture)):
            names.append(str(picture))
        else:
            names.append(f"input{number or ''}")
            number += 1
    return files, names
