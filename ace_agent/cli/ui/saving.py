"""Where a command writes its pictures: never over a file, and checked before any work."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.errors import AceError, InputError
from ace_agent.images.files import format_of

if TYPE_CHECKING:
    from ace_agent.agent import Picture


@dataclass(frozen=True)
class Destination:
    """The option `-o`: None for ./ace-ID.png, a folder for ace-ID.png in it, or the file itself."""

    output: Path | None
    force: bool = False
    metadata: bool = True

    @property
    def is_folder(self) -> bool:
        return self.output is None or self.output.is_dir()

    @property
    def folder(self) -> Path:
        if self.output is None:
            return Path()
        return self.output if self.is_folder else self.output.parent

    def check(self, count: int = 1) -> None:
        """Raises InputError for a format that is not written, a file that exists, a folder that cannot be written."""
        if self.output is not None and not self.is_folder:
            format_of(self.output)
            for path in self.paths([""] * count):
                if path.exists() and not self.force:
                    raise InputError(f"{path} exists already", hint="choose another name, or --force")
        if not self.folder.is_dir():
            raise InputError(f"there is no folder {self.folder}", hint=f"mkdir -p {self.folder}")
        try:
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            where = self.folder.resolve()
            raise InputError(
                f"cannot write in {where}: {error.strerror}", hint="choose another place with -o"
            ) from None

    def paths(self, ids: Sequence[str]) -> list[Path]:
        """One path a picture; under one name, several pictures are numbered."""
        if not self.is_folder and self.output is not None:
            if len(ids) == 1:
                return [self.output]
            stem, suffix = self.output.stem, self.output.suffix
            return [self.output.with_name(f"{stem}-{number}{suffix}") for number in range(1, len(ids) + 1)]
        return [unused_path(self.folder / f"ace-{image.lstrip('@')}.png") for image in ids]

    def write(self, pictures: Sequence[Picture]) -> tuple[Path, ...]:
        """Write the pictures. They are already stored, and a failure says how to get them."""
        paths = self.paths([picture.id for picture in pictures])
        try:
            for picture, path in zip(pictures, paths, strict=True):
                picture.save(path, force=self.force, metadata=self.metadata)
        except (OSError, AceError) as error:
            reason = error.message if isinstance(error, AceError) else error.strerror or str(error)
            first = pictures[0].id
            raise InputError(reason, hint=f"the picture is kept: ace show {first} -o FILE") from None
        return tuple(paths)


def unused_path(path: Path) -> Path:
    """The path, with the first number after it that makes it new."""
    candidate, number = path, 2
    while candidate.exists():
        candidate, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return candidate
