"""Rooms and interfaces in docs/design.md, from the source: ``python -m ace_agent.cli.room_reference docs/design.md``.

A room is a package, or a module beside `agent.py`. What it is for is the first line of its own docstring; whom it
imports is read from its import statements. An interface is what a class offers: its fields and public methods.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from ace_agent.cli.generated import write_section

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = {
    "ace_agent": ROOT,
    "ace_kernels": ROOT / "kernels",
    "ace_memory": ROOT / "memory",
    "ace_tools": ROOT / "tools",
}

INTERFACES = (
    ("ace_agent.agent", "Agent", ("say", "run", "propose", "resume", "rerun")),
    ("ace_agent.turns", "Turn", ()),
    ("ace_agent.turns", "Picture", ("png", "save")),
    ("ace_agent.planner.interface", "Planner", ("plan",)),
    ("ace_agent.planner.interface", "Context", ()),
    ("ace_agent.planner.interface", "KnownImage", ()),
    ("ace_agent.engines.interface", "Pipeline", ("fit_history", "unload", "__call__")),
    ("ace_agent.engines.interface", "PipelineOutput", ()),
    ("ace_agent.engines.ace.condition_unit", "ConditionUnit", ()),
    ("ace_agent.errors", "AceError", ("__init__",)),
)
"""What one room asks of another: the module, the class, and the methods that count."""
WIDTH = 110


def python_files(package: str) -> Iterator[tuple[str, Path]]:
    """(module name, file) of every Python file of a package."""
    root = SOURCE_ROOTS[package]
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@functools.cache
def imported(path: Path, module: str) -> frozenset[str]:
    """Every absolute name that a file imports at run time, wherever the statement stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    names: set[str] = set()
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names.update(f"{stem}.{alias.name}" for alias in node.names)
    return frozenset(names)


def room_of(name: str) -> str | None:
    """The room of a dotted name: `cli` for a part of ace_agent, `ace_memory` for another package of ours."""
    package, _, rest = name.partition(".")
    if package not in SOURCE_ROOTS:
        return None
    return (rest.split(".")[0] or None) if package == "ace_agent" else package


def purpose(path: Path) -> str:
    """The first line of a module's docstring. Raises ValueError for a module without one."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{path} says nothing of itself: it needs a docstring")
    return " ".join(text.split("\n\n")[0].split())


def tree() -> str:
    """Every package, and every module beside `agent.py`, with what it is for."""
    rows: list[tuple[str, str]] = []
    for package, root in SOURCE_ROOTS.items():
        above = root.relative_to(ROOT).parts
        for module, path in python_files(package):
            depth = module.count(".")
            if path.name == "__init__.py":
                name = f"{'/'.join((*above, module)) if depth == 0 else module.rpartition('.')[2]}/"
            elif package == "ace_agent" and depth == 1:
                name = path.name
            else:
                continue
            rows.append(("  " * depth + name, purpose(path)))
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name.ljust(width)}  {text}\n" for name, text in rows)


def imports() -> dict[str, set[str]]:
    """The rooms that each room imports, the ones that rest on most others first."""
    direct: dict[str, set[str]] = {}
    for package in SOURCE_ROOTS:
        for module, path in python_files(package):
            room = room_of(module)
            if room is not None:
                found = {other for name in imported(path, module) if (other := room_of(name))}
                direct[room] = direct.get(room, set()) | found
    direct = {room: (others & direct.keys()) - {room} for room, others in direct.items()}

    def below(room: str) -> set[str]:
        reached: set[str] = set()
        while fresh := {other for known in reached | {room} for other in direct[known]} - reached:
            reached |= fresh
        return reached

    order = sorted(direct, key=lambda room: (-len(below(room)), room))
    return {room: direct[room] for room in order}


def signature(node: ast.FunctionDef) -> str:
    """`def name(...) -> Type: ...` over as many lines as it needs."""
    node.body, node.decorator_list = [ast.Expr(ast.Constant(...))], []
    text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    whole = re.sub(r"(?<!,) ", "\0", text)  # lines break after commas alone
    lines = textwrap.wrap(
        whole, WIDTH, initial_indent="    ", subsequent_indent=" " * 8, break_on_hyphens=False
    )
    return "\n".join(lines).replace("\0", " ")


def interface(module: str, name: str, methods: tuple[str, ...]) -> str:
    """A class with its fields, properties and these methods. Raises ValueError where something is missing."""
    path = dict(python_files(module.split(".")[0]))[module]
    found = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    if not found:
        raise ValueError(f"{module} has no class {name}")
    bases = ", ".join(map(ast.unparse, found[0].bases))
    lines = [f"class {name}({bases}):" if bases else f"class {name}:"]
    members = {node.name: node for node in found[0].body if isinstance(node, ast.FunctionDef)}
    for node in found[0].body:
        if isinstance(node, ast.AnnAssign):
            if isinstance(node.value, ast.Call):
                node.value = None  # a dataclass's field(...), which says nothing here
            lines.append(f"    {ast.unparse(node)}")
        elif isinstance(node, ast.FunctionDef) and any(
            "property" in ast.unparse(d) for d in node.decorator_list
        ):
            kind = ast.unparse(node.returns) if node.returns else "Any"
            lines.append(f"    {node.name}: {kind}")
    if missing := set(methods) - members.keys():
        raise ValueError(f"{name} has no {', '.join(sorted(missing))}")
    return "\n".join([*lines, *(signature(members[method]) for method in methods)])


def interfaces() -> str:
    """All of INTERFACES, under the files that they are in."""
    text, last = "", ""
    for module, name, methods in INTERFACES:
        path = str(dict(python_files(module.split(".")[0]))[module].relative_to(ROOT))
        text += (f"# {path}\n" if path != last else "") + interface(module, name, methods) + "\n"
        last = path
    return text


def sections() -> dict[str, str]:
    """What stands in docs/design.md, by the name of the section."""
    rows = [
        f"| `{room}` | {', '.join(f'`{other}`' for other in sorted(others)) or 'none of ours'} |\n"
        for room, others in imports().items()
    ]
    return {
        "rooms": f"```text\n{tree()}```\n",
        # Not python: ruff formats that in Markdown, to three times the length.
        "interfaces": f"```text\n{interfaces()}```\n",
        "imports": "| room | imports |\n|---|---|\n" + "".join(rows),
    }


if __name__ == "__main__":
    for page in sys.argv[1:]:
        for name, text in sections().items():
            write_section(Path(page), name, text)
