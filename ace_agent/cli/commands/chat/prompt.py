"""Reading lines: a prompt with history and completion on a terminal, plain lines from a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.cli.commands.chat.registry import completions
from ace_agent.cli.ui.plain_text import plain

if TYPE_CHECKING:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    from ace_agent.cli.commands.chat.session import Session

PROMPT = "› "


def read_lines(session: Session, history: Path) -> Iterator[str]:
    """Lines until the end of the input. Ctrl-C discards the line that is being typed."""
    if not sys.stdin.isatty():
        yield from iter(sys.stdin.readline, "")  # a file itself would be closed with this generator
    elif os.environ.get("TERM") == "dumb":
        yield from plain_lines()
    else:
        yield from edited_lines(session, history)


def plain_lines() -> Iterator[str]:
    """For a terminal that cannot move its cursor."""
    while True:
        try:
            yield input("> ")
        except KeyboardInterrupt:
            print()
        except EOFError:
            print()
            return


def completer(session: Session) -> Completer:
    """Slash commands, what may follow them, and picture ids."""
    from prompt_toolkit.completion import Completer, Completion

    class Words(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
            text = document.text_before_cursor
            word = text.rpartition(" ")[2]
            for choice, meaning in completions(session, text):
                yield Completion(choice, start_position=-len(word), display_meta=meaning)

    return Words()


def edited_lines(session: Session, history: Path) -> Iterator[str]:
    """With line editing, completion, and a history kept between sessions."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.output import ColorDepth

    class PlainHistory(FileHistory):
        def store_string(self, string: str) -> None:
            super().store_string(plain(string))  # what was typed need not be UTF-8; the file is

    writable = os.access(history.parent, os.W_OK)
    prompt: PromptSession[str] = PromptSession(
        history=PlainHistory(str(history)) if writable else InMemoryHistory(),
        completer=completer(session),
        complete_while_typing=False,
        color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
    )
    while True:
        try:
            yield prompt.prompt(PROMPT)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
