"""docs/design.md says of rooms and interfaces what the source says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ace_agent.cli.generated import split_page
from ace_agent.cli.room_reference import ROOT, imports, interface, sections

PAGE = Path(__file__).parents[2] / "docs" / "design.md"


@pytest.mark.parametrize("name", ["rooms", "imports", "interfaces"])
def test_the_page_is_what_the_source_says(name: str) -> None:
    """The page was written by hand. It left out eleven modules, and said that `data` imports `engine` where only
    the reverse was true."""
    assert split_page(PAGE, name)[1] == sections()[name], "run `make docs`"


def test_every_package_is_in_the_tree() -> None:
    tree = sections()["rooms"]
    for folder in ("ace_agent", "kernels/ace_kernels", "memory/ace_memory", "tools/ace_tools"):
        for init in (ROOT / folder).rglob("__init__.py"):
            assert re.search(rf"(^|[ /]){init.parent.name}/ ", tree, re.MULTILINE), init


def test_a_room_comes_before_those_it_imports() -> None:
    order = list(imports())
    assert order.index("agent") < order.index("execution") < order.index("ace_memory")
    assert "agent" in imports()["ace_tools"]
    assert imports()["errors"] == set()


def test_an_interface_that_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match="no class Nobody"):
        interface("ace_agent.agent", "Nobody", ())
    with pytest.raises(ValueError, match="no dance"):
        interface("ace_agent.agent", "Agent", ("dance",))


def test_the_files_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tops = "ace_agent|engines|references|docs|tests|benchmarks|kernels|memory|tools"
    named = re.findall(rf"`((?:{tops})/[\w./-]+)`", text)
    assert named
    for name in named:
        assert any((base / name).exists() for base in (ROOT, ROOT / "ace_agent")), name
