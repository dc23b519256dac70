"""A conversation without a model."""

from __future__ import annotations

import errno
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ace_agent.agent import Agent
from ace_agent.conversation import Conversation, handed_pictures
from ace_agent.errors import InputError, StoreRefused
from ace_agent.execution.inputs import hand_over
from ace_agent.workspace import conversations, open_store
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


def test_two_windows_may_begin_the_same_conversation(tmp_path: Path) -> None:
    """The second could never speak: its turn wanted to create a conversation whose name was taken."""
    windows = [Agent(tmp_path, conversation="talk", pipeline=TinyPipeline()) for _ in range(3)]
    first, second, third = windows
    first.run(CREATE)
    assert [turn.number for turn in second.turns()] == [1], "it is there for the others, too"
    turn = second.run(CREATE)
    assert (turn.number, turn.parent) == (2, 1)
    assert any("another window" in note for note in turn.notes)
    assert third.attach(photo()).id == "@3"
    assert [picture.id for picture in first.pictures()] == ["@1", "@2", "@3"]
    assert {window.conversation for window in windows} == {"talk"}


def test_a_new_conversation_is_never_one_that_is_there(tmp_path: Path) -> None:
    windows = [Agent(tmp_path, conversation="talk", new=True, pipeline=TinyPipeline()) for _ in range(2)]
    windows[0].run(CREATE)
    with pytest.raises(StoreRefused, match=r"there is a conversation 'talk' already.*-c talk"):
        windows[1].run(CREATE)
    unnamed = [Agent(tmp_path, new=True, pipeline=TinyPipeline()) for _ in range(2)]
    assert [window.run(CREATE).number for window in unnamed] == [1, 1]
    assert unnamed[0].conversation != unnamed[1].conversation


def test_the_conversation_used_last_is_continued_though_the_clock_went_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the clock was set back an hour, the conversation of an hour ago was continued."""
    Agent(tmp_path, conversation="old", pipeline=TinyPipeline()).run(CREATE)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now - 3600)
    Agent(tmp_path, conversation="new", pipeline=TinyPipeline()).run(CREATE)
    assert Agent(tmp_path).conversation == "new"
    assert [row.name for row in conversations(tmp_path)] == ["new", "old"]
    Agent(tmp_path, conversation="old").undo()
    assert Agent(tmp_path).conversation == "old"


def test_a_planner_sees_what_led_to_each_picture(tmp_path: Path) -> None:
    """An edited picture used to be known by its last instruction alone."""
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    agent.run(CREATE)
    agent.run(plan({"task": "add", "instruction": "Add a hat to {image}.", "images": ["@last"]}))
    agent.run(plan({"task": "depth", "instruction": "Produce a depth map for {image}.", "images": ["@1"]}))
    known = agent.context().images
    assert [image.description for image in known] == [
        "a red fox", "a red fox, then: add a hat", "depth map of a red fox",
    ]  # fmt: skip
    assert all(image.made for image in known)
    agent.close()


def test_a_planner_sees_files_by_name_and_size(talk: Conversation, tmp_path: Path) -> None:
    photo().save(tmp_path / "beach.png")
    talk.attach(tmp_path / "beach.png")
    attached = talk.context().images[-1]
    assert (attached.description, attached.made) == ("beach.png", False)
    handed = handed_pictures(hand_over([tmp_path / "beach.png", photo()]))
    assert [(image.id, image.description) for image in handed] == [("input", "beach.png"), ("input1", "")]
    assert (handed[0].width, handed[0].height) == photo().size


def test_going_back_to_a_picture_in_the_middle_of_a_turn_makes_it_the_current_one(tmp_path: Path) -> None:
    """The turn's last picture was taken for it, so that the next edit was of that one."""
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    agent.run(CREATE)
    agent.run(
        plan(
            {"task": "add", "instruction": "Add a hat to {image}.", "images": ["@last"]},
            {"task": "edit_scene", "instruction": "Make it night in {image}.", "images": ["$1"]},
        )
    )
    assert agent.goto("@2").id == "@2"
    assert agent.show().id == "@2"
    assert (agent.context().tip, agent.context().path) == ("@2", ("@1", "@2"))
    again = Agent(tmp_path / "w", pipeline=TinyPipeline())
    assert again.show().id == "@2", "other processes see it too"
    again.close()
    made = agent.run(plan({"task": "depth", "instruction": "Depth of {image}.", "images": ["@last"]}))
    assert made.images[0].sources == ("@2",)
    assert agent.show().id == "@4"
    agent.close()


def test_undo_after_the_first_edit_of_a_file_shows_the_file(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    photo().save(tmp_path / "beach.png")
    agent.run(
        plan({"task": "add", "instruction": "Add a boat to {image}.", "images": ["input"]}),
        [tmp_path / "beach.png"],
    )
    back = agent.undo()
    assert back is not None
    assert (back.id, back.source) == ("@1", "beach.png")
    assert agent.show().id == "@1"
    assert agent.context().newest == "@1"
    with pytest.raises(InputError, match="nothing to undo"):
        agent.undo()
    assert agent.redo() is not None
    assert agent.show().id == "@2"
    agent.close()
