"""The page of a conversation is complete and self-contained."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.agent import Agent
from ace_agent.errors import InputError
from ace_agent.reports.html_export import write_gallery
from ace_memory.housekeeping import forget_image
from tests.tiny import TinyPipeline, photo, plan, step

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Outline(HTMLParser):
    """Tags opened, and whether each was closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_of_two_branches(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", conversation="a trip", pipeline=TinyPipeline())
    agent.run(
        plan({"task": "text_to_image", "instruction": "a fox"}), request="<script>alert(1)</script> & 'x'"
    )
    agent.run(plan(step("edit_scene", "@1")), request="night")
    agent.goto("@1")
    agent.run(plan(step("edit_color", "input")), [photo(900, 600)], request="large")
    agent.run(plan(step("fuse_layers", "@last", "@2")), request="both")
    path = write_gallery(agent.memory, tmp_path / "page.html")
    text = path.read_text()
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    tags = [tag for tag, _ in outline.seen]
    assert tags.count("article") == 4 and tags.count("section") == 1
    assert "script" not in tags and "&lt;script&gt;alert(1)" in text
    images = [attributes for tag, attributes in outline.seen if tag == "img"]
    assert len(images) == 7
    assert all(str(image["src"]).startswith("data:image/") and image["alt"] for image in images)
    assert not re.search(r"(src|href)=.?(?!\"data:)[\"']?(http|//|/)", text)
    assert [a["class"] for tag, a in outline.seen if tag == "article"] == ["on", "off", "on", "tip"]
    assert text.count("<summary>recipe</summary>") == 6 and "weights_sha256" in text
    assert "task: fuse_layers" in text
    assert text.count("→") == 3
    with pytest.raises(InputError, match="exists already"):
        write_gallery(agent.memory, path)
    assert write_gallery(agent.memory, path, force=True) == path
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_a_long_line_and_a_forgotten_picture(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    agent.run(plan({"task": "text_to_image", "instruction": "a fox"}), request="unspeakable")
    for _ in range(3):
        agent.run(plan(step("edit_scene", "@last")))
    forget_image(agent.store, agent.store.conversations()[0], 1)
    text = write_gallery(agent.memory, tmp_path / "page.html").read_text()
    assert "unspeakable" not in text and "@1, 32 x 32, forgotten" in text
    assert text.count("<section") == 0


def test_forking_at_every_turn_neither_ends_nor_narrows_the_page(tmp_path: Path) -> None:
    """Each fork was one level of recursion and one of nesting, so a long talk with many undos had no page."""
    agent = Agent(tmp_path / "w", conversation="forks", pipeline=TinyPipeline())
    agent.run(plan({"task": "text_to_image", "instruction": "a fox"}))
    talk = agent.store.conversations()[0].id
    with agent.store.transaction():
        tip = agent.store.conversation(talk).tip
        for number in range(1200):
            agent.store.begin_turn(talk, tip, f"left {number}", "{}")
            turn, _ = agent.store.begin_turn(talk, tip, f"kept {number}", "{}")
            agent.store.finish_turn(turn.id, 16)
            tip = turn.id
    outline = Outline()
    depths = []
    for part in re.split("(?=<article)", write_gallery(agent.memory, tmp_path / "page.html").read_text()):
        outline.feed(part)
        depths.append(outline.open.count("section"))
    assert max(depths) == 1
    assert [tag for tag, _ in outline.seen].count("article") == 2401


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_displays_it(tmp_path: Path) -> None:
    """No request fails, and the pictures are visible in a wide window and in a narrow one."""
    agent = Agent(tmp_path / "w", conversation="a trip", pipeline=TinyPipeline())
    agent.run(plan({"task": "text_to_image", "instruction": "a fox", "seed": 3}))
    agent.run(plan(step("edit_scene", "@1", seed=4)))
    page = write_gallery(agent.memory, tmp_path / "page.html")
    colours = [np.asarray(agent.show(id_).image.convert("RGB")).mean(axis=(0, 1)) for id_ in ("@1", "@2")]
    for width in (1200, 420):
        shot = tmp_path / f"{width}.png"
        done = subprocess.run(
            [
                str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1400", f"--screenshot={shot}",
                page.as_uri(),
            ],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert "CONSOLE" not in done.stderr, done.stderr
        seen = np.asarray(Image.open(shot).convert("RGB")).astype(float)
        blurred = seen[: seen.shape[0] // 16 * 16, : seen.shape[1] // 16 * 16]
        blurred = blurred.reshape(blurred.shape[0] // 16, 16, -1, 16, 3).mean(axis=(1, 3))
        for colour in colours:
            assert (np.abs(blurred - colour).max(axis=-1) < 12).sum() >= 20


def test_an_empty_conversation_has_a_page(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", new=True)
    assert "0 turns" in write_gallery(agent.memory, tmp_path / "page.html").read_text()
    with pytest.raises(InputError, match="cannot be written"):
        write_gallery(agent.memory, tmp_path / "none" / "page.html")
