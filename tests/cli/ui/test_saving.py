"""Where pictures are written, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from ace_agent.cli.ui.saving import Destination
from ace_agent.errors import InputError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_is_named_after_the_id_and_never_taken() -> None:
    assert Destination(None).paths(["@3"]) == [Path("ace-3.png")]
    Path("ace-3.png").touch()
    Path("ace-3-2.png").touch()
    assert Destination(None).paths(["@3", "@4"]) == [Path("ace-3-3.png"), Path("ace-4.png")]


def test_several_pictures_under_one_name_are_numbered() -> None:
    assert Destination(Path("cat.png")).paths(["@1", "@2"]) == [Path("cat-1.png"), Path("cat-2.png")]
    assert Destination(Path("cat.png")).paths(["@1"]) == [Path("cat.png")]


def test_a_folder_takes_the_default_names(here: Path) -> None:
    (here / "out").mkdir()
    assert Destination(Path("out")).paths(["@1"]) == [Path("out/ace-1.png")]


def test_a_file_in_the_way_is_refused_unless_forced() -> None:
    Path("cat.png").touch()
    with pytest.raises(InputError, match="exists already"):
        Destination(Path("cat.png")).check()
    Destination(Path("cat.png"), force=True).check()
    Destination(Path("cat.png")).check(count=2)  # cat-1.png and cat-2.png are free
    Path("cat-2.png").touch()
    with pytest.raises(InputError, match=r"cat-2\.png"):
        Destination(Path("cat.png")).check(count=2)


@pytest.mark.parametrize(("output", "reason"), [("cat.heic", ".png"), ("no/such/cat.png", "no folder")])
def test_what_cannot_be_written_is_refused(output: str, reason: str) -> None:
    with pytest.raises(InputError) as refused:
        Destination(Path(output)).check()
    assert reason in str(refused.value)


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(InputError, match="cannot write in /proc"):
        Destination(Path("/proc/self/picture.png")).check()
