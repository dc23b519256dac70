"""Small pictures that differ, and files that are no pictures."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw


def drawn(seed: int, width: int = 112, height: int = 96, shift: int = 0) -> Image.Image:
    """A picture of a few shapes; one seed is one subject, and ``shift`` moves and tints it."""
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), tuple(rng.randrange(60, 250) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = rng.randrange(width - 30) + shift, rng.randrange(height - 30)
        w, h = rng.randrange(14, width // 2), rng.randrange(14, height // 2)
        ink = tuple(min(255, rng.randrange(256) + 3 * shift) for _ in range(3))
        rng.choice((pen.ellipse, pen.rectangle))((x, y, x + w, y + h), fill=ink)
    return image


def fill(folder: Path, count: int = 5) -> Path:
    """A folder of ``count`` good pictures of several sizes and kinds, every second one with a caption."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        image = drawn(k, 96 + 16 * (k % 3), 96 + 7 * k)
        image.save(folder / f"{k:02}.{('png', 'jpg', 'webp')[k % 3]}")
        if k % 2:
            (folder / f"{k:02}.txt").write_text(f'shapes "{k}" {{image7}}.\nmore\n')
    return folder


def spoil(folder: Path) -> set[str]:
    """Add unusable files; returns their names."""
    (folder / "cut.png").write_bytes((folder / "00.png").read_bytes()[:400])
    (folder / "words.jpg").write_text("no picture")
    (folder / "empty.png").touch()
    Image.new("RGB", (90, 90), (3, 3, 3)).save(folder / "blank.png")
    drawn(40).resize((30, 30)).save(folder / "small.png")
    drawn(41, 400, 70).save(folder / "narrow.png")
    Image.open(folder / "00.png").save(folder / "zz copy.jpg", quality=85)
    return {"cut.png", "words.jpg", "empty.png", "blank.png", "small.png", "narrow.png", "zz copy.jpg"}
