"""`ace "..." --model FOLDER` with a checkpoint of the released layout, from conversion to the picture's file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from ace_agent.cli import main
from ace_agent.engines.released import memory_check
from ace_agent.images.files import read_recipe
from tests.released_checkpoint import write_released_checkpoint

Ace = Callable[..., str]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint as the hub holds it, `hub`, and what the command makes of it, `model`."""
    root = tmp_path_factory.mktemp("models")
    write_released_checkpoint(root / "hub")
    result = CliRunner().invoke(main, ["models", "convert", str(root / "hub"), str(root / "model")])
    assert result.exit_code == 0, result.output
    assert result.output.replace("\n", "").endswith("model")
    return root


@pytest.fixture
def ace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ace:
    """Run a command in an empty folder and return what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACE_PLANNER", "rules")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*args: object, status: int = 0, stdin: str | None = None) -> str:
        result = CliRunner().invoke(main, list(map(str, args)), input=stdin)
        assert result.exit_code == status, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
        return result.output

    return run


def test_from_a_checkpoint_to_a_picture_and_its_edit(models: Path, ace: Ace, tmp_path: Path) -> None:
    model = ("--model", models / "model")
    ace("a red fox", *model, "--size", "64x48", "--steps", "2", "--seed", "5")
    assert Image.open("ace-1.png").size == (64, 48)
    ace("make it night", *model, "--steps", "1", "--offload", "--vae-tiling", "--device", "cpu")
    assert Image.open("ace-2.png").size == (64, 48)
    recipe = read_recipe(tmp_path / "ace-1.png")
    assert (recipe["seed"], recipe["steps"], recipe["model"]) == (5, 2, "ace-0.6b-512")
    assert recipe["vae_tiling"] is False
    assert "identical" in ace("rerun", "ace-1.png", *model, "--offload")
    printed = ace("rerun", "ace-1.png", *model, "--dtype", "bfloat16", status=1)
    assert "dtype was torch.float32, now torch.bfloat16" in printed


def test_chat_and_run_take_the_same_options(models: Path, ace: Ace, tmp_path: Path) -> None:
    model = ("--model", models / "model", "--offload", "--vae-tiling", "--dtype", "bfloat16")
    plan = (
        "version: 1\nsteps:\n  - {task: grayscale, instruction: Grey {image}., images: [input], steps: 1}\n"
    )
    (tmp_path / "grey.yaml").write_text(plan.replace("Grey {image}.", '"Grey {image}."'))
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    ace("run", "grey.yaml", "a.png", *model, "-o", "one.png")
    ace("run", "grey.yaml", "--each", "a.png", *model, "-o", "many")
    for name in ("one.png", "many/a.png"):
        recipe = read_recipe(tmp_path / name)
        assert (recipe["vae_tiling"], recipe["dtype"]) == (True, "torch.bfloat16")
    printed = ace("chat", *model, stdin="/model ace-mini\n/model\n", status=1)
    assert "makes no sense with ace-mini" in printed or "ace-mini runs in float32" in printed
    assert f"model {models / 'model'}" in printed.replace("\n", "")  # it goes on with the one it had


def test_options_that_make_no_sense_are_refused_in_one_line(ace: Ace) -> None:
    for options, line in (
        (["--offload"], "--offload makes no sense with ace-mini, which is small and one piece (leave it off"),
        (["--vae-tiling"], "--vae-tiling makes no sense with ace-mini"),
        (["--dtype", "float16"], "ace-mini runs in float32, not in float16"),
        (["--device", "cuda:99"], "cuda:99 cannot be used: PyTorch sees"),
    ):
        printed = ace("a red fox", *options, status=1)
        assert line in printed and printed.count("\n") == 1
    assert "there is no device 'gpu'" in ace("a red fox", "--device", "gpu", status=2)
    assert "--dtype" in ace("a red fox", "--dtype", "int8", status=2)
    assert "--offload makes no sense" in ace("chat", "--offload", stdin="", status=1)
    assert "there is no conversation yet" in ace("history", status=1)


def test_float16_on_a_cpu_and_what_is_set_by_environment(
    models: Path, ace: Ace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACE_MODEL", str(models / "model"))
    monkeypatch.setenv("ACE_DEVICE", "cpu")
    monkeypatch.setenv("ACE_DTYPE", "float16")
    assert "float16 needs a GPU" in ace("a red fox", status=1)


def test_bad_input_is_one_line_with_the_way_out(
    models: Path, ace: Ace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is loaded for any of these."""
    model = ("--model", models / "model")
    for loader in ("T5EncoderModel", "AutoTokenizer"):
        monkeypatch.setattr(f"transformers.{loader}.from_pretrained", None)

    def line(*args: object) -> str:
        printed = ace(*args, status=1)
        assert printed.count("\n") == 1 and printed.startswith("ace: ") and printed.endswith(")\n"), printed
        return printed

    Image.new("RGB", (40, 30), "red").save("a.png")
    assert "at most 9 pictures at once, got 10" in line("fuse {image} with {image1}", *["a.png"] * 10, *model)
    Image.new("RGB", (40, 9), "red").save("small.png")
    assert "16" in line("make it night", "small.png", *model)
    with monkeypatch.context() as patch:
        patch.setattr(memory_check, "available_memory", lambda device: 10**6)
        printed = line("a red fox", *model)
        assert re.search(
            r"needs \d.\d GB of memory and 0.0 GB are free \(close other programs, or use --o", printed
        )
    assert "holds no converted model" in line("a red fox", "--model", models / "hub")
    assert "no model called 'nowhere'" in line("a red fox", "--model", "nowhere")
    assert "is not on this machine (`ace models convert" in line("a red fox", "--model", "ace-0.6b-512")
    assert "is not cached and the hub cannot be reached" in line("models", "convert", "ace-0.6b-512", "x")
    assert "is not a folder" in line("models", "convert", "nowhere", "x")
    assert "holds no ACE checkpoint" in line("models", "convert", ".", "x")
    (tmp_path / "bad" / "models" / "dit").mkdir(parents=True)
    for part in ("vae", "text_encoder", "tokenizer"):
        (tmp_path / "bad" / "models" / part).symlink_to(models / "hub" / "models" / part)
    torch.save({"a": print}, tmp_path / "bad" / "models" / "dit" / "a.pth")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "wants to run code" in line("models", "convert", "bad", "x")
    assert not (tmp_path / "x").exists()


def test_models_are_listed_with_what_they_cost(own_workspace: Path, ace: Ace) -> None:
    listed = " ".join(ace("models").split())
    for fact in (
        "12 GB of disk",
        "10 GB of memory at 512 px (4.4 GB when the text is known)",
        "10 GB of memory at 1024 px (7.7 GB when the text is known)",
        "0.7 GB of memory at 128 px",
        "licence: Apache-2.0; 0.0",
        "not here: ace models convert ace-0.6b-512 (fetches 22 GB)",
        "ok ace-mini 128 px ships with ace-agent",
    ):
        assert fact in listed
    assert re.search(r"free here: [\d.]+ GB of memory, [\d.]+ GB of disk$", listed)
