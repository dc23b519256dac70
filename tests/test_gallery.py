"""The page of a conversation stands alone and says everything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ace_agent.agent import Agent
from ace_agent.errors import InputError
from ace_agent.gallery import write_gallery
from ace_memory.housekeeping import forget_image
from tests.tiny import TinyPipeline, photo, plan, step


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
    path = write_gallery(agent, tmp_path / "page.html")
    text = path.read_text()
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    tags = [tag for tag, _ in outline.seen]
    assert tags.count("article") == 4 and tags.count("section") == 2
    assert "script" not in tags and "&lt;script&gt;alert(1)" in text
    images = [attributes for tag, attributes in outline.seen if tag == "img"]
    assert len(images) == 7
    assert all(str(image["src"]).startswith("data:image/") and image["alt"] for image in images)
    assert not re.search(r"(src|href)=.?(?!\"data:)[\"']?(http|//|/)", text)
    assert [a["class"] for tag, a in outline.seen if tag == "article"] == ["on", "off", "on", "tip"]
    assert text.count("<summary>recipe</summary>") == 6 and "weights_sha256" in text
    assert "task: fuse_layers" in text
    with pytest.raises(InputError, match="exists already"):
        write_gallery(agent, path)
    assert write_gallery(agent, path, force=True) == path
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_a_long_line_and_a_forgotten_picture(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    agent.run(plan({"task": "text_to_image", "instruction": "a fox"}), request="unspeakable")
    for _ in range(3):
        agent.run(plan(step("edit_scene", "@last")))
    forget_image(agent.store, agent.store.conversations()[0], 1)
    text = write_gallery(agent, tmp_path / "page.html").read_text()
    assert "unspeakable" not in text and "@1, 32 x 32, forgotten" in text
    assert text.count("<section") == 0


def test_an_empty_conversation_has_a_page(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", new=True)
    assert "0 turns" in write_gallery(agent, tmp_path / "page.html").read_text()
    with pytest.raises(InputError, match="cannot be written"):
        write_gallery(agent, tmp_path / "none" / "page.html")
