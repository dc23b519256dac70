"""`ace doctor`."""

from __future__ import annotations

import json
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ace_agent.cli.commands import doctor
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


def test_a_local_language_model_is_named_with_the_option_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"models": [{"name": "qwen3:8b"}, {"name": "gemma3"}]}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/api/tags"
        monkeypatch.setattr(doctor, "SERVERS", (("Ollama", address, "ollama:{model}"),))
        finding = doctor.language_models()
    assert (finding.state, finding.value) == ("ok", "Ollama runs qwen3:8b, gemma3: --planner ollama:qwen3:8b")
    monkeypatch.setattr(doctor, "SERVERS", (("Ollama", "http://127.0.0.1:9/api/tags", "ollama:{model}"),))
    assert doctor.language_models().state == "optional"
