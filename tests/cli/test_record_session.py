"""The recorder of docs/conversation.md: a command is typed into, and its page keeps what is around the recording."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="POSIX only")

from ace_agent.cli import record_session
from ace_agent.cli.generated import split_page

BEGIN, END = "<!-- generated: recorded session -->\n", "<!-- end: recorded session -->"
PAGE = Path(__file__).parents[2] / "docs" / "conversation.md"


def test_what_asks_is_answered_and_shown(tmp_path: Path) -> None:
    code = "print('hello'); print('got', input('> ')); print('got', input('Which [1]: '))"
    terminal = record_session.Terminal([sys.executable, "-c", code], dict(os.environ), tmp_path)
    for line in ("a red car", "2"):
        terminal.read()
        terminal.type(line)
    assert terminal.finish() == 0
    assert terminal.text() == "hello\n> a red car\ngot a red car\nWhich [1]: 2\ngot 2\n"


def test_a_page_keeps_what_is_around_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}\nafter\n")
    monkeypatch.setattr(record_session, "session", lambda model, folder: f"$ {model}\n")
    monkeypatch.setattr(sys, "argv", ["recording", str(page)])
    record_session.main()
    assert page.read_text() == f"before\n{BEGIN}```text\n$ ace-mini\n```\n{END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match=r"page.md has no"):
        record_session.main()


def test_the_page_holds_a_recording_of_the_script() -> None:
    _, recorded, _ = split_page(PAGE, record_session.SECTION)
    assert recorded.startswith("```text\n") and recorded.endswith("```\n")
    for command, typed in record_session.SCRIPT:
        assert f"$ {command}\n" in recorded
        assert all(re.search(rf"(> |: ){re.escape(line)}\n", recorded) for line in typed), (
            "run `make session`"
        )
    assert "identical, bit for bit" in recorded and "different" not in recorded
