"""`ace rerun`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ace_agent.images.files import embed_recipe, read_recipe
from tests.cli.conftest import Ace, json_of


def test_a_picture_is_made_again_bit_for_bit(talk: Ace, here: Path) -> None:
    assert json_of(talk, "rerun", "ace-2.png")["identical"] is True
    assert "identical" in talk("rerun", "@1", "-o", "again.png").stdout
    assert (here / "again.png").exists()
    with Image.open(here / "ace-1.png") as picture:
        picture.load()
        changed, info = picture.copy(), picture.info
    changed.putpixel((0, 0), (1, 2, 3))
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for key, value in info.items():
        texts.add_itxt(key, value)
    changed.save(here / "changed.png", pnginfo=texts)
    result = talk("rerun", "changed.png", status=1)
    assert "different: 1 pixel differs\n" in result.stdout


def test_a_recipe_of_another_size_is_not_identical(talk: Ace, here: Path) -> None:
    """What came out was compared with the picture alone, whatever size its recipe claimed."""
    png = (here / "ace-1.png").read_bytes()
    recipe = read_recipe(png)
    (here / "forged.png").write_bytes(embed_recipe(png, recipe | {"size": [640, 480]}))
    result = talk("rerun", "forged.png", status=1)
    assert "different" in result.stdout
    assert "the recipe says 640 x 480, the picture came out 32 x 32" in result.stderr
    for size in ([100_000, 100_000], [32], "big", [float("inf"), 32]):
        (here / "forged.png").write_bytes(embed_recipe(png, recipe | {"size": size}))
        assert "recipe" in talk("rerun", "forged.png", status=1).stderr
