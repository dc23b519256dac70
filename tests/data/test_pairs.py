"""Tables of a user's own pairs: read as samples, or refused with the line before any work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.data.errors import BadInput
from ace_agent.data.pairs import PairsFile, open_samples
from ace_agent.data.shards import Record, Shards, ShardWriter
from ace_agent.errors import InputError
from tests.data.pictures import drawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pics").mkdir()
    drawn(1).save(tmp_path / "pics" / "a.png")
    drawn(2).save(tmp_path / "b.jpg")
    drawn(3, 64, 80).save(tmp_path / "other.png")
    mask = Image.new("L", (112, 96))
    mask.paste(255, (20, 20, 60, 60))
    mask.save(tmp_path / "mask.png")
    mask.resize((50, 50)).save(tmp_path / "small.png")
    Image.new("L", (112, 96)).save(tmp_path / "black.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "pics" / "a.png").read_bytes()[:300])
    return tmp_path


def table(folder: Path, text: str, name: str = "pairs.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_becomes_samples(folder: Path) -> None:
    path = table(
        folder,
        "\ufeffTarget, instruction,source,mask\n"
        'b.jpg,"make {image} round,\nplease",pics/a.png,mask.png\n'
        "\n"
        "b.jpg,a drawing,,\n"
        "other.png,the same again,pics/a.png,\n",
    )
    samples = PairsFile(path)
    assert [pair.line for pair in samples.pairs] == [2, 5, 6]
    assert [one.turns[0].task for one in samples] == ["edit_general", "text_to_image", "subject_reference"]
    turn = samples[0].turns[0]
    assert turn.instruction == "make {image} round,\nplease"
    assert turn.frames[0].image.shape == turn.target.shape == (96, 112, 3)
    assert turn.frames[0].mask is not None
    assert set(np.unique(turn.frames[0].mask)) == {0, 255}
    assert (turn.base, turn.region is not None) == (0, True)
    assert (samples[1].turns[0].frames, samples[1].turns[0].base) == ((), None)
    assert samples[2].turns[0].target.shape == (80, 64, 3)
    assert PairsFile(path, size=64)[0].turns[0].target.shape == (48, 64, 3)


def test_jsonl_may_give_several_sources(folder: Path) -> None:
    rows = [
        {"source": ["pics/a.png", "b.jpg"], "mask": [None, "mask.png"], "target": "other.png",
         "instruction": "put {image} and {image1} together", "task": "subject_reference"},
        {"source": "pics/a.png", "target": "b.jpg", "instruction": "pixel art", "task": "edit_style"},
    ]  # fmt: skip
    path = table(folder, "\n".join(map(json.dumps, rows)), "pairs.jsonl")
    first, second = PairsFile(path)
    assert [frame.mask is None for frame in first.turns[0].frames] == [True, False]
    assert (first.family, second.family) == ("reference generation", "semantic editing")
    assert second.turns[0].task == "edit_style"


HEAD = "source,mask,instruction,target,task\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("source,target\npics/a.png,b.jpg\n", "line 1: there is no column instruction"),
        ("source,target,instruction,colour\n", "line 1: unknown column colour"),
        ("source,target,instruction,source\n", "line 1: a column is there twice"),
        (HEAD, "has no pairs"),
        ("", "line 1: there is no column source, instruction, target"),
        (HEAD + "pics/a.png,,x,b.jpg,\n\npics/gone.png,,x,b.jpg,\n", "line 4: source: there is no file"),
        (HEAD + "pics/a.png,,x,gone.jpg,\n", "line 2: target: there is no file"),
        (HEAD + "cut.png,,x,b.jpg,\n", "line 2: source: .*cut.png is damaged or cut off"),
        (HEAD + "pics/a.png,small.png,x,b.jpg,\n", r"line 2: mask .*small.png is 50 x 50, its source 112 x 96"),
        (HEAD + "pics/a.png,black.png,x,b.jpg,\n", "line 2: mask .*black.png marks nothing"),
        (HEAD + "pics/a.png,none.png,x,b.jpg,\n", "line 2: mask: there is no file"),
        (HEAD + ",mask.png,x,b.jpg,\n", "line 2: 1 masks for 0 sources"),
        (HEAD + "pics/a.png,,,b.jpg,\n", "line 2: the instruction is empty"),
        (HEAD + "pics/a.png,,x,,\n", "line 2: one target"),
        (HEAD + "pics/a.png,,x,b.jpg,paint\n", "line 2: there is no task 'paint'"),
        (HEAD + "pics/a.png,,x,b.jpg,text_to_image\n", "line 2: text_to_image takes 0 to 0 sources, not 1"),
        (HEAD + "pics/a.png,,x,other.png,remove\n", "line 2: the target is 64 x 80, and remove keeps"),
        (HEAD + "pics/a.png,,add {image1},b.jpg,\n", r"line 2: the instruction names \{image1\}"),
        (HEAD + "pics/a.png,,red, white,b.jpg,\n", "line 2: 6 values for 5 columns"),
        (HEAD + 'pics/a.png,,"red,b.jpg,\n', "line 2: unexpected end"),
    ],
)  # fmt: skip
def test_errors_name_the_line(folder: Path, text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        PairsFile(table(folder, text))
    assert isinstance(caught.value, InputError)
    assert caught.value.hint


def test_many_errors_make_one_message(folder: Path) -> None:
    path = table(folder, HEAD + "gone.png,,x,b.jpg,\n" * 9)
    with pytest.raises(BadInput, match=r"line 2: .*; line 3: .*; line 4: .*; and 6 more lines"):
        PairsFile(path)


@pytest.mark.parametrize("line", ["{", "[1]", '{"source": null}'])
def test_a_broken_line_of_json_is_named(folder: Path, line: str) -> None:
    good = '{"source": null, "target": "b.jpg", "instruction": "x"}'
    with pytest.raises(BadInput, match="line 2: "):
        PairsFile(table(folder, f"{good}\n{line}\n", "pairs.jsonl"))


def test_open_samples_takes_tables_and_shards(folder: Path) -> None:
    pairs = open_samples(table(folder, HEAD + "pics/a.png,,make it red,b.jpg,\n"))
    with ShardWriter(folder, 0) as shard:
        shard.add(Record(pairs[0]))
    for path in (folder, folder / "shard-000000.tar"):
        samples = open_samples(path)
        assert isinstance(samples, Shards)
        assert samples[0].turns[0].instruction == "make it red"
    with pytest.raises(BadInput, match="no pairs file"):
        open_samples(folder / "b.jpg")
    with pytest.raises(BadInput, match="there is no file"):
        open_samples(folder / "none.csv")
