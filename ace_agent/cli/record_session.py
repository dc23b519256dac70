"""Record the session of a page anew: ``python -m ace_agent.cli.record_session docs/conversation.md``.

Every command runs in a terminal of its own that has no colours and cannot move its cursor, so that what it shows
is plain text; what a person would type is typed into it. POSIX only.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from ace_agent.cli.generated import split_page, write_section

SECTION = "recorded session"
COLUMNS, ROWS = 88, 40
PATIENCE = 900.0
"""Seconds without a sign of life after which a command is given up."""
PROMPT = re.compile(rb"(?:^|\n)> $|(?:\[e\]dit|Which \[1\]|\(1-\d\) \[1\]|Which): $|\[y/N\]: $")

SCRIPT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ace 'a red car in a meadow' --seed 7 -c tour --new", ()),
    (
        "ace chat -c tour",
        (
            "make it night",
            "/compare",
            "/undo",
            "make it snow, then add a walrus on the left",
            "y",
            "a dog on a beach",
            "a dog in a forest",
            "make the dog picture blue",
            "2",
            "/branch winter @1",
            "/mask the left half",
            "replace the car with a bus",
            "/history all",
            "/rerun",
            "/save bus.png",
            "/quit",
        ),
    ),
    ("ace rerun bus.png", ()),
    ("ace search walrus -c tour", ()),
    ("ace export winter.ace -c winter", ()),
    ("ace import winter.ace --workspace elsewhere", ()),
    ("ace rerun @1 --workspace elsewhere", ()),
    ("ace check", ()),
)
"""Commands, and what is typed into those that ask."""


class Terminal:
    """A command in a terminal, and everything that it showed."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self._end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            arguments,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(inner)
        self.shown = b""

    def read(self, *, to_the_end: bool = False) -> None:
        """Take in what is shown until the command asks, or ends. Raises TimeoutError when it does neither."""
        seen = len(self.shown)
        while to_the_end or not PROMPT.search(self.shown[max(seen - 1, 0) :]):
            if not select.select([self._end], [], [], PATIENCE)[0]:
                self._process.kill()
                raise TimeoutError(self.text()[-500:])
            try:
                part = os.read(self._end, 65536)
            except OSError:  # what Linux says when the command has closed its side
                part = b""
            if not part:
                break
            self.shown += part.replace(b"\r\n", b"\n")

    def type(self, line: str) -> None:
        os.write(self._end, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Ctrl-C, once the command waits for a line: before that, it would only be noticed with the next line."""
        asleep = 0
        while asleep < 3 and Path("/proc/self/stat").exists():
            time.sleep(0.05)
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
            asleep = asleep + 1 if stat.rpartition(")")[2].split()[0] == "S" else 0
        self._process.send_signal(signal.SIGINT)

    def finish(self) -> int:
        self.read(to_the_end=True)
        os.close(self._end)
        return self._process.wait()

    def text(self) -> str:
        return self.shown.decode(errors="replace")


def session(model: str, folder: Path) -> str:
    """All commands of the script, run in `folder`, as text."""
    environment = {
        **os.environ,
        "TERM": "dumb",
        "ACE_WORKSPACE": str(folder / "workspace"),
        "ACE_MODEL": model,
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
    }
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "ACE_DEBUG"):
        environment.pop(name, None)
    parts = []
    for command, typed in SCRIPT:
        program = [sys.executable, "-m", "ace_agent.cli", *shlex.split(command)[1:]]
        terminal = Terminal(program, environment, folder)
        for line in typed:
            terminal.read()
            terminal.type(line)
        status = terminal.finish()
        shown = "\n".join(line.rstrip() for line in terminal.text().splitlines())
        if status:
            raise RuntimeError(f"{command}: status {status}\n{shown}")
        parts.append(f"$ {command}\n{shown}\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "pages",
        type=Path,
        nargs="*",
        help="pages to write it into, between its marks; default: standard output",
    )
    parser.add_argument("--model", default="ace-mini")
    arguments = parser.parse_args()
    for page in arguments.pages:
        split_page(
            page, SECTION
        )  # a page without the marks is refused before the minutes that a recording takes
    with tempfile.TemporaryDirectory() as folder:
        text = session(arguments.model, Path(folder))
    if not arguments.pages:
        print(text, end="")
    for page in arguments.pages:
        write_section(page, SECTION, f"```text\n{text}```\n")


if __name__ == "__main__":
    main()
