"""Shards: samples are read back as written, and shards are complete or absent."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.data.errors import BadInput
from ace_agent.data.hashing import NEAR, NearDuplicates, perceptual_hash, sample_hash
from ace_agent.data.sample import Sample
from ace_agent.data.shards import Encoding, Record, Shards, ShardWriter, make_turn, shard_path
from ace_agent.references.types import Frame
from tests.data.pictures import drawn


def sample(seed: int, instruction: str = "make {image} gray") -> Sample:
    image = np.asarray(drawn(seed))
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[10:40, 20:60] = 255
    target = image.copy()
    target[mask > 0] = 255 - target[mask > 0]
    first = make_turn("text_to_image", "shapes", (), image, None)
    second = make_turn("edit_general", instruction, (Frame(image, mask),), target, 0, {"exact": True})
    return Sample("semantic", (first, second))


def write(folder: Path, number: int, *samples: Sample, encoding: Encoding = "png") -> list[bool]:
    with ShardWriter(folder, number, encoding) as shard:
        return [shard.add(Record(one, {"seed": k})) for k, one in enumerate(samples)]


@pytest.mark.parametrize("encoding", ["png", "webp"])
def test_samples_are_read_back_bit_for_bit(tmp_path: Path, encoding: Encoding) -> None:
    write(tmp_path, 0, sample(1), sample(2), encoding=encoding)
    write(tmp_path, 1, sample(3), encoding=encoding)
    shards = Shards(tmp_path)
    assert len(shards) == 3
    assert shards.tasks() == {"edit_general": 3}
    assert shards.entries[0].tasks == ("text_to_image", "edit_general")
    for number in (2, 0, 1):
        wanted, got = sample(number + 1), shards[number]
        assert sample_hash(got) == sample_hash(wanted) == shards.entries[number].key
        assert got.family == "semantic"
        turn = got.turns[-1]
        np.testing.assert_array_equal(turn.target, wanted.turns[-1].target)
        np.testing.assert_array_equal(turn.region, wanted.turns[-1].region)
        assert (turn.region[~(turn.frames[0].mask > 0)] == 0).all()
        assert turn.judge == {"exact": True}
    assert shards.record(1).provenance == {"seed": 1}


def test_the_layout_is_that_of_webdataset(tmp_path: Path) -> None:
    write(tmp_path, 0, sample(1), sample(2))
    with tarfile.open(shard_path(tmp_path, 0)) as tar:
        names = tar.getnames()
        row = json.load(tar.extractfile(names[0]))  # type: ignore[arg-type]
    keys = [name.split(".")[0] for name in names]
    assert len(dict.fromkeys(keys)) == 2
    assert keys == sorted(keys, key=list(dict.fromkeys(keys)).index)  # members of a sample are adjacent
    assert row["turns"][1]["frames"] == [{"image": "1.image0.png", "mask": "1.mask0.png"}]


def test_a_shard_can_be_read_without_its_index_and_alone(tmp_path: Path) -> None:
    write(tmp_path, 0, sample(1), sample(2))
    with_index = Shards(tmp_path)
    shard_path(tmp_path, 0).with_suffix(".json").unlink()
    without = Shards(shard_path(tmp_path, 0))
    assert without.entries == with_index.entries
    assert sample_hash(without[1]) == sample_hash(sample(2))


def test_duplicate_samples_are_written_once(tmp_path: Path) -> None:
    assert write(tmp_path, 0, sample(1), sample(1), sample(1, "another wish")) == [True, False, True]
    assert len(Shards(tmp_path)) == 2


def test_an_error_leaves_no_partial_shard(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ShardWriter(tmp_path, 0) as shard:
        shard.add(Record(sample(1)))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_equal_samples_give_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path, 0, sample(1))
    write(tmp_path, 1, sample(1))
    assert shard_path(tmp_path, 0).read_bytes() == shard_path(tmp_path, 1).read_bytes()


_FILLING = """
import resource, sys
from pathlib import Path
from tests.data.test_shards import sample, write
folder = Path(sys.argv[1])
write(folder, 0, sample(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    write(folder, 1, *(sample(k) for k in range(9)))
except OSError as error:
    print("refused")
"""


def test_a_full_disk_leaves_the_last_good_shard(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _FILLING, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard-000000.json", "shard-000000.tar"]
    assert len(Shards(tmp_path)) == 1


def test_files_that_are_no_shards_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no shards"):
        Shards(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        Shards(tmp_path / "nowhere")
    write(tmp_path, 0, sample(1))
    path = shard_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BadInput, match=r"shard-000000.tar has \d+ bytes instead of"):
        Shards(tmp_path)
    path.write_text("nothing like it" * 100)
    path.with_suffix(".json").unlink()
    with pytest.raises(BadInput, match="no shard, or damaged"):
        Shards(path)


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 0, sample(1))
    index = shard_path(tmp_path, 0).with_suffix(".json")
    index.write_text(index.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(BadInput, match="of format 2"):
        Shards(tmp_path)


def test_perceptual_hashes_survive_saving_and_tell_pictures_apart() -> None:
    hashes = [perceptual_hash(drawn(seed, 256, 224)) for seed in range(40)]
    for seed, hashed in enumerate(hashes):
        small = drawn(seed, 256, 224).resize((160, 140), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=75)
        again = perceptual_hash(Image.open(stream))
        assert (again ^ hashed).bit_count() <= NEAR
    near = NearDuplicates()
    assert [near.add(hashed) for hashed in hashes] == [None] * 40
    assert near.add(hashes[17] ^ 0b1011 << 60) == 17
