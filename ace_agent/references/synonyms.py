"""Synonyms of the vocabulary's nouns, from `synonyms.txt`."""

from __future__ import annotations

from functools import cache
from importlib import resources

_BOTH, _LOOK_UP, _REWORD = "both", "look up", "reword"


@cache
def lookup_synonyms() -> dict[str, str]:
    """Words whose reference picture is that of another noun: ``pup`` and ``dog``."""
    return _sections()[_BOTH] | _sections()[_LOOK_UP]


@cache
def rewording_synonyms() -> dict[str, str]:
    """Words that a plan replaces with a plainer one."""
    return _sections()[_BOTH] | _sections()[_REWORD]


@cache
def _sections() -> dict[str, dict[str, str]]:
    text = resources.files("ace_agent.references").joinpath("synonyms.txt").read_text("utf-8")
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            plain, _, others = line.partition("=")
            section.update((other.strip(), plain.strip()) for other in others.split(","))
    return found
