from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.references import sprites
from ace_agent.references.errors import LibraryError, SpritesMissing
from ace_agent.references.sprites import SIZE, Sprites
from ace_agent.references.vocabulary import HELD_OUT_NAMES, NOUNS


def test_every_noun_is_drawn_in_the_default_style() -> None:
    drawn = set(Sprites.load().names())
    assert set(NOUNS) <= drawn
    assert 20 <= len(HELD_OUT_NAMES) <= 30


def test_sprites_are_cropped_to_their_ink_and_share_a_longest_side() -> None:
    library = Sprites.load()
    for name in ("dog", "bus", "pine tree"):
        sprite = library.get(name, "noto")
        assert max(sprite.size) == SIZE
        assert sprite.getchannel("A").getbbox() == (0, 0, *sprite.size)


def test_written_sprites_are_read_back(tmp_path: Path) -> None:
    red = Image.new("RGBA", (8, 5), (200, 10, 10, 255))
    blue = Image.new("RGBA", (3, 8), (10, 10, 200, 128))
    sprites.write({("a", "noto"): red, ("b", "flat"): blue}, tmp_path / "s.npz")
    library = Sprites.load(tmp_path / "s.npz")
    assert library.names("flat") == ["b"]
    assert np.array_equal(np.asarray(library.get("b", "flat")), np.asarray(blue))
    assert np.array_equal(np.asarray(library.get("a", "noto")), np.asarray(red))


def test_a_missing_file_names_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(SpritesMissing, match=r"python -m ace_agent\.references\.sprites"):
        Sprites.load(tmp_path / "none.npz")


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(b"not a zip")
    with pytest.raises(LibraryError, match="not a sprite file"):
        Sprites.load(tmp_path / "s.npz")


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sprites.write({("only", "noto"): Image.new("RGBA", (4, 4), (1, 2, 3, 255))}, tmp_path / "s.npz")
    monkeypatch.setenv("ACE_SPRITES", str(tmp_path / "s.npz"))
    assert Sprites.load().names() == ["only"]


def test_one_icon_is_rasterised_from_its_package(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="an extra: pip install 'ace-agent[data]'")
    icons = {
        "icons": {"square": {"body": '<path fill="#f00" d="M4 4h8v8H4z"/>'}},
        "aliases": {"box": {"parent": "square"}},
        "width": 16,
    }
    drawn = sprites._draw(icons, "box")
    assert drawn is not None
    assert drawn.size == (SIZE, SIZE)
    assert drawn.getpixel((SIZE // 2, SIZE // 2)) == (255, 0, 0, 255)
    assert sprites._draw(icons, "circle") is None
