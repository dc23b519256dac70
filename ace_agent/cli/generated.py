"""Sections of a page that a program writes, each between two marks of its name."""

from __future__ import annotations

from pathlib import Path


def split_page(page: Path, name: str) -> tuple[str, str, str]:
    """A page before, inside and after the section `name`, the marks with the outer parts.

    Raises SystemExit for a page without the marks.
    """
    begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    inside, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{page} has no section {begin.strip()} ... {end}")
    return before + found, inside, closed + after


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of `name`."""
    before, _, after = split_page(page, name)
    page.write_text(before + text + after, encoding="utf-8")
