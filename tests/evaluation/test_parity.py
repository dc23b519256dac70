from pathlib import Path

import torch
from pytest import CaptureFixture, MonkeyPatch, fixture, mark
from safetensors.torch import load_file, save_file

from ace_agent.evaluation.parity import check_directory, main
from tests.golden import FOLDER
from tests.slow_released import Configuration, Writer


@fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def failures(folder: Path) -> list[str]:
    return [f"{row.file} {row.quantity}" for row in check_directory(folder) if not row.ok]


def test_every_released_number_agrees(capsys: CaptureFixture[str]):
    assert main([str(FOLDER)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith("parity: ")
    files = {line.split()[0] for line in printed[1:-1]}
    weights = {"weights"}
    assert files == {path.stem for path in FOLDER.glob("*.safetensors")} - weights


@mark.parametrize(
    "configuration",
    [
        Configuration(width=72, heads=4),  # heads of 18: 6 channels an axis
        Configuration(width=40, heads=2, qk_norm=False, seed=1),  # heads of 20: 8, 6 and 6
        Configuration(width=48, heads=2, sigma_half=False, seed=2),  # heads of 24
        Configuration(width=64, heads=4, mlp_ratio=2.0, depth=3, text_width=24, seed=3),  # 16: 8, 4 and 4
    ],
    ids=["18", "20 without norm", "24 without sigma", "16 uneven"],
)
def test_other_configurations_agree_with_a_slow_model(tmp_path: Path, configuration: Configuration):
    writer = Writer(tmp_path, configuration)
    nine = [(4, 2), *[(2, 2), (4, 2), (2, 6)] * 3]
    batch = [writer.sample(sizes, t) for sizes, t in (([(4, 6)], 3), ([(2, 4), (6, 2)], 421))]
    history = writer.sample([(6, 4), (6, 4), (2, 4), (4, 4), (2, 2)], 800)
    writer.forward_case("nine_images", [writer.sample(nine, 999)])
    writer.forward_case("batch", [*batch, history])
    writer.forward_case("no_masks", [writer.sample([(4, 4), (4, 4)], 77, masks=False)])
    assert failures(tmp_path) == []


def test_seven_fractional_steps_of_a_mixed_batch_agree(tmp_path: Path):
    """Padding is part of the spread that guidance is rescaled by."""
    writer = Writer(tmp_path, Configuration(width=36, heads=2, depth=1))
    samples = [writer.sample([(2, 4), (2, 2), (2, 2), (2, 4)], 0), writer.sample([(2, 2)], 0)]
    writer.sampling_case("seven_steps", samples, 7, 4.5, 0.5)
    rows = list(check_directory(tmp_path))
    assert [row.quantity for row in rows if not row.ok] == []
    assert sum(row.quantity.startswith("x_after_step") for row in rows) == 7


@mark.parametrize(
    "configuration",
    [
        Configuration(width=44, heads=2, depth=1, mlp_ratio=2.73),  # 120.12 hidden channels, rounded down
        Configuration(width=40, heads=2, depth=1, qk_norm=False, sigma_half=False, seed=1),
    ],
    ids=["22", "20 without norm and sigma"],
)
def test_losses_and_whole_inference_of_other_configurations_agree(
    tmp_path: Path, configuration: Configuration
):
    writer = Writer(tmp_path, configuration)
    sizes = [[(2, 4), (2, 2), (4, 2)], [(4, 4)], [(2, 2), (2, 2)]]
    writer.loss_case("loss", [writer.sample(own, t) for own, t in zip(sizes, (999, 0, 403), strict=True)])
    turns = ["{image} add a tree", "then {image1} at night", "now make {image2} blue", "put {image3} in snow"]
    writer.inference_case("g_inference_history", turns, [(4, 2), (2, 2), (2, 4), (4, 4)])
    writer.inference_case(
        "g_inference_nine", ["put all of it into {image}"] * 9, [(2, 2), (2, 4), (4, 2)] * 3
    )
    writer.inference_case("g_inference_list", ["{image} in red", "{image} in blue"], [(2, 2), (2, 4)])
    writer.inference_case("g_inference_words", ["a red fox"], [])
    rows = list(check_directory(tmp_path))
    assert [f"{row.file} {row.quantity}" for row in rows if not row.ok] == []
    quantities = {f"{row.file} {row.quantity}" for row in rows}
    assert {"loss grad_norms", "loss loss_valid_only", "g_inference_history history numbering"} <= quantities
    assert "g_inference_list history numbering" not in quantities


def test_a_prefix_selects_its_own_weights(tmp_path: Path):
    plain, other = Configuration(width=36, heads=2), Configuration(width=40, heads=2, seed=4)
    for writer in (Writer(tmp_path, plain), Writer(tmp_path, other, "alt_")):
        writer.forward_case("one", [writer.sample([(4, 4), (2, 2)], 500)])
    assert failures(tmp_path) == []
    (tmp_path / "alt_weights.safetensors").unlink()
    assert main([str(tmp_path)]) == 1


@mark.parametrize("quirk", ["target indicator", "frame text", "key norm", "weights"])
def test_any_other_reading_fails(tmp_path: Path, quirk: str):
    """Moving one ingredient moves the outputs by far more than the tolerance."""
    for name in ("weights", "b_single_edit"):
        tensors = load_file(FOLDER / f"{name}.safetensors")
        if quirk == "target indicator" and name == "b_single_edit":
            tensors["text_position_embeddings"] = tensors["text_position_embeddings"].roll(1, 0)
        if quirk == "frame text" and name == "b_single_edit":
            tensors["frame_text_mask.0.0"][0] = 0
        if quirk == "key norm" and name == "weights":
            tensors["blocks.1.attn.norm_q.weight"] = tensors["blocks.1.attn.norm_k.weight"].clone()
        if quirk == "weights" and name == "weights":
            tensors["blocks.2.mlp.fc1.bias"][3] += 0.05
        save_file(tensors, tmp_path / f"{name}.safetensors")
    (tmp_path / "weights.config.json").write_bytes((FOLDER / "weights.config.json").read_bytes())
    assert "b_single_edit out" in failures(tmp_path)


def test_an_error_is_one_line(tmp_path: Path, capsys: CaptureFixture[str], monkeypatch: MonkeyPatch):
    assert main([str(tmp_path)]) == 1
    assert "no golden file" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "not a directory" in capsys.readouterr().err
    (tmp_path / "x.safetensors").write_bytes(b"half a file")
    assert main([str(tmp_path)]) == 1
    assert "cannot be read" in capsys.readouterr().err
    save_file({"whatever": torch.zeros(2)}, tmp_path / "x.safetensors")
    assert main([str(tmp_path)]) == 1
    assert "FAIL" in capsys.readouterr().out
