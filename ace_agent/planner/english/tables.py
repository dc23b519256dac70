"""Tables of words: text files beside the code, a row a line, ``#`` for remarks."""

from __future__ import annotations

from functools import cache
from importlib import resources

HERE = "ace_agent.planner.english"


@cache
def rows(name: str, package: str = HERE) -> tuple[str, ...]:
    """The rows of a package's ``data/NAME.txt`` without blank lines and remarks."""
    text = resources.files(package).joinpath(f"data/{name}.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """The ``[section]`` rows of a table as comma-separated entries."""
    found: dict[str, str] = {}
    section = ""
    for row in rows(name):
        if row.startswith("["):
            section = row.strip("[]")
        else:
            found[section] = f"{found.get(section, '')} {row}"
    return {name: tuple(e.strip() for e in text.split(",") if e.strip()) for name, text in found.items()}


@cache
def wordset(section: str) -> frozenset[str]:
    """A set of words of ``data/sets.txt``; KeyError for a section that is not there."""
    return frozenset(sections("sets")[section])
