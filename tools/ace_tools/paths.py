"""Which files a tool may touch: those inside the workspace, by a plain relative path."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from ace_agent.errors import InputError
from ace_agent.files import write_file
from ace_agent.turns import Picture

FOLDER = "pictures"
"""Where results are written, inside the workspace: a folder for each conversation."""


def file_in(workspace: Path, text: str) -> Path:
    """The file that a caller names, by its path from the workspace.

    Raises InputError for an absolute path, one with `..` or `~`, one that goes through a symbolic link, and
    one that is no file. The calling model may have the path from a stranger.
    """
    inside = "give a path from the workspace, like photos/cat.png, or a picture's id, like @3"
    if "\0" in text:
        raise InputError("a file name cannot hold a NUL character", inside)
    if (
        PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).anchor
        or text.startswith("~")
        or "\\" in text
    ):
        raise InputError(f"{text!r} is not a path inside the workspace", inside)
    parts = PurePosixPath(text).parts
    if ".." in parts:
        raise InputError(f"{text!r} leaves the workspace", inside)
    path = workspace
    try:
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise InputError(
                    f"{text!r} goes through a symbolic link, which may leave the workspace", inside
                )
        found = path.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        raise InputError(
            f"there is no file {_short(text)!r} in the workspace", "list_images names every picture"
        )
    return path


def place(picture: Picture, workspace: Path, conversation: str) -> Path:
    """Write a picture's PNG into the workspace, once; returns its path. Another file is never written over."""
    folder = workspace / FOLDER
    for part in (folder, folder / conversation):
        if part.is_symlink():
            raise InputError(
                f"{part.relative_to(workspace)} is a symbolic link; pictures are not written there"
            )
    png = picture.png()
    number = picture.id.removeprefix("@")
    for name in (f"{number}.png", f"{number}-{(picture.row.sha256 or '')[:12]}.png"):
        path = folder / conversation / name
        if not path.exists():
            return write_file(path, png)
        if not path.is_symlink() and path.read_bytes() == png:
            return path
    raise InputError(f"{path.relative_to(workspace)} is another file", "move it away")


def conversation_for(thread: str) -> str:
    """A conversation's name for a thread id, which may hold anything; different ids get different names."""
    if re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", thread, re.ASCII):
        return thread
    import hashlib

    plain = re.sub(r"[^A-Za-z0-9]+", "-", thread).strip("-")[:40] or "thread"
    return f"{plain}-{hashlib.sha256(thread.encode(errors='surrogatepass')).hexdigest()[:12]}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:100]}…{text[-50:]}"
