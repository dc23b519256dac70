"""`ace run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Ace


def test_a_plan_runs_with_its_variables(ace: Ace, here: Path, plan: str) -> None:
    record = json.loads(ace("run", plan, "--var", "sky=pink", "-o", "out.png", "--json", "--yes").stdout)
    assert [image["path"] for image in record["images"]] == ["out.png"]
    assert record["plan"]["steps"][0]["instruction"] == "a red car under a pink sky"
    assert "no variable 'sea'" in ace("run", plan, "--var", "sea=calm", status=1).stderr
    ace("run", plan, "--var", "sky", status=2)
    ace("run", status=2)


def test_a_plan_may_read_files_of_its_folder_only(
    ace: Ace, here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    Image.new("RGB", (32, 32), "green").save(outside / "x.png")
    text = f"version: 1\nsteps:\n  - {{task: restyle, instruction: oil, images: [{outside / 'x.png'}]}}\n"
    from ace_agent.plan.tasks import TASKS

    task = next(row.id for row in TASKS.values() if row.family == "semantic" and row.mask != "required")
    (here / "file.yaml").write_text(text.replace("restyle", task))
    assert "--allow-path" in ace("run", "file.yaml", status=1).stderr
    ace("run", "file.yaml", "--allow-path", str(outside))


def test_a_plan_over_many_pictures_reports_on_each(ace: Ace, here: Path) -> None:
    (here / "night.yaml").write_text(
        "version: 1\nsteps:\n  - {task: inpaint, instruction: a cat, images: [input], mask: {side: left}}\n"
    )
    (here / "photos").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (32, 32), "green").save(here / "photos" / f"{name}.png")
    (here / "photos" / "c.png").write_text("no picture")
    each = ("run", "night.yaml", "--each", "photos/*.png", "-o", "out")
    reports = json.loads(ace(*each, "--json", status=1).stdout)
    assert [report["status"] for report in reports] == ["done", "done", "failed"]
    assert sorted(path.name for path in (here / "out").glob("*.png")) == ["a.png", "b.png"]
    assert "--resume" in ace(*each, status=1).stderr
    assert "skipped" in ace(*each, "--resume", status=1).stdout
    assert "no file matches" in ace("run", "night.yaml", "--each", "*.gif", "-o", "out", status=1).stderr
    ace("run", "night.yaml", "--each", "photos/*.png", status=2)
    ace("run", "night.yaml", "--ray", status=2)
