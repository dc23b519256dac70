"""Sprites: pictures of the single things that scenes are made of.

``python -m ace_agent.references.sprites NPM_DIR`` rasterises the vocabulary from four open emoji sets
(Google's Noto and its older "blob" drawings, Apache-2.0; Microsoft's Fluent in gradients and
flat, MIT) into one file; without ``NPM_DIR`` it fetches the packages with ``npm pack``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ace_agent.references import colors
from ace_agent.references.errors import LibraryError, SpritesMissing
from ace_agent.references.vocabulary import HAIR, HAIRY, NOUNS, STYLES, Noun

PACKAGES = {
    "noto": "noto@1.2.9",
    "fluent": "fluent-emoji@1.2.7",
    "flat": "fluent-emoji-flat@1.2.6",
    "blob": "noto-v1@1.2.5",
}
SIZE = 112
"""Longest side of a stored sprite, pixels; scenes of 128 px draw things at 30 to 80."""

_RASTER = 448  # drawn this large and then reduced, to antialias thin lines
_BUILD = "python -m ace_agent.references.sprites"


class Sprites:
    """Sprites by noun and style, decoded when first asked for.

    A sprite is RGBA, cropped to what is drawn, its longest side `SIZE` pixels.
    """

    def __init__(self, pictures: dict[tuple[str, str], bytes]) -> None:
        self._encoded = pictures
        self._decoded: dict[tuple[str, str], Image.Image] = {}
        self._bodies: dict[tuple[str, str], colors.Floats] = {}

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Sprites:
        """Read ``path``, else ``$ACE_SPRITES``, else the repository's, else the user's cache.

        Raises:
            SpritesMissing: there is none.
            LibraryError: the file is not a sprite file.
        """
        for place in [Path(path)] if path else _places():
            if place.is_file():
                return cls(_read(place))
        raise SpritesMissing("there is no sprite file", f"run {_BUILD} -o {_places()[-1]}")

    def has(self, name: str, style: str) -> bool:
        return (name, style) in self._encoded

    def names(self, style: str = STYLES[0]) -> list[str]:
        """Everything drawn in ``style``, hair variants ("man+red") included."""
        return [name for name, drawn in self._encoded if drawn == style]

    def get(self, name: str, style: str) -> Image.Image:
        """The sprite of ``name`` in ``style``, RGBA; not to be changed in place."""
        key = (name, style)
        if key not in self._decoded:
            self._decoded[key] = Image.open(io.BytesIO(self._encoded[key]), formats=["PNG", "WEBP"]).convert(
                "RGBA"
            )
        return self._decoded[key]

    def body(self, name: str, style: str) -> colors.Floats:
        """The `colors.body_weight` of a sprite, computed once."""
        key = (name, style)
        if key not in self._bodies:
            self._bodies[key] = colors.body_weight(np.asarray(self.get(name, style)))
        return self._bodies[key]


def _places() -> list[Path]:
    from platformdirs import user_cache_path

    places = [
        Path(__file__).resolve().parents[2] / "assets" / "sprites.npz",
        user_cache_path("ace-agent") / "sprites.npz",
    ]
    if os.environ.get("ACE_SPRITES"):
        places.insert(0, Path(os.environ["ACE_SPRITES"]))
    return places


def _read(path: Path) -> dict[tuple[str, str], bytes]:
    try:
        with np.load(path, allow_pickle=False) as file:
            keys, ends, stream = file["keys"], file["ends"], file["png"].tobytes()
    except (OSError, ValueError, KeyError) as error:
        raise LibraryError(f"{path} is not a sprite file", f"build it again with {_BUILD}") from error
    starts = [0, *ends[:-1]]
    return {
        (name, style): stream[start:end]
        for (name, style), start, end in zip(keys.tolist(), starts, ends, strict=True)
    }


def write(pictures: dict[tuple[str, str], Image.Image], path: Path) -> None:
    """Write sprites as one PNG stream with its offsets: smaller than raw arrays, decoded lazily."""
    encoded = []
    for picture in pictures.values():
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        encoded.append(buffer.getvalue())
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        keys=np.array(list(pictures)),
        ends=np.cumsum([len(png) for png in encoded]),
        png=np.frombuffer(b"".join(encoded), np.uint8),
    )


# ---- building


def build(npm_dir: str | os.PathLike[str] | None, out: str | os.PathLike[str]) -> int:
    """Rasterise the vocabulary in every style that has it; returns the number of sprites.

    Args:
        npm_dir: folder holding the unpacked packages, one folder each; None fetches them.
        out: the file to write.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(npm_dir) if npm_dir else _fetch(Path(scratch))
        pictures = {
            (name, style): picture
            for style, package in PACKAGES.items()
            for name, picture in _draw_style(_icons(folder, package), style)
        }
    write(pictures, Path(out))
    return len(pictures)


