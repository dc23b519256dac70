"""The library of reference pictures: a small picture of every noun in every drawing style.

"A glossy red car" is looked up in that style and tinted, "a car made of wood" is covered with a texture, and people
are drawn to their description (`figures`). A user's own folder adds names ("rex.png" is what "rex" means). numpy and
Pillow only.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ace_agent.errors import InputError
from ace_agent.images.files import readable_formats
from ace_agent.images.types import Pixels
from ace_agent.references import figures, lettering, people
from ace_agent.references.colors import dressed
from ace_agent.references.descriptions import Description, describe, describe_changed, expression
from ace_agent.references.errors import LibraryError
from ace_agent.references.name_matching import NameMatcher, spellings
from ace_agent.references.objects import Object
from ace_agent.references.sprites import SIZE, Sprites, fit
from ace_agent.references.types import Frame, NamedReference, Placement
from ace_agent.references.vocabulary import HAIRY, STYLES

SIDE = 64
"""Side of a reference picture, pixels."""
_FILL = 56  # longest side of the thing within it


def frame(picture: Image.Image, look: Description) -> Frame:
    """A 64x64 reference frame: ``picture`` (RGBA, cropped) standing on white, masked by its opacity.

    Things of any shape stand on the same spot, as they do in scenes.
    """
    paper, covered, box = _standing(picture)
    return Frame(paper, covered, (Placement(look.key, *box, False, look.color),))


@lru_cache(maxsize=1000)
def figure_frame(thing: Object) -> Frame:
    """A reference frame of a drawn figure; see `frame`."""
    assert thing.person is not None
    paper, covered, box = _standing(people.draw(thing.person, 2 * _FILL, thing.glasses))
    return Frame(paper, covered, (figures.placed(thing, thing.key, box),))


def _standing(picture: Image.Image) -> tuple[Pixels, Pixels, tuple[float, float, float, float]]:
    """The frame's picture and mask, and the thing's left, top, width and height in fractions."""
    scale = _FILL / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    left, top = (SIDE - size[0]) // 2, (SIDE + _FILL) // 2 - size[1]
    paper = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    paper.paste(small, (left, top), small)
    covered = Image.new("L", (SIDE, SIDE))
    covered.paste(small.getchannel("A"), (left, top))
    box = left / SIDE, top / SIDE, size[0] / SIDE, size[1] / SIDE
    return np.asarray(paper), np.asarray(covered), box


def find_references(
    matcher: NameMatcher, instruction: str, drawn: Callable[[Description], Frame]
) -> list[NamedReference]:
    """References for what ``instruction`` names, in order: things by ``drawn``, and figures as described; then the
    lettering that it quotes."""
    drawn_figures = list(figures.find_figures(instruction))
    things = [
        NamedReference(instruction[one.start : one.stop], one.start, one.stop, figure_frame(one.thing))
        for one in drawn_figures
    ]
    # What a figure wears is not looked up.
    found = matcher.find(instruction, ((one.start, one.stop) for one in drawn_figures))
    for name, start, stop in found:
        look = describe(name, instruction, start, stop)
        if len(found) + len(drawn_figures) == 1:
            look = describe_changed(look, instruction, start, stop)
        things.append(NamedReference(instruction[start:stop], start, stop, drawn(look)))
    things.sort(key=lambda one: one.start)
    if (asked := expression(instruction)) and asked[0] not in (name for name, *_ in found):
        name, start, stop = asked
        things.append(NamedReference(instruction[start:stop], start, stop, drawn(Description(name))))
    return [*things, *lettering.find_lettering(instruction)]


FIGURE_NOUNS = frozenset((figures.NOUN, *people.GARMENTS))
"""Nouns of drawn figures and their garments, which have no picture in the library."""


class ReferenceLibrary:
    """Pictures by name.

    Args:
        pictures: uint8 [64, 64, 4], by `Description.drawing`.
        own: folder of the user's own pictures, named by their file names; they take precedence.
    """

    def __init__(
        self, pictures: Mapping[str, npt.NDArray[np.uint8]], own: str | os.PathLike[str] | None = None
    ) -> None:
        self._pictures = dict(pictures)
        self._own = own_pictures(own)
        self._ours = list(dict.fromkeys(key.split("|")[0] for key in self._pictures))
        self._matcher = NameMatcher(spellings([*self._ours, *self._own]))
        self._frame = lru_cache(maxsize=None)(self._make_frame)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, own: str | os.PathLike[str] | None = None
    ) -> ReferenceLibrary:
        """Read the packaged library, or the one at ``path``.

        Raises:
            LibraryError: the file is missing or is no reference library.
        """
        place = Path(path) if path else packaged()
        try:
            with np.load(place, allow_pickle=False) as file:
                keys, sheet = file["keys"].tolist(), file["pictures"]
        except (OSError, ValueError, KeyError) as error:
            raise LibraryError(f"{place} is no reference library", f"build it with {_BUILD}") from error
        return cls(dict(zip(keys, sheet, strict=True)), own)

    def names(self) -> list[str]:
        return [*self._own, *(name for name in self._ours if name not in self._own)]

    def styles(self, name: str) -> list[str]:
        """The drawing styles in which the library has ``name``; none for unknown names and the user's own."""
        known = [] if name in self._own else STYLES
        return [style for style in known if Description(name, style).drawing in self._pictures]

    def get(self, name: str, style: str) -> Image.Image:
        """The library's picture of ``name`` in ``style``, RGBA, cropped."""
        return fit(Image.fromarray(self._pictures[Description(name, style).drawing], "RGBA"), SIZE)

    def named(self, text: str) -> list[str]:
        """The things that a text names, in order."""
        return [name for name, _, _ in self._matcher.find(text)]

    def find(
        self, instruction: str, style_of: Callable[[str], str | None] | None = None
    ) -> list[NamedReference]:
        """A reference picture of each thing that ``instruction`` names, in order; the user's own are never restyled.

        Args:
            style_of: the drawing style of a thing whose style the words leave open, or None.
        """

        def drawn(look: Description) -> Frame:
            style = style_of(look.name) if style_of is not None and look.style == STYLES[0] else None
            return self._frame(replace(look, style=style or look.style))

        return find_references(self._matcher, instruction, drawn)

    def _make_frame(self, look: Description) -> Frame:
        if look.name in self._own:
            with Image.open(self._own[look.name], formats=readable_formats()) as opened:
                return frame(opened.convert("RGBA"), Description(look.name))
        if look.drawing not in self._pictures:
            look = replace(look, style=STYLES[0])
        return frame(dressed(self.get(look.name, look.style), look.color, look.texture), look)


