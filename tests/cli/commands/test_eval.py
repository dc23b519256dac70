"""`ace eval` as it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ace_agent.cli.commands.eval import command
from ace_agent.evaluation.errors import EvaluationError, TemplateError

BASELINE = ["--preset", "baseline", "--per-task", "1"]


def test_a_baseline_needs_no_model(tmp_path: Path) -> None:
    arguments = [*BASELINE, "--tasks", "remove,edge", "--held-out", "--seed", "5", "--json"]
    ran = CliRunner().invoke(
        command, [*arguments, "--dump", str(tmp_path / "dump"), "--sheets", str(tmp_path / "s")]
    )
    assert ran.exit_code == 0, ran.output
    report = json.loads(ran.stdout)
    assert [row["name"] for row in report["rows"]] == ["edge", "remove"]
    assert (report["split"], report["seed"]) == ("held-out", 5)
    assert report["rows"][1]["figure"] == report["rows"][1]["trivial"]["input"]
    assert (tmp_path / "dump" / "index.jsonl").read_text().count("\n") == 2
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["analysis.webp", "element.webp"]


def test_the_card_is_written_with_its_sheets(tmp_path: Path) -> None:
    card = tmp_path / "docs" / "model-card.md"
    ran = CliRunner().invoke(command, [*BASELINE, "--tasks", "remove", "--card", str(card)])
    assert ran.exit_code == 0, ran.output
    assert "remove" in ran.output
    assert "![element](model-card/element.webp)" in card.read_text()
    assert (tmp_path / "docs" / "model-card" / "element.webp").is_file()


def test_mistakes_are_found_before_any_work(tmp_path: Path) -> None:
    def fails(*arguments: str) -> BaseException | None:
        return (
            CliRunner().invoke(command, [*BASELINE, *arguments, "--dump", str(tmp_path / "dump")]).exception
        )

    assert isinstance(fails("--tasks", "fly"), EvaluationError)
    (tmp_path / "wording.json").write_text('{"remove": ["Erase <that>."]}')
    assert isinstance(fails("--wording", str(tmp_path / "wording.json")), TemplateError)
    assert isinstance(fails("--with", str(tmp_path / "absent.json")), EvaluationError)
    without_hours = fails("--history", str(tmp_path / "history.jsonl"), "--model", str(tmp_path))
    assert "how long" in str(without_hours)
    assert "--offload makes no sense with ace-mini" in str(fails("--offload"))
    assert not (tmp_path / "dump").exists()


def test_figures_are_kept_and_plotted_by_training_hours(tmp_path: Path) -> None:
    history = tmp_path / "figures.jsonl"
    for hours in (1, 2):
        (tmp_path / "training.json").write_text(json.dumps({"hours": hours}))
        arguments = ["--tasks", "remove", "--model", str(tmp_path), "--history", str(history)]
        ran = CliRunner().invoke(command, [*BASELINE, "--baseline", "target", *arguments])
        assert ran.exit_code == 0, ran.output
    assert [json.loads(line)["hours"] for line in history.read_text().splitlines()] == [1, 2]
    assert json.loads(history.read_text().splitlines()[0])["figures"] == {"remove": 1.0}
    assert history.with_suffix(".webp").stat().st_size > 1000


def test_help_needs_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's module is loaded for its help; what computes is not."""
    import subprocess
    import sys

    code = "import sys, ace_agent.cli.commands.eval; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
