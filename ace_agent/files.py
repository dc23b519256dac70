"""Files read within bounds, and written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from ace_agent.errors import InputError
from ace_agent.process_owner import file_tag, has_ended

Content = bytes | str | Callable[[Path], object]
"""Bytes, text (written as UTF-8), or a function that writes the file at the path it is given."""

SUFFIX = ".tmp"
MAX_STEM = 180
"""Bytes of a name that its temporary name repeats; a file name has room for 255."""


def from_home(name: str | os.PathLike[str]) -> Path:
    """A path with `~` spelt out.

    Raises InputError for a person who is not here (`~nobody`), and for a name with a NUL in it.
    """
    text = os.fspath(name)
    if "\0" in text:
        raise InputError(f"{text!r} is no file name")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"there is no user for {text}", "write the folder out") from None


def read_bounded(path: Path, limit: int) -> bytes:
    """All bytes of a file. A pipe is not waited for, and a device is not read without end.

    Raises InputError for what is not a regular file and for more than `limit` bytes, OSError for what cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InputError(f"{path} is not a regular file", "save it to a file first")
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path} is larger than {limit:,} bytes")
    return data


def write_atomic(path: Path, content: Content, *, overwrite: bool = True, durable: bool = False) -> None:
    """Write a file under a temporary name beside `path`, then give it its name.

    Until then `path` stays as it was, whatever goes wrong. `durable` waits for the disk, so that a power cut leaves
    the old file or the new one. Temporary files that killed processes left for the same `path` are removed.

    Raises:
        FileExistsError: `path` exists and `overwrite` is False, even if another process created it meanwhile.
        OSError: the file cannot be written. Whatever `content` raises passes through.
    """
    remove_leftovers(path)
    temporary = temporary_beside(path)
    try:
        if callable(content):
            content(temporary)
        else:
            with temporary.open("xb") as stream:
                stream.write(content.encode() if isinstance(content, str) else content)
        move_into_place(temporary, path, overwrite=overwrite, durable=durable)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_file(path: Path, content: Content, *, force: bool = False, parents: bool = True) -> Path:
    """`write_atomic` for a file that the user named; `parents` creates its folder.

    Raises InputError where `path` is a folder, exists (unless `force`), or cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder", "give a file name")
    exists = InputError(f"{path} exists already", "choose another name, or --force to write over it")
    if path.exists() and not force:
        raise exists
    try:
        if parents and not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content, overwrite=force)
    except FileExistsError:
        raise exists from None
    except OSError as error:
        hint = "free some space" if error.errno == errno.ENOSPC else "choose another folder"
        raise InputError(f"{path} cannot be written: {error.strerror or error}", hint) from None
    return path


def temporary_beside(path: Path) -> Path:
    """A hidden name beside `path` that no other process or thread uses."""
    return path.with_name(f"{_prefix(path)}{file_tag()}-{secrets.token_hex(2)}{SUFFIX}")


def move_into_place(temporary: Path, path: Path, *, overwrite: bool = True, durable: bool = False) -> None:
    """Give a finished temporary file its name; see `write_atomic`."""
    if durable:
        _flush(temporary, os.O_RDWR)
    if overwrite:
        temporary.replace(path)
    else:
        _link(temporary, path)
    if durable and os.name == "posix":
        _flush(path.parent, os.O_RDONLY)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that killed processes of this machine left for `path`."""
    prefix = _prefix(path)
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(prefix) and name.endswith(SUFFIX) and has_ended(name[len(prefix) :]):
                with contextlib.suppress(OSError):
                    path.with_name(name).unlink()


def _prefix(path: Path) -> str:
    """The start of every temporary name of `path`; a very long name is cut to leave room for the rest."""
    return f".{os.fsdecode(os.fsencode(path.name)[:MAX_STEM])}."


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: claim the name first, then fill it.
        path.open("xb").close()
        temporary.replace(path)


def _flush(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
