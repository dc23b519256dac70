"""`ace train`: from a table to a model that makes pictures, in one process and in two."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from ace_agent.cli import main
from ace_agent.training.finetuning import run as finetuning
from ace_agent.training.mini import run as mini
from tests.training.pairs import write_pairs, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def small_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "SHEET_SAMPLES", 2)


def options(model: Path, pairs: Path, to: Path, steps: int = 2) -> list[str]:
    given = {"--model": model, "--to": to, "--steps": steps, "--tokens": 800, "--draws": 2, "--rank": 4}
    return ["train", str(pairs), "--device", "cpu", *(str(part) for item in given.items() for part in item)]


def ace(*args: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(args))
    assert result.exit_code == status, f"{result.output}\n{result.exception!r}"
    return result


def test_from_a_table_to_a_picture(model: Path, tmp_path: Path, own_workspace: Path) -> None:
    pairs = write_pairs(tmp_path, 10)
    to = tmp_path / "my-model"
    printed = " ".join(ace(*options(model, pairs, to)).output.split())
    assert "9 pairs to train on, 1 held out" in printed
    assert "step 0: loss " in printed and "step 2: loss " in printed
    assert f'the model is in {to}: ace "..." --model {to}' in printed
    on = json.loads(ace(*options(model, pairs, to, steps=3), "--json").output)
    assert (on["step"], on["pairs"], on["ended"]) == (3, 9, True)
    assert on["figures"]["loss"] > 0
    out = tmp_path / "out.png"
    ace("make it night", str(tmp_path / "01.png"), "--model", str(to), "--planner", "rules", "--steps", "2",
        "--output", str(out), "--yes")  # fmt: skip
    assert out.is_file()


def test_a_validation_table_leaves_all_pairs_for_training(model: Path, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "a", 2)
    printed = ace(*options(model, pairs, tmp_path / "to", steps=1), "--validation", str(pairs)).output
    assert "2 pairs to train on, 2 held out" in printed
    alone = ace(*options(model, pairs, tmp_path / "alone", steps=1)).output
    assert "2 pairs to train on, none held out" in alone and "psnr of taught" in alone


def test_a_refusal_is_one_line(model: Path, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path, 2)
    pairs.write_text("source,target\n01.png,01-sepia.png\n")
    refused = ace(*options(model, pairs, tmp_path / "to"), status=1).output
    assert "line 1: there is no column instruction" in refused and refused.count("\n") == 1
    assert not (tmp_path / "to").exists()
    for wrong in (
        ["train"],
        ["train", str(pairs), "--scenes"],
        [*options(model, pairs, tmp_path), "--minutes", "1"],
    ):
        assert "give " in ace(*wrong, status=2).output
    useless = ace("train", "--scenes", "--rank", "4", "--full", status=2).output
    assert "--scenes has no use for --full, --rank" in useless


def test_the_scenes_option_passes_its_settings_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Trained:
        step = 5

    def train(run: Path, given: Any, shape: Any, limits: Any, **others: Any) -> tuple[Any, bool]:
        asked.append((run, given.seed, limits.steps))
        return Trained(), True

    monkeypatch.setattr(mini, "train_on_scenes", train)
    printed = ace("train", "--scenes", "--to", str(tmp_path / "run"), "--steps", "5", "--seed", "3").output
    assert asked == [(tmp_path / "run", 3, 5)]
    assert "is at step 5" in " ".join(printed.split())


@pytest.mark.slow
def test_two_processes_equal_one(model: Path, tmp_path: Path) -> None:
    """The global batches are the same, and so are the weights, up to the order of sums."""
    pairs = write_pairs(tmp_path, 4)
    ace(*options(model, pairs, tmp_path / "one"))
    path = os.pathsep.join(part for part in sys.path if part)
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, "-m", "ace_agent.cli", *options(model, pairs, tmp_path / "two")],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the model is in") == 1, "one process speaks"
    one, two = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("one", "two"))
    assert (one["step"], one["samples"]) == (two["step"], two["samples"])
    assert one["model"].keys() == two["model"].keys()
    for part in ("model", "average"):
        for name, value in one[part].items():
            torch.testing.assert_close(two[part][name], value, rtol=0, atol=1e-5)
