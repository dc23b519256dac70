"""Rendering of scenes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes import backgrounds, landscapes
from ace_agent.data.scenes.rendered_scene import Patch, RenderedScene
from ace_agent.data.scenes.scene import Background, Lettering, Scene
from ace_agent.data.scenes.sketch import LABELS
from ace_agent.images import filters, operators
from ace_agent.images.annotated_image import Segment
from ace_agent.images.types import Pixels
from ace_agent.references import colors, figures, lettering, people
from ace_agent.references.objects import Object
from ace_agent.references.sprites import Sprites
from ace_agent.references.types import Placement
from ace_agent.references.vocabulary import NOUNS

_T = TypeVar("_T")

_GLOW: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.90, 0.82),
    "night": (0.66, 0.70, 0.88),
}
"""How a time of day scales an object's colours: less than the land's, so that it stays readable."""
_GLOW_TABLES = {
    time: [*(round(level * share) for share in shares for level in range(256)), *range(256)]
    for time, shares in _GLOW.items()
}


_SOLID = [0] * 128 + [255] * 128
"""A lookup table that thresholds opacity at one half."""


class _Recent:
    """A cache of the most recently used results."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]  # type: ignore[return-value]
        made = make()
        self._kept[key] = made
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return made


class Renderer:
    """Renders scenes at one size, with caches of sprites and backgrounds.

    Args:
        sprites: pictures of the objects.
        size: side of the square pictures, in pixels.
    """

    def __init__(self, sprites: Sprites, size: int) -> None:
        self.sprites, self.size = sprites, size
        self._patches = _Recent(4000)
        self._backgrounds = _Recent(2000)  # 49 KB each at 128 px
        self._maps = _Recent(400)
        self._shadow = self._make_shadow()

    def render(self, scene: Scene) -> RenderedScene:
        """Draw ``scene``.

        Raises:
            Unfit: an object would be clipped by the picture's edge.
        """
        bare = self._background(scene.background).copy()
        pieces: list[tuple[Object, list[Patch]]] = []
        for obj in sorted(scene.objects, key=lambda o: o.y):
            patches = self._draw(obj, scene.background)
            self._cast_shadow(bare, obj, patches[0], scene.background)
            for patch in patches:
                bare.paste(patch.image, (patch.left, patch.top), patch.image)
            pieces.append((obj, patches))
        image = self._weather(bare, scene, pieces)
        if scene.lettering:
            words, at = self._letters(scene.lettering)
            image.paste(words, at, words)
        pixels = np.asarray(image)
        for name in scene.adjust:
            pixels = filters.ADJUSTMENTS[name](pixels)
        if scene.filter:
            pixels = filters.FILTERS[scene.filter](pixels)
        return RenderedScene(self, scene, pixels, pieces)

    # ---- objects

    def sprite(self, obj: Object) -> Image.Image:
        """The object's sprite at its own resolution, tinted and textured."""

        def make() -> Image.Image:
            look = obj.name, obj.style
            body = self.sprites.body(*look) if obj.color and not obj.texture else None
            return colors.dressed(self.sprites.get(*look), obj.color, obj.texture, body)

        return self._patches.get((obj.name, obj.style, obj.color, obj.texture), make)

    def _premultiplied(self, obj: Object) -> Image.Image:
        """The same, premultiplied: Pillow would convert an RGBA image at every resize."""
        key = ("premultiplied", obj.name, obj.style, obj.color, obj.texture)
        return self._patches.get(key, lambda: self.sprite(obj).convert("RGBa"))

    def _draw(self, obj: Object, background: Background) -> list[Patch]:
        body = self._body(obj, background)
        left = round(obj.x * self.size - body.width / 2)
        top = round(obj.y * self.size) - body.height
        patches = [Patch(body, left, top, obj.key, obj.color)]
        if obj.glasses and not obj.person:
            patches.append(self._wear(obj, obj.glasses, "", patches[0], background))
        if obj.hat:
            patches.append(self._wear(obj, obj.hat, obj.hat_color, patches[0], background))
        slack = round(0.015 * self.size)
        for patch in patches:
            x0, y0, x1, y1 = patch.box
            if x0 < -slack or y0 < -slack or x1 > self.size + slack or y1 > self.size + slack:
                raise Unfit(f"{obj.name} is clipped")
        return patches

    def _body(self, obj: Object, background: Background) -> Image.Image:
        longest = max(6, round(obj.size * self.size))
        time = background.time if background.outdoors else "day"

        def make() -> Image.Image:
            if obj.person:
                drawn = people.draw(obj.person, longest, obj.glasses)
            else:
                drawn = self.sprite(obj)
                scale = longest / max(drawn.size)
                size = max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))
                if size != drawn.size:
                    drawn = self._premultiplied(obj).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
                    drawn = drawn.convert("RGBA")
            if obj.flip:
                drawn = drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            return _graded(drawn, time)

        worn = obj.glasses if obj.person else ""
        look = (obj.name, obj.style, obj.color, obj.texture, obj.person, worn, longest, obj.flip, time)
        return self._patches.get(look, make)

    def _wear(self, obj: Object, worn: str, color: str, body: Patch, background: Background) -> Patch:
        """A hat on the head, or glasses on the face, of an object."""
        hat = NOUNS[worn].name not in ("glasses", "sunglasses")
        center, line, width = self._head(obj, body, hat)
        stood = replace(
            Object(worn, "noto" if not self.sprites.has(worn, obj.style) else obj.style),
            color=color,
            size=max(8, width) / self.size,
            flip=obj.flip,
        )
        image = self._body(stood, background)
        top = line - image.height if hat else line - image.height // 2
        key = stood.key + f"@{obj.key}"
        return Patch(image, round(center - image.width / 2), round(top), key, color)

    def _head(self, obj: Object, body: Patch, hat: bool) -> tuple[float, float, float]:
        """Where a hat's brim or glasses go: centre x, height y and width, in pixels."""
        w, h = body.image.size
        if obj.person:
            left, top, right, bottom = people.head_box(obj.person)
            if obj.flip:
                left, right = 1 - right, 1 - left
            brim = top + (bottom - top) * 0.34
            return body.left + (left + right) / 2 * w, body.top + brim * h, (right - left) * w * 1.02
        if NOUNS[obj.name.split("+")[0]].category in ("face", "person"):
            return body.left + w / 2, body.top + h * (0.24 if hat else 0.47), w * (0.74 if hat else 0.66)
        # Other objects: the head is the topmost part.
        opaque = np.asarray(body.image.getchannel("A"))[: max(2, round(0.22 * h))] > 128
        columns = np.flatnonzero(opaque.any(0))
        center = float(columns.mean()) if len(columns) else w / 2
        width = float(np.clip(opaque.sum(1).max() * 0.95, 0.34 * w, 0.7 * w))
        if hat:
            return body.left + center, body.top + 0.12 * h, width
        return body.left + w / 2, body.top + 0.42 * h, 0.6 * w

    def placement(self, patch: Patch, obj: Object) -> Placement:
        side = self.size
        x, y, w, h = (n / side for n in (patch.left, patch.top, patch.image.width, patch.image.height))
        if obj.person and patch.key == obj.key:
            return figures.placed(obj, patch.key, (x, y, w, h), patch.color)
        return Placement(patch.key, x, y, w, h, obj.flip, patch.color)

    # ---- words

    def _letters(self, asked: Lettering) -> tuple[Image.Image, tuple[int, int]]:
        """The lettering, RGBA, and its left and top."""
        words = lettering.typeset(asked.words, asked.color, self.size)
        middle = {"top": 0.13, "middle": 0.5, "bottom": 0.88}[asked.where] * self.size
        return words, ((self.size - words.width) // 2, round(middle - words.height / 2))

    def written(self, scene: Scene) -> tuple[Placement, ...]:
        """The placement of a scene's lettering, if any."""
        if not scene.lettering:
            return ()
        words, at = self._letters(scene.lettering)
        x, y, w, h = (n / self.size for n in (*at, *words.size))
        return (Placement(lettering.key(scene.lettering.words), x, y, w, h, False, scene.lettering.color),)

    # ---- surroundings

    def _background(self, background: Background) -> Image.Image:
        if background.weather != "clear":
            # All dull weathers share one background; rain, snow and fog come on top.
            background = replace(background, weather="fog")
        return self._backgrounds.get(background, lambda: backgrounds.draw(background, self.size))

    def background(self, background: Background) -> Pixels:
        """The bare background, uint8 [H, W, 3], without rain, snow or fog."""
        return np.asarray(self._background(background))

    def _background_maps(self, background: Background) -> tuple[Pixels, Pixels]:
        # Time and weather do not move the land, so all of them share one pair of maps.
        plain = replace(background, time="day", weather="fog") if background.outdoors else background
        return self._maps.get(plain, lambda: backgrounds.maps(plain, self.size))

    def _make_shadow(self) -> Image.Image:
        width, height = 128, 32
        plane = Image.new("L", (width, height))
        ImageDraw.Draw(plane).ellipse((10, 6, width - 10, height - 6), fill=92)
        return plane.filter(ImageFilter.GaussianBlur(4))

    def _cast_shadow(self, image: Image.Image, obj: Object, body: Patch, background: Background) -> None:
        if not stands(obj, background):
            return
        width, height = round(body.image.width * 1.06), max(3, round(0.1 * body.image.width + 2))
        soft = self._patches.get(("shadow", width), lambda: self._shadow.resize((width, height)))
        left = body.left + (body.image.width - width) // 2
        image.paste((20, 24, 34), (left, body.box[3] - round(height * 0.62)), soft)

    def _weather(
        self, image: Image.Image, scene: Scene, pieces: list[tuple[Object, list[Patch]]]
    ) -> Image.Image:
        weather = scene.background.weather
        if weather == "fog":
            night = scene.background.time == "night"
            veil = (92, 98, 116) if night else (216, 220, 226)
            depth = self.depth(scene, pieces)
            strength = 1.1 if night else 1.5
            return Image.fromarray(operators.haze(np.asarray(image), depth, strength, veil))
        if weather in ("rain", "snow"):
            kind = cast("operators.Precipitation", weather)
            return Image.fromarray(operators.precipitation(np.asarray(image), kind, scene.background.seed))
        return image

    def depth(self, scene: Scene, pieces: list[tuple[Object, list[Patch]]]) -> Pixels:
        depth = Image.fromarray(self._background_maps(scene.background)[1])
        for obj, patches in pieces:
            near = self._nearness(obj, scene.background)
            for patch in patches:
                depth.paste(near, (patch.left, patch.top), patch.image.getchannel("A"))
        return np.asarray(depth)

    def _nearness(self, obj: Object, background: Background) -> int:
        horizon = landscapes.horizon(background)
        if NOUNS[_noun(obj)].place == "air" and obj.y < horizon:
            return 70
        return int(80 + 160 * max(0.0, min(1.0, (obj.y - horizon) / (1 - horizon))))

    def segments(self, scene: Scene, pieces: list[tuple[Object, list[Patch]]]) -> tuple[Segment, ...]:
        plane = self._background_maps(scene.background)[0]
        found = []
        for number, (name, color) in enumerate(LABELS.items()):
            mask = np.where(plane == number, np.uint8(255), np.uint8(0))
            if mask.any():
                found.append(Segment(name, mask, False, color))
        for obj, patches in pieces:
            solid = Image.new("L", (self.size, self.size))
            for patch in patches:
                solid.paste(255, (patch.left, patch.top), patch.image.getchannel("A").point(_SOLID))
            found.append(Segment(obj.name, np.asarray(solid), True, LABELS[label_of(obj)]))
        return tuple(found)


def _noun(obj: Object) -> str:
    return "man" if obj.person else obj.name.split("+")[0]


def label_of(obj: Object) -> str:
    """The class of an object, a key of `sketch.LABELS`."""
    category = NOUNS[_noun(obj)].category
    return {"sky": "thing", "hat": "garment", "face": "person"}.get(category, category)


def stands(obj: Object, background: Background) -> bool:
    """Whether the object touches ground and casts a shadow."""
    if background.place in ("space", "sea"):
        return False
    if background.place in ("plain", "gradient"):
        return NOUNS[_noun(obj)].place == "ground" and obj.y > 0.7
    on_air = NOUNS[_noun(obj)].place == "air"
    return not on_air and obj.y > landscapes.horizon(background) + 0.03


def _graded(drawn: Image.Image, time: str) -> Image.Image:
    if time == "day":
        return drawn
    return drawn.point(_GLOW_TABLES[time])
