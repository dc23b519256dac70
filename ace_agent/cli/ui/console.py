"""The two consoles of the commands: one for results, one for progress and notices."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import click
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.segment import Segment

from ace_agent.cli.ui.plain_text import plain


class PlainConsole(Console):
    """A console that prints no control characters but its own: all text passes through `plain`."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain(segment.text))


def output() -> Console:
    """The console of results, on standard output. No markup: a request or a path may hold brackets."""
    return _console(sys.stdout)


def notices() -> Console:
    """The console of progress and notices, on standard error, so that a pipe carries results only."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    terminal = file.isatty()
    console = PlainConsole(file=file, highlight=False, markup=False, emoji=False, soft_wrap=not terminal)
    if terminal and console.is_dumb_terminal:
        console.size = ConsoleDimensions(*shutil.get_terminal_size())  # rich takes 80 columns for granted
    return console


def can_encode(console: Console, text: str) -> bool:
    """Whether the console's encoding has every character of the text."""
    try:
        text.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def print_json(value: Any) -> None:
    """Print one JSON value for a program to read; characters that could drive a terminal are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    shown = plain(text)
    if shown != text or not can_encode(output(), text):
        text = json.dumps(value, indent=2)
    click.echo(text)


def interactive() -> bool:
    """Whether there is someone to ask: both ends are a terminal, even a dumb one."""
    return sys.stdin.isatty() and sys.stdout.isatty()
