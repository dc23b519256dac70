"""A provider's error, in one line that says what to do."""

from __future__ import annotations

import pytest

from ace_agent.planner.llm.failures import provider_failure

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


class Status(Exception):
    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status_code = status


@pytest.mark.parametrize(
    ("error", "line", "way_out"),
    [
        (
            Status(401, f"{{'error': {{'message': 'Incorrect API key: {KEY}'}}}}"),
            "refused the key",
            "OPENAI_API_KEY",
        ),
        (Status(402, "Insufficient balance"), "no credit", "add some"),
        (Status(404, "model: nope"), "no model of that name: gpt", "after the colon"),
        (Status(413), "too long", "begin a new one"),
        (Status(400, "maximum context length is 8192 tokens"), "too long", "begin a new one"),
        (Status(429, "{'error': {'type': 'tokens', 'id': 'req_8d7f6a5b4c3d2e1f0a9b'}}"), "too often", "wait"),
        (Status(500), "fault of its own (500)", "later"),
        (RuntimeError("Error code: 503 - {'id': 'req_1'}"), "fault of its own (503)", "later"),
        (ConnectionError("refused\nTraceback"), "cannot be reached", "network"),
        (OSError("[Errno 111] Connection refused"), "cannot be reached", "network"),
        (TimeoutError("read timed out"), "in time", "try again"),
        (
            RuntimeError(f"boom {KEY} at https://api.x.y/v1?key={KEY} {{'a': 1}}"),
            "RuntimeError: boom at",
            "rules",
        ),
        (Status(400, "bad 'thing' for sk-12 in {'error': {'a"), "Status 400: bad thing for in", "rules"),
    ],
)
def test_one_line_without_keys(error: Exception, line: str, way_out: str) -> None:
    failure = provider_failure("openai:gpt", error)
    assert line in failure.message and way_out in failure.hint
    assert not any(part in str(failure) for part in ("\n", "sk-", "req_", "{", "http", "'"))


def test_providers_of_their_own_ways() -> None:
    assert "ollama pull qwen3:8b" in provider_failure("ollama:qwen3:8b", Status(404)).hint
    assert "ollama serve" in provider_failure("ollama:qwen3", ConnectionError()).hint
    assert "GOOGLE_API_KEY" in provider_failure("google_genai:gemini", Status(401)).hint
