"""`ace REQUEST`: from words to a file, through the agent, the plan, the executor and the memory."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from PIL import Image

from ace_agent.images.files import read_recipe
from tests.cli.conftest import Ace


def test_a_noun_phrase_makes_and_an_order_edits(ace: Ace, here: Path) -> None:
    first = ace("a red car in a meadow", "--seed", "7")
    assert "@1  ./ace-1.png  32 x 32  seed 7" in first.stdout
    second = ace("make it night")
    assert "./ace-2.png" in second.stdout
    recipe = read_recipe(here / "ace-2.png")
    assert recipe["instruction"] and len(recipe["images"]) == 1
    assert read_recipe(here / "ace-1.png")["seed"] == 7


def test_a_file_is_edited_at_its_own_size_and_not_written_over(ace: Ace, here: Path) -> None:
    Image.effect_noise((80, 50), 60).convert("RGB").save(here / "photo.png")
    before = (here / "photo.png").read_bytes()
    result = json.loads(ace("remove the tent", "photo.png", "--json").stdout)
    assert (result["images"][0]["width"], result["images"][0]["height"]) == (80, 50)
    assert (here / "photo.png").read_bytes() == before


def test_json_holds_all_of_a_turn(ace: Ace, here: Path) -> None:
    record = json.loads(ace("a red car", "-n", "3", "-o", "car.png", "--json", "--new", "-c", "cars").stdout)
    assert record["conversation"] == "cars"
    assert [Path(image["path"]).name for image in record["images"]] == ["car-1.png", "car-2.png", "car-3.png"]
    assert all((here / image["path"]).exists() for image in record["images"])
    assert record["plan"]["steps"][0]["variations"] == 3
    assert record["status"] == "done"


def test_a_word_that_is_a_command_can_be_forced(ace: Ace, here: Path) -> None:
    """`ace models` lists the models; `ace -- models` is a request for some."""
    ace("--", "models")
    assert (here / "ace-1.png").exists()


def test_the_recipe_can_be_left_out(ace: Ace, here: Path) -> None:
    ace("a red car", "-o", "plain.png", "--no-metadata")
    with Image.open(here / "plain.png") as picture:
        assert not picture.info
    result = ace("rerun", "plain.png", status=1)
    assert "recipe" in result.stderr


def test_a_picture_is_written_though_the_clock_went_back(
    ace: Ace, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that seemed older than its command counted as an earlier one, whose pictures were written then."""
    times = itertools.count(2_000_000_000, -60)
    monkeypatch.setattr("time.time", lambda: float(next(times)))
    ace("a red car", "-o", "car.png")
    assert (here / "car.png").is_file()


def test_an_undo_like_request_goes_back_and_writes_nothing_new(ace: Ace, here: Path) -> None:
    ace("a red car")
    ace("make it night")
    result = ace("undo that")
    assert "@1" in result.stdout
    assert sorted(path.name for path in here.iterdir()) == ["ace-1.png", "ace-2.png"]


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ([""], 1, "empty"),
        (["a" * 10_000], 1, "10,000"),
        (["a cat", "--size", "7"], 1, "16"),
        (["a cat", "--size", "5000"], 1, "4096"),
        (["make it night", "missing.png"], 1, "missing.png"),
        (["make", "it", "night"], 2, "make it night"),
        (["a cat", "-o", "taken.png"], 1, "exists already"),
        (["a cat", "--mask", "box 1 2 3"], 1, "four numbers"),
        (["remove the tent", "empty.png"], 1, "empty"),
        (["remove the tent", "text.png"], 1, "text.png"),
        (["histroy"], 1, "did you mean: ace history"),
        (["a cat", "--planner", "nobody"], 1, "nobody"),
    ],
)
def test_bad_input_is_one_line_and_stores_nothing(
    ace: Ace, here: Path, args: list[str], status: int, words: str
) -> None:
    (here / "taken.png").touch()
    (here / "empty.png").touch()
    (here / "text.png").write_text("this is no picture")
    files = sorted(here.iterdir())
    result = ace(*args, status=status)
    assert words in result.stderr
    assert "Traceback" not in result.output
    if status == 1:
        assert result.stderr.startswith("ace: ")
        assert len(result.stderr.splitlines()) == 1
    assert sorted(here.iterdir()) == files
    assert json.loads(ace("conversations", "--json").stdout) == []


def test_ctrl_c_leaves_the_conversation_as_it_was(ace: Ace, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.tiny import TinyPipeline

    ace("a red car")
    with monkeypatch.context() as patch:

        def stop(self: TinyPipeline, *args: object, **kwargs: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(TinyPipeline, "__call__", stop)
        result = ace("make it night", status=130)
        assert "stopped" in result.stderr
    record = json.loads(ace("history", "--json").stdout)
    assert [turn["request"] for turn in record["turns"]] == ["a red car"]
    resumed = json.loads(ace("run", "--resume", "--json").stdout)
    assert resumed["request"] == "make it night"
    assert resumed["status"] == "done"
