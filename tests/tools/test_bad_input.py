"""Every wrong call is answered in words that the calling model can use, and leaves nothing behind."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ace_tools.sessions import SessionPool
from tests.tiny import TinyPipeline


def stored(workspace: Path) -> set[Path]:
    return {path for path in workspace.rglob("*") if not path.name.startswith("memory.db")}


def rows(pool: SessionPool) -> tuple[int, ...]:
    with pool.session("tools") as session:
        tables = ("conversations", "turns", "steps", "images", "blobs")
        return tuple(session.agent.store.rows(f"SELECT count(*) AS n FROM {t}")[0]["n"] for t in tables)


@pytest.fixture
def place(workspace: Path, tmp_path: Path) -> Path:
    """A workspace with everything in it that must not be followed."""
    Image.new("RGB", (32, 32), "red").save(tmp_path / "outside.png")
    Image.new("RGB", (32, 32), "red").save(workspace / "inside.png")
    (workspace / "link.png").symlink_to(tmp_path / "outside.png")
    (workspace / "folder").symlink_to(tmp_path)
    (workspace / "words.png").write_text("not a picture")
    (workspace / "empty.png").touch()
    os.mkfifo(workspace / "pipe.png")
    return workspace


LONG = "make it night " * 750
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("edit_image", {"instruction": "make it night", "image": "@77"}, "no picture @77 in this conversation"),
    ("edit_image", {"instruction": "x", "image": "@77", "task": "edit_color"}, "no picture @77"),
    ("show_image", {"image": "@77"}, "there is no picture @77 in this conversation: it has @1"),
    ("show_image", {"image": "sky"}, "'sky' is no picture of the conversation"),
    ("edit_image", {"instruction": "make it night", "image": "../outside.png"}, "leaves the workspace"),
    ("edit_image", {"instruction": "x", "image": "folder/../inside.png"}, "leaves the workspace"),
    ("edit_image", {"instruction": "make it night", "image": "/etc/passwd"}, "not a path inside the workspace"),
    ("edit_image", {"instruction": "make it night", "image": "~/x.png"}, "not a path inside the workspace"),
    ("edit_image", {"instruction": "x", "image": "C:\\x.png"}, "not a path inside the workspace"),
    ("edit_image", {"instruction": "make it night", "image": "link.png"}, "symbolic link"),
    ("edit_image", {"instruction": "make it night", "image": "folder/outside.png"}, "symbolic link"),
    ("edit_image", {"instruction": "make it night", "image": "pipe.png"}, "there is no file 'pipe.png'"),
    ("edit_image", {"instruction": "x", "image": "a" * 5000 + ".png"}, "there is no file"),
    ("edit_image", {"instruction": "x", "image": "nul\0.png"}, "NUL"),
    ("edit_image", {"instruction": "make it night", "image": "none.png"}, "there is no file 'none.png'"),
    ("edit_image", {"instruction": "make it night", "image": "words.png"}, "words.png is not a picture"),
    ("edit_image", {"instruction": "make it night", "image": "empty.png"}, "is empty"),
    ("edit_image", {"instruction": "make it night", "image": "memory.db"}, "is not a picture"),
    ("edit_image", {"instruction": "x", "more_images": ["../outside.png"]}, "leaves the workspace"),
    ("edit_image", {"instruction": "x", "mask": "folder/outside.png"}, "symbolic link"),
    ("edit_image", {"instruction": "x", "task": "edit_colour"}, "near matches: edit_color"),
    ("edit_image", {"instruction": "x", "task": "segmentation"}, "segment"),
    ("edit_image", {"instruction": "x", "task": "zzzz"}, "leave the task out, or take one of text_to_image"),
    ("edit_image", {"instruction": "a pond", "task": "inpaint"}, 'inpaint needs a mask: give mask: {"box"'),
    ("edit_image", {"instruction": "x", "mask": {"box": [0.5, 0.5, 0.1, 0.1]}}, "x0 < x1"),
    ("edit_image", {"instruction": "x", "mask": {"box": [0.5]}}, "mask.box"),
    ("edit_image", {"instruction": "x", "mask": {}}, "one of box, ellipse, side and words"),
    ("edit_image", {"instruction": "make it night", "mask": "@77"}, "no picture @77"),
    ("edit_image", {"instruction": LONG}, "characters"),
    ("edit_image", {"instruction": LONG, "task": "edit_scene"}, "at most 2000 characters"),
    ("edit_image", {"instruction": ""}, "the request is empty"),
    ("edit_image", {"instruction": "make it night", "width": 64}, "give width and height, or neither"),
    ("edit_image", {"instruction": "make it night", "prompt": "x"}, "prompt: is no argument of this tool"),
    ("edit_image", {}, "instruction: is missing"),
    ("create_image", {"description": LONG}, "at most 2000 characters"),
    ("create_image", {"description": ""}, "the request is empty"),
    ("create_image", {"description": "a car", "seed": -1}, "seed: input should be greater"),
    ("create_image", {"description": "a car", "variations": 1000}, "variations: input should be less"),
    ("create_image", {"description": "a car", "width": 10**9, "height": 64}, "width: input should be less"),
    ("analyze_image", {"kind": "deep"}, "there is no analysis 'deep': take one of depth"),
    ("analyze_image", {"kind": "depth", "image": "@9"}, "no picture @9"),
    ("run_plan", {"plan": {}}, "a plan needs at least one step"),
    ("run_plan", {"plan": {"steps": [{"task": "nope"}]}}, "unknown task 'nope'"),
    ("run_plan", {"plan": "steps: ["}, "plan: line"),
    ("run_plan", {"plan": "x" * 10**7}, "the plan has 10,000,000 characters"),
    ("run_plan", {"plan": {"steps": [{"task": "depth", "images": ["/etc/passwd.png"]}]}}, "inside the workspace"),
    ("run_plan", {"plan": {"steps": [{"task": "depth", "images": ["../outside.png"]}]}}, "leaves the workspace"),
    ("run_plan", {"plan": {"steps": [{"task": "depth", "images": ["./link.png"]}]}}, "symbolic link"),
    ("run_plan", {"plan": {"steps": [{"task": "depth", "images": ["input"]}]}}, "input is not there"),
    ("run_plan", {"plan": {"goto": "@1"}, "variables": {"x": "y"}}, "the plan has no variable 'x'"),
    ("list_images", {"before": "x"}, "is no picture of the conversation"),
    ("list_images", {"limit": 0}, "limit: input should be greater"),
    ("undo", {"turns": 5}, "cannot go back 5 turns; the conversation has 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "words"), CALLS, ids=[f"{i}-{c[0]}" for i, c in enumerate(CALLS)]
)
def test_a_wrong_call(
    tools: Any, pool: SessionPool, place: Path, caplog: pytest.LogCaptureFixture,
    name: str, arguments: dict[str, Any], words: str,
) -> None:  # fmt: skip
    tools("create_image", description="a red car", seed=1)
    before, files = rows(pool), stored(place)
    with caplog.at_level(logging.ERROR):
        answer = tools(name, **arguments)
    assert answer.status == "error"
    assert words in answer.content, answer.content
    assert "Traceback" not in answer.content and "\n" not in answer.content
    assert "--" not in answer.content and "ace " not in answer.content, "a model has no shell"
    assert str(place) not in answer.content, "files are named from the workspace"
    assert len(answer.content) < 1500
    assert not caplog.records, "what the caller did wrong is no fault of ours"
    assert (rows(pool), stored(place)) == (before, files)


def test_an_empty_conversation_says_how_to_begin(tools: Any, pool: SessionPool) -> None:
    for name, arguments in [
        ("edit_image", {"instruction": "make it night"}),
        ("edit_image", {"instruction": "make it night", "image": "@3"}),
        ("analyze_image", {"kind": "depth"}),
        ("show_image", {}),
        ("show_image", {"image": "@3"}),
    ]:
        answer = tools(name, **arguments)
        assert answer.status == "error"
        assert "picture" in answer.content
    assert "create_image" in tools("edit_image", instruction="make it night").content
    assert rows(pool) == (0, 0, 0, 0, 0)


def test_a_model_error_is_logged_in_full_and_answered_in_one_line(
    tools: Any, pool: SessionPool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools("create_image", description="a red car")

    def out_of_memory(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of memory:\n tried to allocate 2 GB")

    monkeypatch.setattr(TinyPipeline, "__call__", out_of_memory)
    with caplog.at_level(logging.ERROR, "ace_tools"):
        answer = tools("edit_image", instruction="make it night")
    assert answer.status == "error"
    assert "the model could not finish" in answer.content and "\n" not in answer.content
    assert caplog.records[0].exc_info is not None
    monkeypatch.undo()
    with pool.session("tools") as session:
        assert [turn.number for turn in session.agent.turns()] == [1]
    assert tools("edit_image", instruction="make it night").status == "success"


def test_a_link_in_place_of_the_pictures_folder_is_not_followed(
    tools: Any, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (workspace / "pictures").symlink_to(tmp_path / "elsewhere")
    answer = tools("create_image", description="a red car")
    assert answer.status == "error" and "symbolic link" in answer.content
    assert list((tmp_path / "elsewhere").iterdir()) == []
