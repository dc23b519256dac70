"""Where the commands print: one console for results, one for what happens on the way."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any, TextIO

import click
from rich.console import Console, ConsoleDimensions


def output() -> Console:
    """The console of results, on standard output. No markup: a request or a path may hold brackets."""
    return _console(sys.stdout)


def notices() -> Console:
    """The console of progress and notices, on standard error, so that a pipe carries results only."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    terminal = file.isatty()
    console = Console(file=file, highlight=False, markup=False, soft_wrap=not terminal)
    if terminal and console.is_dumb_terminal:
        console.size = ConsoleDimensions(*shutil.get_terminal_size())  # rich takes 80 columns for granted
    return console


def print_json(value: Any) -> None:
    """Print one JSON value for a program to read."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def interactive() -> bool:
    """Whether a person sits at both ends and can be asked. A dumb terminal can show a question too."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def plain(text: str) -> str:
    """Text that may be printed anywhere: control characters, which could drive a terminal, are shown as �."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def clip(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = plain(" ".join(text.split()))
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"
