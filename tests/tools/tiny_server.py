"""`ace mcp` with the tiny pipeline, as a process of its own: `python -m tests.tools.tiny_server [options]`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import ace_tools.sessions
from ace_agent.engines.runtime import Runtime
from ace_tools.mcp.command import command
from ace_tools.worker import Worker
from tests.tiny import TinyPipeline


def tiny_worker(model: str | Path, runtime: Runtime) -> Worker:
    def load() -> Any:
        print("a library that prints must not break the protocol")
        os.write(1, b"nor one that writes to the file descriptor\n")
        return TinyPipeline()

    return Worker(load)


if __name__ == "__main__":
    ace_tools.sessions.shared_worker = tiny_worker
    command.main(sys.argv[1:], prog_name="ace mcp")
