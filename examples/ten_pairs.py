"""Ten pairs to fine-tune on: drawn pictures, and the same in sepia.

python examples/ten_pairs.py [FOLDER]
ace train pairs/pairs.csv --to my-model --minutes 5
ace "make it sepia" pairs/01.png --model my-model
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

SIZE = 128
COUNT = 10


def drawn(rng: random.Random) -> Image.Image:
    """A few coloured shapes on a coloured ground."""

    def colour() -> tuple[int, int, int]:
        return rng.randrange(256), rng.randrange(256), rng.randrange(256)

    picture = Image.new("RGB", (SIZE, SIZE), colour())
    pen = ImageDraw.Draw(picture)
    for number in range(6):
        left, top = rng.randrange(SIZE - 40), rng.randrange(SIZE - 40)
        shape = pen.ellipse if number % 2 else pen.rectangle
        shape((left, top, left + rng.randrange(20, 60), top + rng.randrange(20, 60)), fill=colour())
    return picture


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["source", "instruction", "target"])
        for number in range(1, COUNT + 1):
            source, target = f"{number:02}.png", f"{number:02}-sepia.png"
            picture = drawn(random.Random(number))
            picture.save(folder / source)
            ImageOps.colorize(picture.convert("L"), "#281404", "#f4dcb0").save(folder / target)
            table.writerow([source, "make it sepia", target])
    print(f"{COUNT} pairs in {folder / 'pairs.csv'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "pairs"))
