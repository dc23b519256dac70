"""Files are written whole or not at all, and killed writers leave nothing behind for long."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ace_agent.errors import InputError, PlanError
from ace_agent.files import (
    MAX_STEM,
    read_bounded,
    remove_leftovers,
    temporary_beside,
    write_atomic,
    write_file,
)
from ace_agent.plan.yaml_file import read_text

PNG = b"\x89PNG and so on"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", [b"caf\xc3\xa9", "café", lambda path: path.write_text("café", "utf-8")])
@pytest.mark.parametrize("durable", [False, True])
def test_bytes_text_and_writers(tmp_path: Path, content: object, durable: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_atomic(path, content, durable=durable)  # type: ignore[arg-type]
    assert path.read_bytes() == "café".encode()
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]
    if isinstance(error, OSError):
        with pytest.raises(InputError, match=r"No space left on device.*free some space"):
            write_file(path, fail, force=True)


@pytest.mark.skipif(os.name != "posix", reason="processes are asked by signals")
def test_a_killed_writer_leaves_nothing_behind_for_long(tmp_path: Path) -> None:
    """A kill while a PNG was written left `.NAME.png.xxxx` beside it for ever."""
    code = f"""
import time
from pathlib import Path
from ace_agent.files import write_atomic

def slow(part):
    part.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

write_atomic(Path({str(tmp_path / "a.png")!r}), slow)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        [left] = names(tmp_path)
        write_file(tmp_path / "a.png", PNG)
        assert names(tmp_path) == sorted([left, "a.png"]), "its writer still lives"
        child.send_signal(signal.SIGKILL)
    foreign = tmp_path / ".a.png.abcd1234"
    foreign.write_text("of another program")
    elsewhere = tmp_path / ".a.png.00000000-1-5-abcd.tmp"
    elsewhere.write_text("of another machine")
    other = temporary_beside(tmp_path / "b.png").name
    (tmp_path / other).write_text("of this process")
    write_file(tmp_path / "a.png", PNG, force=True)
    assert names(tmp_path) == sorted([foreign.name, elsewhere.name, other, "a.png"])


def test_long_names_fit(tmp_path: Path) -> None:
    """A name of 250 bytes had no room for the letters of its temporary file."""
    path = tmp_path / ("ä" * 125)
    write_atomic(path, b"x")
    assert names(tmp_path) == [path.name]
    assert len(os.fsencode(temporary_beside(path).name)) < 255 and MAX_STEM % 2 == 0
    remove_leftovers(tmp_path / "no such folder" / "a")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    png = PNG
    path = write_file(tmp_path / "new" / "a.png", png)
    assert path.read_bytes() == png
    with pytest.raises(InputError, match="exists already"):
        write_file(path, b"other")
    assert path.read_bytes() == png
    assert write_file(path, b"other", force=True).read_bytes() == b"other"
    assert [item.name for item in path.parent.iterdir()] == ["a.png"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    with pytest.raises(InputError, match="is a folder"):
        write_file(tmp_path, png)
    with pytest.raises(InputError, match="cannot be written"):
        write_file(path / "b.png", png)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands write to one name at once: the second one must not win silently."""
    path = tmp_path / "a.png"
    link = os.link

    def late(source: Path, target: Path) -> None:
        path.write_bytes(b"theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(InputError, match="exists already"):
        write_file(path, b"mine")
    assert path.read_bytes() == b"theirs"


def test_a_folder_is_created_only_where_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_file(tmp_path / "new" / "a.txt", "x", parents=False)
    write_file(tmp_path / "new" / "a.txt", "x")


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
def test_only_regular_files_are_read_and_never_without_end(tmp_path: Path) -> None:
    """`ace run` and `ace plan --check` waited for ever on a pipe, and read /dev/zero to 10 GB."""
    (tmp_path / "plan.yaml").write_bytes(b"x" * 100)
    assert read_bounded(tmp_path / "plan.yaml", 100) == b"x" * 100
    with pytest.raises(InputError, match="larger than 99 bytes"):
        read_bounded(tmp_path / "plan.yaml", 99)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InputError, match="not a regular file"):
            read_bounded(path, 100)
        with pytest.raises(PlanError, match="not a regular file"):
            read_text(path)
    with pytest.raises(OSError):
        read_bounded(tmp_path / "gone", 100)
