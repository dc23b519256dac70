import json
import shutil
from pathlib import Path

import pytest
import torch
from pytest import raises
from safetensors.torch import load_file

from ace_agent.engines.presets import MANIFEST
from ace_agent.engines.released import converted_folder as module
from ace_agent.engines.released.convert import convert, find_layout
from ace_agent.engines.released.converted_folder import verify
from ace_agent.errors import InputError, ModelError
from tests.released_checkpoint import dit_tensors, write_released_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released_checkpoint(tmp_path_factory.mktemp("released"))


@pytest.fixture
def source(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "source"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_released_folder_becomes_one_of_safetensors(checkpoint: Path, tmp_path: Path):
    seen: list[tuple[int, int, str]] = []
    dest = convert(checkpoint, tmp_path / "ace", progress=lambda *facts: seen.append(facts))
    files = contents(dest)
    assert not any(name.endswith((".pth", ".bin", ".tmp")) for name in files)
    weights = load_file(dest / "transformer" / "diffusion_pytorch_model.safetensors")
    assert torch.equal(weights["output.weight"], dit_tensors()["final_layer.linear.weight"])
    text = load_file(dest / "text_encoder" / "model-00001-of-00001.safetensors")
    assert text["shared.weight"].dtype == torch.bfloat16
    assert "encoder.embed_tokens.weight" not in text
    manifest = json.loads((dest / MANIFEST).read_text())["files"]
    assert set(manifest) == set(files) - {MANIFEST}
    assert verify(dest) == []
    assert seen[-1][0] == seen[-1][1] > 1_000_000
    assert not (tmp_path / "ace.partial").exists()


def test_converting_again_changes_nothing(checkpoint: Path, tmp_path: Path):
    dest = convert(checkpoint, tmp_path / "ace")
    time = (dest / MANIFEST).stat().st_mtime_ns
    assert convert(checkpoint, tmp_path / "ace") == dest
    assert (dest / MANIFEST).stat().st_mtime_ns == time


def test_an_interrupted_conversion_goes_on_and_ends_the_same(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = contents(convert(checkpoint, tmp_path / "whole"))
    written: list[str] = []
    add = module.Staging.add

    def stop_after_five(self, piece):
        if len(written) == 5:
            (self.folder / piece.path).parent.mkdir(exist_ok=True, parents=True)
            (self.folder / f"{piece.path}.half").write_bytes(b"half")
            raise KeyboardInterrupt
        written.append(piece.path)
        add(self, piece)

    with monkeypatch.context() as patch, raises(KeyboardInterrupt):
        patch.setattr(module.Staging, "add", stop_after_five)
        convert(checkpoint, tmp_path / "ace")
    assert not (tmp_path / "ace").exists()
    damaged = tmp_path / "ace.partial" / written[0]
    damaged.write_bytes(b"spoilt since")

    again: list[str] = []
    convert(checkpoint, tmp_path / "ace", progress=lambda done, total, path: again.append(path))
    assert written[0] in again
    assert not set(again) & set(written[1:])
    resumed = contents(tmp_path / "ace")
    resumed.pop(MANIFEST), whole.pop(MANIFEST)
    assert {name: data for name, data in resumed.items() if not name.endswith(".half")} == whole


def test_the_last_good_folder_stays_until_the_new_one_is_whole(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dest = convert(source, tmp_path / "ace")
    before = contents(dest)
    torch.save({"state_dict": dit_tensors(seed=9)}, source / "models" / "dit" / "ace_0.6b_512px.pth")
    with raises(InputError, match="holds another converted model"):
        convert(source, dest)

    def fail(self, piece):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, raises(KeyboardInterrupt):
        patch.setattr(module.Staging, "add", fail)
        convert(source, dest, overwrite=True)
    assert contents(dest) == before
    convert(source, dest, overwrite=True)
    assert contents(dest) != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ace", "source"]


def test_bad_sources_are_refused_before_anything_is_written(source: Path, tmp_path: Path):
    dest = tmp_path / "ace"
    dit = source / "models" / "dit" / "ace_0.6b_512px.pth"

    whole = dit.read_bytes()
    dit.write_bytes(whole[: len(whole) // 2])
    with raises(ModelError, match="truncated or damaged"):
        convert(source, dest)
    tensors = dit_tensors()
    del tensors["final_layer.linear.bias"]
    torch.save(tensors, dit)
    with raises(ModelError, match=r"output.bias is missing"):
        convert(source, dest)
    dit.write_bytes(whole)

    vae = source / "models" / "vae" / "vae.bin"
    state = torch.load(vae, weights_only=True)
    state["encoder.conv_in.weight"] = state["encoder.conv_in.weight"][:, :1]
    torch.save(state, vae)
    with raises(
        ModelError, match=r"first stage's checkpoint does not fit: encoder.conv_in.weight is \(32, 1, 3, 3\)"
    ):
        convert(source, dest)

    with raises(ModelError, match="holds no ACE checkpoint: models/dit, models/vae"):
        convert(tmp_path, dest)
    with raises(InputError, match="is not a folder"):
        convert(tmp_path / "nowhere", dest)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


def test_folders_that_are_not_ours_are_left_alone(checkpoint: Path, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with raises(InputError, match="is not a converted model"):
        convert(checkpoint, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["mine.partial", "mine.old"])
def test_a_folder_of_yours_beside_the_model_is_never_deleted(checkpoint: Path, tmp_path: Path, name: str):
    yours = tmp_path / name
    yours.mkdir()
    (yours / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(InputError, match=f"{name} is in the way"):
            convert(checkpoint, tmp_path / "mine", overwrite=force)
    assert (yours / "thesis.txt").read_text() == "years of work"
    assert not (tmp_path / "mine").exists()


def test_too_little_disk_is_said_first(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 5, 5))
    with raises(
        ModelError, match=r"the converted model needs 0.0 GB of disk and .* has 0.0 GB free: free some"
    ):
        convert(checkpoint, tmp_path / "ace")


def test_the_parts_are_found_with_and_without_models(checkpoint: Path):
    assert find_layout(checkpoint) == find_layout(checkpoint / "models")


def test_lost_and_spoilt_files_are_noticed(checkpoint: Path, tmp_path: Path):
    dest = convert(checkpoint, tmp_path / "ace")
    index = dest / "model_index.json"
    index.write_text(index.read_text().replace("512", "513"))
    (dest / "vae" / "config.json").unlink()
    assert sorted(verify(dest)) == ["model_index.json", "vae/config.json"]
    assert verify(dest, deep=False) == ["vae/config.json"]


def test_a_run_killed_between_the_last_two_renames_loses_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The old folder has left and the new one has not come: for that instant DEST is not there."""
    dest = convert(source, tmp_path / "ace")
    torch.save({"state_dict": dit_tensors(seed=9)}, source / "models" / "dit" / "ace_0.6b_512px.pth")
    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        if self.name == "ace.partial":
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch, raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", killed)
        convert(source, dest, overwrite=True)
    assert not dest.exists()
    again: list[str] = []
    convert(source, dest, overwrite=True, progress=lambda done, total, path: again.append(path))
    assert again == [""]  # every file was whole already
    assert torch.equal(
        load_file(dest / module.TRANSFORMER_WEIGHTS)["output.weight"],
        dit_tensors(seed=9)["final_layer.linear.weight"],
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ace", "source"]


def test_a_disk_that_fills_up_midway_is_said_and_gone_on_from(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from safetensors import SafetensorError

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr("ace_agent.engines.released.convert.save_file", full)
        with raises(
            ModelError, match=r"writing .* stopped: I/O error: No space left .*: free some space and run it"
        ):
            convert(checkpoint, tmp_path / "ace")
    assert not (tmp_path / "ace").exists()
    assert not list(tmp_path.rglob("*.tmp"))
    assert verify(convert(checkpoint, tmp_path / "ace")) == []


def test_a_damaged_text_encoder_is_named(source: Path, tmp_path: Path):
    folder = source / "models" / "text_encoder" / "t5-v1_1-xxl"
    cases = (
        ("config.json", "truncated or damaged"),
        ("pytorch_model.bin.index.json", "truncated or damaged"),
    )
    for name, message in cases:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        with raises(ModelError, match=rf"{name} is {message}"):
            convert(source, tmp_path / "ace")
        (folder / name).write_bytes(whole)
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    with raises(ModelError, match=r"pytorch_model-00002-of-00002.bin does not exist: fetch"):
        convert(source, tmp_path / "ace")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


def test_a_damaged_manifest_is_mended_by_converting_again(source: Path, tmp_path: Path):
    dest = convert(source, tmp_path / "ace")
    for text in ("{}", '{"files": {"transformer', "[]"):
        (dest / MANIFEST).write_text(text)
        with raises(ModelError, match="is damaged or of another model: convert the model again"):
            verify(dest)
    assert verify(convert(source, dest, overwrite=True)) == []
