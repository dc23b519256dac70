"""Scanning folders and making pairs of pictures, in one process."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ace_agent.cli import main
from ace_agent.data.errors import BadInput, RunStopped
from ace_agent.data.pairs_from_images import operations
from ace_agent.data.pairs_from_images import run as pair_runs
from ace_agent.data.pairs_from_images.run import RunSettings
from ace_agent.data.pairs_from_images.run_plan import locked_folder
from ace_agent.data.pairs_from_images.sources import Limits, SourceImage, clean_caption, distinct, find, scan
from ace_agent.data.shards import Shards
from ace_agent.images.annotated_image import AnnotatedImage, Segment
from ace_agent.images.skeletons import Body
from ace_agent.images.types import Pixels
from ace_agent.plan.tasks import TASKS
from tests.data.pictures import drawn, fill, spoil


def shards_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*"))}


def run(pictures: Path, out: Path, **settings: object) -> RunSettings:
    return RunSettings(pictures, out, **({"size": 128, "per_shard": 2} | settings))  # type: ignore[arg-type]


# ---- finding pictures


def test_unreadable_pictures_are_skipped_and_listed(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 3)
    bad = spoil(pictures)
    manifest = pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=2)
    assert {row["path"] for row in manifest["skipped"]} == bad
    kinds = {row["path"]: row["kind"] for row in manifest["skipped"]}
    assert kinds["cut.png"] == kinds["words.jpg"] == kinds["empty.png"] == "unreadable"
    assert (kinds["blank.png"], kinds["small.png"]) == ("blank", "too small")
    assert (kinds["narrow.png"], kinds["zz copy.jpg"]) == ("too narrow", "duplicate")
    assert manifest["samples"] == 6
    assert manifest["complete"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no pictures"):
        find(tmp_path)
    with pytest.raises(BadInput, match="not a folder"):
        find(tmp_path / "nowhere")


def test_a_second_scan_inspects_changed_files_only(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 3)
    seen: list[int] = []
    first = scan(pictures, tmp_path, Limits(), progress=lambda done, total: seen.append(done))
    assert seen[0] == 0
    with (tmp_path / "scan.jsonl").open("a") as stream:
        stream.write('{"stamp": [1,')  # as a kill truncates it
    drawn(30).save(pictures / "00.png")
    seen.clear()
    second = scan(pictures, tmp_path, Limits(), progress=lambda done, total: seen.append(done))
    assert seen == [2, 3]
    assert second[0][1:] == first[0][1:]
    assert second[0][0].sha256 != first[0][0].sha256
    assert scan(pictures, tmp_path, Limits(smallest=200))[0] == []


def test_duplicates_give_way_to_the_first_and_to_earlier_runs() -> None:
    one = SourceImage("b.png", "1" * 64, f"{5:032x}", 64, 64, "")
    copy = SourceImage("a.png", "1" * 64, f"{5:032x}", 64, 64, "")
    near = SourceImage("c.png", "2" * 64, f"{7:032x}", 64, 64, "")
    kept, skipped = distinct([copy, one, near])
    assert kept == [copy]
    assert [row.reason for row in skipped] == ["is a copy of a.png", "looks the same as a.png"]
    kept, skipped = distinct([copy, one], earlier=[one])
    assert (kept, [row.path for row in skipped]) == ([], ["a.png"])


def test_captions_cannot_contain_indicators() -> None:
    assert clean_caption('a {image1} "dog"\tsits. ') == "a image1 'dog' sits"


# ---- operations


class Seeing:
    """Replaces models: sees a dog on grass, depth, a person, and a caption."""

    def depth(self, image: Pixels) -> Pixels:
        return np.tile(np.linspace(0, 255, image.shape[0], dtype=np.uint8)[:, None], (1, image.shape[1]))

    def segments(self, image: Pixels) -> tuple[Segment, ...]:
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[20:60, 30:70] = 255
        return Segment("dog", mask, True), Segment("grass", 255 - mask, False)

    def bodies(self, image: Pixels) -> tuple[Body, ...]:
        height, width = image.shape[:2]
        return ({"head": (width / 2, height / 4), "neck": (width / 2, height / 2), "left hip": (30, 50)},)

    def caption(self, image: Pixels) -> str:
        return "a dog on grass"


@pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda operation: operation.task)
def test_every_operation_makes_a_valid_turn_of_its_task(operation: operations.Operation) -> None:
    for seed, (width, height) in enumerate(((112, 80), (64, 160), (256, 128))):
        pixels = np.asarray(drawn(seed, width, height))
        turn = operation.make(AnnotatedImage(pixels, Seeing()), random.Random(seed))
        task = TASKS[operation.task]
        assert turn.task == operation.task
        assert task.min_images <= len(turn.frames) <= task.max_images
        assert turn.target.shape == pixels.shape
        assert (turn.base == 0) is (task.has_base_with(len(turn.frames)))
        assert "<" not in turn.instruction
        for frame in turn.frames:
            assert frame.image.shape == pixels.shape
            assert frame.mask is None or frame.mask.shape == pixels.shape[:2]
        if task.mask == "required":
            assert turn.frames[0].mask is not None
        for k in range(1, 9):
            assert (f"{{image{k}}}" in turn.instruction) <= (k < len(turn.frames))
        assert operations.changes(turn)


@pytest.mark.parametrize("task", ["inpaint", "outpaint", "remove_text", "edit_style"])
def test_pixels_outside_a_mask_are_the_sources(task: str) -> None:
    operation = next(one for one in operations.OPERATIONS if one.task == task)
    masked = 0
    for seed in range(12):
        turn = operation.make(AnnotatedImage(np.asarray(drawn(seed))), random.Random(seed))
        frame = turn.frames[0]
        if frame.mask is not None:
            masked += 1
            outside = frame.mask == 0
            np.testing.assert_array_equal(turn.target[outside], frame.image[outside])
    assert masked


def test_without_models_only_operations_that_need_none_run(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 2)
    manifest = pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=99)
    free = {one.task for one in operations.OPERATIONS if not one.needs}
    captioned = {one.task for one in operations.OPERATIONS if one.needs <= {"caption"}}
    assert set(manifest["tasks"]) == captioned
    assert {task for task, count in manifest["tasks"].items() if count == 2} >= free - {"contour", "scribble"}


def test_tasks_can_be_chosen_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 2)
    manifest = pair_runs.synthesize(run(pictures, tmp_path / "out"), tasks=("edge", "mosaic"))
    assert manifest["tasks"] == {"edge": 2, "mosaic": 2}
    record = Shards(tmp_path / "out").record(0)
    source = record.provenance["sources"][0]
    assert (pictures / source["path"]).exists()
    assert record.provenance["operation"] in ("edge", "mosaic")
    with pytest.raises(BadInput, match="synthesis makes no 'try_on'"):
        pair_runs.synthesize(run(pictures, tmp_path / "other"), tasks=("try_on",))


# ---- going on


def test_new_pictures_add_shards_and_change_none(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 3)
    pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=2)
    before = shards_of(tmp_path / "out")
    again = pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=2)
    assert (shards_of(tmp_path / "out"), again["samples"]) == (before, 6)
    drawn(20).save(pictures / "000 first by name.png")
    grown = pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=2)
    after = shards_of(tmp_path / "out")
    assert grown["samples"] == 8
    assert {name: after[name] for name in before} == before


def test_a_deleted_shard_is_made_again_identically(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 5)
    pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=2)
    before = shards_of(tmp_path / "out")
    (tmp_path / "out" / "shard-000001.tar").unlink()
    (tmp_path / "out" / ".shard-000001.tar.abc.tmp").write_text("half")
    pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=2)
    assert shards_of(tmp_path / "out") == before
    assert not list((tmp_path / "out").glob(".*.tmp"))


def test_changed_settings_are_refused_by_name(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 2)
    pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=1)
    with pytest.raises(BadInput, match="seed 0 instead of 5"):
        pair_runs.synthesize(run(pictures, tmp_path / "out", seed=5), per_picture=1)
    with pytest.raises(BadInput, match="among the pictures"):
        pair_runs.synthesize(run(pictures, pictures), per_picture=1)


def test_two_runs_cannot_write_to_one_folder(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 2)
    with locked_folder(tmp_path / "out"), pytest.raises(BadInput, match="another run is writing"):
        pair_runs.synthesize(run(pictures, tmp_path / "out"))


def test_a_picture_that_changed_since_the_plan_is_left_out(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 2)
    pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=1)
    (tmp_path / "out" / "shard-000000.tar").unlink()
    (pictures / "01.jpg").write_bytes(b"gone wrong")
    manifest = pair_runs.synthesize(run(pictures, tmp_path / "out"), per_picture=1)
    assert manifest["samples"] == 1
    assert {row["kind"] for row in manifest["skipped"] if row["path"] == "01.jpg"} == {
        "unreadable",
        "changed",
    }


# ---- the command line


def test_the_commands_make_pairs_and_show_them(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 2)
    (pictures / "no.png").write_text("<script>")
    call = ["data", "synthesize", str(pictures), "--per-picture", "2", "--workers", "1", "--size", "96"]
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 0, done.output
    assert "skipped no.png" in done.stderr
    assert "hf download depth-anything" in done.stderr
    assert "4 samples of" in done.stdout
    out = tmp_path / "in-synthesized"
    html = (out / "contact-sheet.html").read_text()
    assert html.count("data:image/jpeg;base64,") >= 7
    assert "://" not in html
    shown = CliRunner().invoke(main, ["data", "show", str(out), "--json", "--html", str(tmp_path / "x.html")])
    row = json.loads(shown.stdout)
    assert (row["samples"], len(row["shown"])) == (4, 4)
    assert (tmp_path / "x.html").exists()
    refused = CliRunner().invoke(main, ["data", "synthesize", str(pictures), "--depth", "nobody/nothing"])
    assert refused.exit_code == 2
    assert "not on disk" in refused.output
    none = CliRunner().invoke(main, ["data", "show", str(pictures)])
    assert (none.exit_code, "holds no shards" in none.stderr) == (1, True)


def test_an_unreachable_ray_cluster_is_a_one_line_error(tmp_path: Path) -> None:
    pytest.importorskip("ray.data", reason="an extra: pip install 'ace-agent[ray]'")
    pictures = fill(tmp_path / "in", 2)
    with pytest.raises(RunStopped, match="no Ray cluster"):
        pair_runs.synthesize(run(pictures, tmp_path / "out", ray="nonsense://x"))
