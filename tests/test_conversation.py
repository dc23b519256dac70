"""A conversation without a model."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ace_agent.agent import Agent
from ace_agent.conversation import Conversation
from ace_agent.errors import InputError, StoreRefused
from ace_agent.workspace import open_store
from tests.tiny import TinyPipeline, photo, plan

CREATE = plan({"task": "text_to_image", "instruction": "a red fox"})


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Conversation]:
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    agent.run(CREATE)
    yield agent.memory
    agent.close()


def test_an_export_is_never_written_over_another_file(talk: Conversation, tmp_path: Path) -> None:
    path = talk.export(tmp_path / "trip.ace")
    with pytest.raises(InputError, match="exists already"):
        talk.export(path)
    with pytest.raises(InputError, match="cannot be written"):
        talk.export(tmp_path / "none" / "trip.ace")


def test_writing_over_an_export_keeps_the_old_one_until_the_new_one_is_whole(
    talk: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ace export --force` deleted the file first; a disk that was full left nothing."""
    path = talk.export(tmp_path / "trip.ace")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(InputError, match=r"No space left.*free some space"):
            talk.export(path, force=True)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.glob("*trip*")] == ["trip.ace"]
    talk.attach(photo())
    talk.export(path, force=True)
    assert path.read_bytes() != before


def test_whatever_the_store_refuses_is_an_error_of_the_agent(talk: Conversation, tmp_path: Path) -> None:
    """Methods without the translating decorator, such as those of a picture, let the store's own error through."""
    picture = talk.show()
    talk.store.execute("UPDATE images SET sha256 = NULL")
    with pytest.raises(StoreRefused, match="forgotten"):
        talk.show(picture.id).png()
    with pytest.raises(StoreRefused, match="no conversation"):
        talk.store.conversation("nobody")
    with pytest.raises(StoreRefused, match="damaged or no database"):
        (tmp_path / "memory.db").write_bytes(b"no database, but long enough to look like a file " * 30)
        open_store(tmp_path)
