"""`ace doctor`."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

from ace_agent.cli.commands.doctor import EXTRAS, storage
from ace_agent.cli.commands.models import known_models
from tests.cli.conftest import Ace


def test_the_doctor_reports_what_is_installed_and_how_to_get_the_rest(ace: Ace) -> None:
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


def test_every_finding_has_a_name_of_its_own(ace: Ace) -> None:
    """The planner was reported twice, by two functions that disagreed on what to do without an adapter."""
    names = [item["name"] for item in json.loads(ace("doctor", "--json").stdout)]
    assert len(names) == len(set(names))


def test_the_doctor_knows_the_extras_by_what_they_need() -> None:
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for extra, package in EXTRAS.items():
        assert any(requirement.startswith(package) for requirement in extras[extra])


def test_a_workspace_that_cannot_be_written_is_broken() -> None:
    finding = storage(Path("/proc/nowhere"))
    assert finding.state == "broken"
    assert "--workspace" in finding.mend
