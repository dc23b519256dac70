"""Files and ids that a request line names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ace_agent.cli.ui.named_files import files_in, split_pictures
from ace_agent.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("hat.jpg", "IMG_1.png", "sub/x.webp"):
        (tmp_path / name).touch()


@pytest.mark.parametrize(
    ("request_", "files"),
    [
        ("put the hat from hat.jpg on @1", ["hat.jpg"]),
        ("IMG_1.png and hat.jpg side by side, then hat.jpg alone", ["IMG_1.png", "hat.jpg"]),
        ("brighten sub/x.webp.", ["sub/x.webp"]),
        ("make it night", []),
        ("write \"photo.png\" on the wall", []),
        ("save it as out.png", []),
        ("crop it to 16:9 and save the result as new.jpg", []),
        ("a robot called r2.d2", []),
    ],
)  # fmt: skip
def test_files_inside_the_words(request_: str, files: list[str]) -> None:
    assert files_in(request_) == [Path(file) for file in files]


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(InputError, match=r"there is no file cap\.jpg"):
        files_in("put the cap from cap.jpg on him")


def test_ids_stand_where_files_do() -> None:
    assert split_pictures([Path("hat.jpg")]) == ([Path("hat.jpg")], None)
    assert split_pictures(["@3", "hat.jpg", "@last"]) == ([Path("hat.jpg")], ["@3", "input", "@last"])
