"""`ace doctor`: what is installed, which device and models will be used, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path

import click

from ace_agent.cli.ui import options

LOW_DISK = 500_000_000  # bytes; a long conversation is some 100 MB
# The package behind each optional extra of pyproject.toml.
EXTRAS = {
    "openai": "langchain-openai",
    "anthropic": "langchain-anthropic",
    "ollama": "langchain-ollama",
    "tools": "mcp",
    "ray": "ray",
    "data": "resvg-py",
    "train": "onnx",
    "terminal-images": "textual-image",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report. `state` is `ok`, `optional` (missing, not needed) or `broken`; `mend` is the remedy."""

    name: str
    state: str
    value: str
    mend: str = ""


def version(package: str) -> str | None:
    """The installed version of a distribution, without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine(workspace: Path) -> Iterator[Finding]:
    """Every finding, the most basic first."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in ("torch", "diffusers", "transformers", "langchain"):
        found = version(package)
        mend = "" if found else f"pip install {package}"
        yield Finding(package, "ok" if found else "broken", found or "missing", mend)
    yield from devices()
    yield from models()
    yield planner()
    yield from language_models()
    yield storage(workspace)
    yield terminal()
    for extra, package in EXTRAS.items():
        found = version(package)
        if found:
            yield Finding(extra, "ok", f"{package} {found}")
        else:
            yield Finding(extra, "optional", "not installed", f"pip install {package}")


def devices() -> Iterator[Finding]:
    """The device that a model will run on, and Triton."""
    if not version("torch"):
        return
    import torch

    if torch.cuda.is_available():
        yield Finding("device", "ok", f"cuda: {torch.cuda.get_device_name(0)}")
        triton = version("triton")
        mend = "" if triton else "pip install triton; until then the slower exact path is used"
        yield Finding("triton", "ok" if triton else "optional", triton or "not installed", mend)
    elif torch.backends.mps.is_available():
        yield Finding("device", "ok", "mps (untested)")
    else:
        threads = torch.get_num_threads()
        yield Finding("device", "ok", f"cpu, {threads} thread{'s' if threads > 1 else ''}")


def models() -> Iterator[Finding]:
    """The models that can run without a network."""
    from ace_agent.cli.commands.models import known_models

    for model in known_models():
        if model.installed:
            yield Finding(model.name, "ok", model.description)
        else:
            state = "broken" if model.name == "ace-mini" else "optional"
            yield Finding(model.name, state, "not here", model.mend)


def planner() -> Finding:
    """What plans requests unless `--planner` says otherwise."""
    from ace_agent.planner.parser.weights import folder

    if folder() is None:
        return Finding("planner", "optional", "rules", "install ace-agent again: its parser is missing")
    return Finding("planner", "ok", "rules and the parser")


_AS_OPENAI = "OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 OPENAI_API_KEY=none ace --planner 'openai:{{model}}'"
SERVERS = (
    ("Ollama", "http://127.0.0.1:11434/api/tags", "ace --planner 'ollama:{model}'"),
    ("LM Studio", "http://127.0.0.1:1234/v1/models", _AS_OPENAI.format(port=1234)),
    ("llama.cpp", "http://127.0.0.1:8080/v1/models", _AS_OPENAI.format(port=8080)),
)
"""Local servers of language models: name, where each lists its models, and how one of them is made the planner."""


def language_models() -> Iterator[Finding]:
    """The local servers of language models that run, and how each is used to plan."""
    found = False
    for name, address, use in SERVERS:
        models = served_models(address)
        if not models:
            continue
        found = True
        command = f"{use.format(model=models[0])} ..."
        provider = "ollama" if "ollama:" in use else "openai"
        missing = version(EXTRAS[provider]) is None
        mend = f"pip install 'ace-agent[{provider}]', then {command}" if missing else command
        state = "optional" if missing else "ok"
        yield Finding("language model", state, f"{name} runs {', '.join(models[:3])}", mend)
    if not found:
        mend = "ollama serve, then --planner ollama:MODEL"
        yield Finding("language model", "optional", "no local server runs", mend)


def served_models(address: str) -> list[str]:
    """The models that a local server lists, without those that only embed; empty where none answers."""
    import json
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(address, timeout=0.3) as answer:
            data = json.load(answer)
    except (OSError, ValueError, HTTPException):  # nothing there, or no server of models
        return []
    rows = (data.get("models") or data.get("data")) if isinstance(data, dict) else None
    names = [row.get("name") or row.get("id") for row in rows or () if isinstance(row, dict)]
    return [name for name in names if isinstance(name, str) and "embed" not in name.lower()]


def storage(workspace: Path) -> Finding:
    """Whether the workspace can be written and has room."""
    folder = workspace
    while not folder.exists():
        folder = folder.parent
    mend = "choose another with --workspace or ACE_WORKSPACE"
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("workspace", "broken", f"{workspace}: {error.strerror}", mend)
    free = shutil.disk_usage(folder).free
    value = f"{workspace}, {free / 1e9:.1f} GB free"
    return (
        Finding("workspace", "broken", value, mend) if free < LOW_DISK else Finding("workspace", "ok", value)
    )


def terminal() -> Finding:
    """How pictures will be drawn."""
    from ace_agent.cli.ui.console import output
    from ace_agent.cli.ui.halfblocks import can_show

    console = output()
    if can_show(console):
        return Finding("terminal", "ok", f"{console.width} columns, {console.color_system} colours")
    if not sys.stdout.isatty():
        return Finding("terminal", "ok", "none: pictures are written, not drawn")
    reason = "NO_COLOR is set" if os.environ.get("NO_COLOR") else "no colours or no UTF-8"
    return Finding("terminal", "optional", f"{console.width} columns, {reason}: pictures are not drawn")


@click.command("doctor")
@options.workspace
@options.as_json
@click.pass_context
def command(ctx: click.Context, workspace: Path | None, as_json: bool) -> None:
    """Check what is installed, and say how to get what is missing.

    The exit status is 1 when something that `ace` needs is broken.
    """
    from rich.table import Table
    from rich.text import Text

    from ace_agent.agent import workspace_folder
    from ace_agent.cli.ui.console import output, print_json

    findings = list(examine(workspace_folder(workspace)))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": ("ok", "green"), "optional": ("--", "yellow"), "broken": ("!!", "red")}
        table = Table.grid(padding=(0, 2))
        for finding in findings:
            mend = (f"\n{finding.mend}", "dim") if finding.mend else ""
            table.add_row(Text(*marks[finding.state]), finding.name, Text.assemble(finding.value, mend))
        output().print(table)
    ctx.exit(1 if any(finding.state == "broken" for finding in findings) else 0)
