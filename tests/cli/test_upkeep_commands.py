"""`ace doctor`, `ace models` and `ace completion`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ace_agent.cli.commands.doctor import EXTRAS, storage
from ace_agent.cli.commands.models import known_models
from ace_agent.cli.ui.console import output
from tests.cli.conftest import Ace


def test_the_doctor_finds_what_is_there_and_says_how_to_mend_the_rest(ace: Ace) -> None:
    status = 0 if all(model.installed for model in known_models() if model.name == "ace-mini") else 1
    findings = {item["name"]: item for item in json.loads(ace("doctor", "--json", status=status).stdout)}
    assert findings["python"]["value"].startswith(".".join(map(str, sys.version_info[:3])))
    assert findings["torch"]["state"] == "ok"
    assert findings["device"]["state"] == "ok"
    assert findings["workspace"]["state"] == "ok"
    assert "rules" in findings["planner"]["value"]
    assert all(item["mend"] for item in findings.values() if item["state"] == "broken")
    text = ace("doctor", status=status).stdout
    assert all(item["mend"] in " ".join(text.split()) for item in findings.values())


def test_the_doctor_knows_the_extras_by_what_they_need() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for extra, package in EXTRAS.items():
        assert any(requirement.startswith(package) for requirement in extras[extra])


@pytest.mark.parametrize("text", ["[red]not markup[/]", "a [bold] path"])
def test_brackets_are_printed_as_they_are(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output().print(text)
    assert capsys.readouterr().out == text + "\n"


def test_a_workspace_that_cannot_be_written_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = storage(Path("/proc/nowhere"))
    assert finding.state == "broken"
    assert "--workspace" in finding.mend


def test_models_are_listed_with_how_to_get_them(ace: Ace) -> None:
    rows = json.loads(ace("models", "--json").stdout)
    assert rows[0]["name"] == "ace-mini"
    assert all(row["installed"] or row["mend"] for row in rows)
    assert "ace-0.6b-512" in ace("models").stdout
    assert "not a folder" in ace("models", "convert", "no-such-model", status=1).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_understood_by_their_shell(ace: Ace, shell: str) -> None:
    script = ace("completion", shell).stdout
    assert "_ACE_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_commands_and_options_are_completed() -> None:
    def complete(words: str) -> set[str]:
        environment = os.environ | {"_ACE_COMPLETE": "bash_complete", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        code = "from ace_agent.cli import main; main(prog_name='ace')"
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert {"history"} <= complete("ace hi")
    assert {"--seed"} <= complete("ace --se")
    assert {"--all"} <= complete("ace history --a")
