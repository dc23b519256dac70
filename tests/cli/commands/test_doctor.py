"""`ace doctor`."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def serving(body: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"


def test_local_language_models_are_named_with_the_command_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(doctor, "version", lambda package: None if package == "langchain-openai" else "1")
    ollama, studio = (use for name, _, use in doctor.SERVERS if name in ("Ollama", "LM Studio"))
    tags = b'{"models": [{"name": "qwen3:8b"}, {"name": "gemma3"}]}'
    listed = b'{"data": [{"id": "text-embedding-nomic"}, {"id": "qwen/qwen3-8b"}]}'
    with serving(tags) as first, serving(listed) as second, serving(b"<html>") as third:
        servers = (("Ollama", first, ollama), ("LM Studio", second, studio), ("llama.cpp", third, studio))
        monkeypatch.setattr(doctor, "SERVERS", servers)
        one, two = doctor.language_models()
    assert (one.state, one.value) == ("ok", "Ollama runs qwen3:8b, gemma3")
    assert one.mend == "ace --planner 'ollama:qwen3:8b' ..."
    assert (two.state, two.value) == ("optional", "LM Studio runs qwen/qwen3-8b")
    assert two.mend.startswith(
        "pip install 'ace-agent[openai]', then OPENAI_BASE_URL=http://127.0.0.1:1234/v1 "
    )
    assert two.mend.endswith("OPENAI_API_KEY=none ace --planner 'openai:qwen/qwen3-8b' ...")


def test_no_local_language_model_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SERVERS", (("Ollama", "http://127.0.0.1:9/", "{model}"),))
    (finding,) = doctor.language_models()
    assert finding.state == "optional" and "ollama serve" in finding.mend
