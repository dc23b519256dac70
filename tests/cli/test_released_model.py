"""`ace "..." --model FOLDER` with a checkpoint of the released layout, from conversion to the picture's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from ace_agent.cli import main
from ace_agent.pictures import read_recipe
from tests.released_checkpoint import write_released_checkpoint


def test_from_a_checkpoint_to_a_picture_and_its_edit(
    tmp_path: Path, own_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACE_PLANNER", "rules")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_released_checkpoint(tmp_path / "hub")

    def ace(*args: str, status: int = 0) -> str:
        result = CliRunner().invoke(main, list(args))
        assert result.exit_code == status, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
        return result.output

    ace("models", "convert", "hub", "model")
    ace("a red fox", "--model", "model", "--size", "64x48", "--steps", "2", "--seed", "5")
    assert Image.open("ace-1.png").size == (64, 48)
    ace("make it night", "--model", "model", "--steps", "1")
    assert Image.open("ace-2.png").size == (64, 48)
    recipe = read_recipe(tmp_path / "ace-1.png")
    assert (recipe["seed"], recipe["steps"], recipe["model"]) == (5, 2, "ace-0.6b-512")

    said = ace("a red fox", "--model", "hub", status=1)
    assert "holds no converted model" in said and "ace models convert" in said


def test_models_are_listed_with_what_they_cost(tmp_path: Path, own_workspace: Path) -> None:
    listed = " ".join(CliRunner().invoke(main, ["models"]).output.split())
    assert (
        "12 GB of disk" in listed
        and "GB of memory at 512 px" in listed
        and "GB of memory at 1024 px" in listed
    )
    assert "licence: Apache-2.0" in listed