def own_pictures(folder: str | os.PathLike[str] | None) -> dict[str, Path]:
    """Pictures of a folder by name ("my_dog.png" is "my dog"); none without a folder.

    Raises:
        LibraryError: it is no folder.
    """
    if folder is None:
        return {}
    if not Path(folder).is_dir():
        raise LibraryError(f"{folder} is not a folder of pictures")
    kinds = (".png", ".jpg", ".jpeg", ".webp")
    found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in kinds)
    return {path.stem.replace("_", " ").lower(): path for path in found}


OWN_PICTURES = "ACE_REFERENCES"
"""Environment variable with the folder of the user's own pictures, whose "rex.png" is what "rex" means."""


def own_names() -> frozenset[str]:
    """Names of the user's own pictures.

    Raises:
        InputError: $ACE_REFERENCES is no folder.
    """
    return frozenset(own_pictures(_own_folder()))


def default_library() -> ReferenceLibrary:
    """The packaged library with the user's own pictures.

    Raises:
        InputError: $ACE_REFERENCES is no folder.
    """
    return ReferenceLibrary.load(own=_own_folder())


def _own_folder() -> str | None:
    folder = os.environ.get(OWN_PICTURES) or None
    if folder is not None and not Path(folder).is_dir():
        raise InputError(
            f"{OWN_PICTURES}: {folder} is not a folder of pictures",
            f"set it to another folder, or unset {OWN_PICTURES}",
        )
    return folder


def packaged() -> Path:
    """Path of the library that ships with the package."""
    return Path(__file__).resolve().parents[1] / "weights" / "references.npz"


# ---- building

_BUILD = "python -m ace_agent.references.library"


def build(out: str | os.PathLike[str], sprites: str | os.PathLike[str] | None = None) -> int:
    """Write every noun's picture in every style, RGBA 64x64, from the sprite file; returns their number."""
    source = Sprites.load(sprites)
    pictures = {}
    for style in STYLES:
        for name in source.names(style):
            if name.split("+")[0] in HAIRY and "+" in name:
                continue
            small = fit(source.get(name, style), SIDE)
            sheet = Image.new("RGBA", (SIDE, SIDE))
            sheet.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
            pixels = np.array(sheet)
            pixels[pixels[..., 3] == 0] = 0
            pictures[Description(name, style).drawing] = pixels
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, keys=np.array(list(pictures)), pictures=np.stack(list(pictures.values())))
    return len(pictures)


def main() -> None:
    parser = argparse.ArgumentParser(prog=_BUILD, description="Build the library of reference pictures.")
    parser.add_argument("-o", "--out", default=str(packaged()), help="file to write")
    parser.add_argument("--sprites", help="sprite file to read")
    arguments = parser.parse_args()
    print(f"{build(arguments.out, arguments.sprites)} references in {arguments.out}")


if __name__ == "__main__":
    main()
