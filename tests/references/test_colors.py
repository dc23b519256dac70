from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ace_agent.references import colors
from ace_agent.references.sprites import Sprites


def _two_hues() -> Image.Image:
    """Three quarters red, a quarter green, all opaque."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[..., 0] = 210
    pixels[:10, :, :2] = (30, 160)
    return Image.fromarray(pixels, "RGBA")


def test_a_tint_changes_the_main_hue_only() -> None:
    """Leaves stay green when the apple turns blue."""
    tinted = np.asarray(colors.tint(_two_hues(), "blue"))
    assert tuple(tinted[30, 20, :3]) == colors.RGB["blue"]
    assert tuple(tinted[3, 20]) == (30, 160, 0, 255)
    assert colors.tint_share(_two_hues()) == 0.75


def test_a_given_weight_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sprites = Sprites.load()
    drawn, plain = sprites.get("car", "noto"), colors.tint(sprites.get("car", "noto"), "blue")
    share, body = colors.tint_share(drawn), sprites.body("car", "noto")
    monkeypatch.setattr(colors, "body_weight", None)
    assert sprites.body("car", "noto") is body
    assert colors.tint(drawn, "blue", body).tobytes() == plain.tobytes()
    assert colors.tint_share(drawn, body) == share


def test_gray_takes_no_tint() -> None:
    gray = Image.new("RGBA", (8, 8), (120, 120, 120, 255))
    assert colors.tint_share(gray) == 0
    assert colors.tint(gray, "red").tobytes() == gray.tobytes()


@pytest.mark.parametrize("texture", colors.TEXTURES)
def test_textures_cover_without_touching_the_outline(texture: str) -> None:
    sprite = Sprites.load().get("car", "noto")
    covered = colors.cover(sprite, texture)
    assert covered.getchannel("A").tobytes() == sprite.getchannel("A").tobytes()
    opaque = np.asarray(sprite)[..., 3] > 128
    apart = np.abs(np.asarray(covered).astype(int) - np.asarray(sprite))[..., :3].max(-1)
    assert apart[opaque].mean() > 30
