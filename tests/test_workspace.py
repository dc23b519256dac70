"""Archives of strangers: what is forged is refused whole, in one short line, before it can cost anything."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ace_agent.agent import Agent
from ace_agent.errors import StoreRefused
from ace_agent.images.files import encode_png
from ace_agent.workspace import check_picture, conversations, import_conversation, open_store
from ace_memory.housekeeping import check
from tests.tiny import TinyPipeline, photo, plan, step

Document = dict[str, Any]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    agent = Agent(folder / "w", conversation="trip", pipeline=TinyPipeline())
    agent.run(plan({"task": "text_to_image", "instruction": "a red fox", "seed": 1}))
    agent.run(plan(step("edit_scene", "@last")))
    agent.attach(photo(40, 30))
    agent.run(plan(step("edit_color", "@last", mask={"side": "left"})))
    return agent.export(folder / "trip.ace")


def forge(
    source: Path, target: Path, change: Callable[[Document, dict[str, bytes]], None], compress: bool = False
) -> Path:
    """An archive with its document and pictures changed."""
    with zipfile.ZipFile(source) as archive:
        document = json.loads(archive.read("conversation.json"))
        blobs = {name: archive.read(name) for name in archive.namelist() if name.startswith("blobs/")}
    change(document, blobs)
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("conversation.json", json.dumps(document), zipfile.ZIP_DEFLATED)
        for name, data in blobs.items():
            archive.writestr(name, data, kind)
    return target


def replace_blob(document: Document, blobs: dict[str, bytes], data: bytes) -> None:
    """The first picture's bytes are others, and its hash says so."""
    digest = hashlib.sha256(data).hexdigest()
    image = document["images"][0]
    del blobs[f"blobs/{image['sha256']}"]
    image["sha256"] = digest
    blobs[f"blobs/{digest}"] = data


def of(table: str, row: int, key: str, value: object) -> Callable[[Document, dict[str, bytes]], None]:
    def change(document: Document, blobs: dict[str, bytes]) -> None:
        document[table][row][key] = value

    return change


def top(key: str, value: object) -> Callable[[Document, dict[str, bytes]], None]:
    def change(document: Document, blobs: dict[str, bytes]) -> None:
        document[key] = value

    return change


def blob(data: bytes) -> Callable[[Document, dict[str, bytes]], None]:
    return lambda document, blobs: replace_blob(document, blobs, data)


def recipe(**fields: object) -> Callable[[Document, dict[str, bytes]], None]:
    def change(document: Document, blobs: dict[str, bytes]) -> None:
        made = json.loads(document["steps"][0]["recipe"])
        document["steps"][0]["recipe"] = json.dumps({**made, **fields})

    return change


def twice(document: Document, blobs: dict[str, bytes]) -> None:
    document["turns"].append(document["turns"][0])