def _fetch(folder: Path) -> Path:
    for package in PACKAGES.values():
        command = ["npm", "pack", f"@iconify-json/{package}", "--silent"]
        packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as tar:
            tar.extractall(folder / _folder(package), filter="data")
    return folder


def _folder(package: str) -> str:
    return "iconify-json-" + package.replace("@", "-")


def _icons(folder: Path, package: str) -> dict[str, Any]:
    for file in (folder / _folder(package)).rglob("icons.json"):
        icons: dict[str, Any] = json.loads(file.read_text())
        return icons
    raise LibraryError(f"{folder} has no {_folder(package)}/icons.json", "leave the folder out to fetch it")


def _draw_style(icons: dict[str, Any], style: str) -> Iterator[tuple[str, Image.Image]]:
    for noun in NOUNS.values():
        for name, icon in _variants(noun):
            picture = _draw(icons, icon)
            if picture is not None:
                yield name, picture


def _variants(noun: Noun) -> Iterator[tuple[str, str]]:
    yield noun.name, noun.icon
    if noun.name in HAIRY:
        for word, ending in HAIR.items():
            yield f"{noun.name}+{word}", f"{noun.icon}-{ending}"


def _draw(icons: dict[str, Any], icon: str) -> Image.Image | None:
    """One icon on a transparent ground, cropped to its ink; None if the set lacks it."""
    import resvg_py

    spellings = (icon, icon.replace("blond-", "blonde-"))
    known = [s for s in spellings if s in icons["icons"] or s in icons.get("aliases", {})]
    if not known:
        return None
    name = known[0]
    while name not in icons["icons"]:
        name = icons["aliases"][name]["parent"]
    row = icons["icons"][name]
    width = row.get("width", icons.get("width", 16))
    height = row.get("height", icons.get("height", 16))
    box = f"{row.get('left', 0)} {row.get('top', 0)} {width} {height}"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}" width="{_RASTER}" height="{_RASTER}">{row["body"]}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=_RASTER, height=_RASTER))
    return fit(Image.open(io.BytesIO(png), formats=["PNG"]).convert("RGBA"), SIZE)


def fit(picture: Image.Image, size: int) -> Image.Image:
    """Crop RGBA ``picture`` to what is drawn and resize its longest side to ``size`` pixels."""
    ink = picture.getchannel("A").point(lambda alpha: 255 if alpha > 16 else 0).getbbox()
    cropped = picture.crop(ink)
    scale = size / max(cropped.size)
    return cropped.resize(
        (max(1, round(cropped.width * scale)), max(1, round(cropped.height * scale))),
        Image.Resampling.LANCZOS,
    )


def default_place() -> Path:
    """Where sprites are written by default."""
    return _places()[-2]


def main() -> None:
    parser = argparse.ArgumentParser(prog=_BUILD, description="Rasterise the sprites of the scene world.")
    parser.add_argument("npm_dir", nargs="?", help="folder of the unpacked npm packages; left out: npm pack")
    parser.add_argument("-o", "--out", default=str(default_place()), help="file to write")
    arguments = parser.parse_args()
    count = build(arguments.npm_dir, arguments.out)
    print(f"{count} sprites in {arguments.out}")


if __name__ == "__main__":
    main()
