"""What may be shown: text that cannot drive a terminal. Everything that a command prints goes through `plain`."""

from __future__ import annotations

import io
import re
import sys

import click

_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, which begin a terminal's commands
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"  # reorder or hide text
    "\ud800-\udfff]"  # bytes of a file name that is not UTF-8
)


def plain(text: str) -> str:
    """The text with � for each character that could drive a terminal, hide or reorder text, or not be encoded.

    Line breaks and tabs stay.
    """
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def clip(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = plain(" ".join(text.split()))
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def say(text: str, *, err: bool = False) -> None:
    """Print text without a console, which takes a while to import."""
    click.echo(plain(text), err=err)


def accept_any_character() -> None:
    """Let no encoding end a command: what standard output cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