FORGED: dict[str, tuple[Callable[[Document, dict[str, bytes]], None], str]] = {
    "long text": (of("turns", 0, "request", "x" * 10**6), "turns.request is a text of 1,000,000 characters"),
    "long source": (of("images", 0, "source", "x" * 10**6), "images.source is a text of"),
    "wrong type": (of("turns", 0, "request", ["x"] * 10**6), "turns.request is a list"),
    "boolean": (of("turns", 0, "tokens", True), "turns.tokens"),
    "last number": (top("last_number", 2**63 - 1), "conversation.last_number"),
    "last text": (top("last_number", "7"), "conversation.last_number"),
    "number": (of("images", 0, "number", 2**63 - 2), "images.number"),
    "huge number": (of("images", 0, "number", 10**4000), "a very large number"),
    "negative": (of("images", 0, "number", -1), "images.number"),
    "width": (of("images", 0, "width", 2**62), "images.width"),
    "tokens": (of("turns", 0, "tokens", 2**63 - 1), "turns.tokens"),
    "time": (of("turns", 0, "created", 1e300), "turns.created"),
    "no time": (top("created", -1), "conversation.created"),
    "infinite": (of("turns", 0, "created", float("inf")), "Infinity is no number"),
    "nan": (top("created", float("nan")), "NaN is no number"),
    "text blob": (blob(b"this is no picture"), "a file is no whole PNG"),
    "jpeg blob": (blob(b"\xff\xd8\xff\xe0" + b"x" * 99), "a file is no whole PNG"),
    "postscript": (blob(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "a file is no whole PNG"),
    "cut blob": (blob(encode_png(photo(32, 32))[:-900]), "a file is no whole PNG"),
    "other size": (blob(encode_png(photo(33, 32))), "a picture is 33 x 32, not 32 x 32"),
    "two sizes": (of("images", 2, "height", 31), "a picture is 40 x 30, not 40 x 31"),
    "recipe list": (of("steps", 0, "recipe", "[1]"), "a recipe is no object"),
    "recipe number": (of("steps", 0, "recipe", "7"), "a recipe is no object"),
    "recipe text": (of("steps", 0, "recipe", "nothing"), "Expecting value"),
    "recipe deep": (of("steps", 0, "recipe", "[" * 10**5), "recursion"),
    "recipe empty": (of("steps", 0, "recipe", '{"x": 1}'), "a recipe has no format"),
    "recipe task": (recipe(task="rm -rf"), "no task of the catalogue"),
    "recipe seed": (recipe(seed="7"), "a recipe has no seed"),
    "recipe words": (recipe(instruction=None), "a recipe has no instruction"),
    "recipe history": (recipe(history={}), "a recipe has no history"),
    "plan list": (of("turns", 0, "plan", "[]"), "a plan is no object"),
    "plan wrong": (of("turns", 0, "plan", '{"steps": [{"task": "x"}]}'), "a plan is wrong: "),
    "tip": (of("turns", -1, "status", "stopped"), "the tip is no finished turn"),
    "parent": (of("turns", 0, "status", "failed"), "follows one that was not finished"),
    "same id": (twice, "two rows of turns have one id"),
    "own parent": (of("turns", 0, "parent", 2), "is no exported conversation"),
    "other turn": (of("images", 0, "turn", 2), "of another turn than the step"),
    "no list": (top("turns", {}), "turns is no list"),
    "name": (top("name", "x" * 10**6), "cannot be a conversation's name|its name is no text"),
    "format": (top("format", "x" * 10**6), "format a text of 1,000,000 characters"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_archive_is_refused_whole(exported: Path, tmp_path: Path, case: str) -> None:
    change, words = FORGED[case]
    path = forge(exported, tmp_path / "forged.ace", change)
    with pytest.raises(StoreRefused, match=words) as error:
        import_conversation(tmp_path / "w", path)
    assert str(error.value).splitlines() == [str(error.value)]
    assert len(str(error.value)) < 250 + len(str(path))
    assert conversations(tmp_path / "w") == []
    with open_store(tmp_path / "w") as store:
        assert store.rows("SELECT count(*) AS n FROM blobs")[0]["n"] == 0


def test_an_honest_archive_is_taken_in(exported: Path, tmp_path: Path) -> None:
    assert import_conversation(tmp_path, exported) == "trip"
    with open_store(tmp_path) as store:
        assert check(store, check_picture) == []
    packed = forge(exported, tmp_path / "packed.ace", lambda document, blobs: None, compress=True)
    assert import_conversation(tmp_path, packed) == "trip-2"


def test_a_small_file_that_grows_is_refused_before_it_is_read(exported: Path, tmp_path: Path) -> None:
    """233 KB became 6 GB: every picture was a megabyte of nothing, compressed, and a text could be 256 MB."""
    big = encode_png(Image.new("RGB", (2, 2))) + bytes(3 * 2**20)

    def pictures(document: Document, blobs: dict[str, bytes]) -> None:
        for number in range(20):
            data = big + str(number).encode()
            digest = hashlib.sha256(data).hexdigest()
            document["images"].append({**document["images"][0], "id": 100 + number, "number": 100 + number})
            document["images"][-1] |= {"sha256": digest, "step": None}
            blobs[f"blobs/{digest}"] = data

    def text(document: Document, blobs: dict[str, bytes]) -> None:
        document["turns"][0]["note"] = "x" * (65 * 2**20)

    def values(document: Document, blobs: dict[str, bytes]) -> None:
        document["turns"][0]["note"] = [[]] * (5 * 10**6)

    for change, words in (
        (pictures, "its pictures are far larger than the file"),
        (text, "conversation.json is too large"),
        (values, "conversation.json holds too many values"),
    ):
        path = forge(exported, tmp_path / "forged.ace", change, compress=True)
        assert path.stat().st_size < 2**20
        tracemalloc.start()
        with pytest.raises(StoreRefused, match=words):
            import_conversation(tmp_path / "w", path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 * 2**20


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trip.ace")
    with pytest.raises(StoreRefused, match="it is no regular file"):
        import_conversation(tmp_path / "w", tmp_path / "trip.ace")


def test_what_was_taken_in_before_is_found_and_breaks_nothing(exported: Path, tmp_path: Path) -> None:
    """`check` said that all is well of a text in place of a picture; a recipe `[1]` broke `show` for good."""
    import_conversation(tmp_path, exported)
    agent = Agent(tmp_path, pipeline=TinyPipeline())
    agent.store.execute("UPDATE steps SET recipe = '[1]' WHERE id = 1")
    agent.store.execute("UPDATE turns SET plan = '7' WHERE id = 1")
    text = b"no picture"
    digest = hashlib.sha256(text).hexdigest()
    agent.store.execute("INSERT INTO blobs VALUES (?, ?, 'image/png')", digest, text)
    agent.store.execute("UPDATE images SET sha256 = ? WHERE number = 2", digest)
    found = check(agent.store, check_picture)
    assert "image @2: a file is no whole PNG" in found
    assert "steps row 1: recipe is no JSON object" in found
    assert "turns row 1: plan is no JSON object" in found
    assert agent.show("@1").recipe is None
    assert agent.show("@1").image.size == (32, 32)
    assert len(agent.turns(everything=True)) == 3
