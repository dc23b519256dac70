"""Exact operations: the options of each, typed and checked before anything runs.

An operation does the same to any picture at its full size and needs no model. Fractions are of the picture's width
or height, amounts run from -1 to 1 with 0 for no change, angles are degrees, colours are CSS names or `#rrggbb`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

MAX_SIDE = 20_000
Fraction = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=-1, le=1)]
Pixels = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Side = Literal["left", "right", "top", "bottom"]
Place = Literal[
    "top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"
]


class Options(BaseModel):
    """The options of one operation; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Colored(Options):
    @field_validator("color", check_fields=False)
    @classmethod
    def _known_color(cls, color: str | None) -> str | None:
        from PIL import ImageColor

        if color is not None:
            try:
                ImageColor.getrgb(color)
            except ValueError:
                raise ValueError(f"{color!r} is no colour; write a CSS name or #rrggbb") from None
        return color


def _exactly_one(options: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(options, name) not in (None, False)]
    if len(given) != 1:
        raise ValueError(f"give one of {', '.join(names)}; got {', '.join(given) or 'none'}")


class Crop(Options):
    """Keep a part of the picture: what a mask shows, where the step has one, with `margin` around it."""

    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = Field(
        default=None, description="[x0, y0, x1, y1] to keep, in fractions"
    )
    aspect: str | None = Field(
        default=None, description="width:height, as 1:1 or 16:9; the largest that fits"
    )
    size: tuple[Pixels, Pixels] | None = Field(default=None, description="[width, height] in pixels")
    place: Place = Field(default="middle", description="where `aspect` and `size` are taken from")
    cut: dict[Side, Fraction] | None = Field(default=None, description="what to cut off each side")
    trim: bool = Field(default=False, description="cut off a plain border")
    margin: Fraction = Field(default=0.05, description="kept around a mask, of its own size")

    @field_validator("aspect")
    @classmethod
    def _readable_aspect(cls, aspect: str | None) -> str | None:
        if aspect is not None:
            ratio(aspect)
        return aspect

    @model_validator(mode="after")
    def _something_is_left(self) -> Crop:
        given = [n for n in ("box", "aspect", "size", "cut", "trim") if getattr(self, n) not in (None, False)]
        if len(given) > 1:
            raise ValueError(f"give one of box, aspect, size, cut and trim; got {', '.join(given)}")
        if self.box and (self.box[0] >= self.box[2] or self.box[1] >= self.box[3]):
            raise ValueError("box: wanted x0 < x1 and y0 < y1")
        if self.cut:
            across = self.cut.get("left", 0) + self.cut.get("right", 0)
            down = self.cut.get("top", 0) + self.cut.get("bottom", 0)
            if max(across, down) >= 1:
                raise ValueError("cut: nothing would be left")
        return self


class Rotate(_Colored):
    """Turn the picture clockwise. Quarter turns are exact; others grow the canvas."""

    degrees: float = Field(ge=-360, le=360)
    color: str | None = Field(default=None, description="of the corners; default: transparent")


class Straighten(Options):
    """Level a tilted picture and cut off the corners that this opens."""

    degrees: float | None = Field(
        default=None, ge=-45, le=45, description="clockwise; default: found from the lines in the picture"
    )


class Flip(Options):
    """Mirror the picture."""

    direction: Literal["horizontal", "vertical"] = "horizontal"


class Resize(Options):
    """Scale the picture. One of width and height keeps the aspect ratio; both do not."""

    width: Pixels | None = None
    height: Pixels | None = None
    longest: Pixels | None = Field(default=None, description="the longer side")
    scale: float | None = Field(default=None, gt=0, le=16)

    @model_validator(mode="after")
    def _one_way(self) -> Resize:
        ways = [self.width is not None or self.height is not None, self.longest is not None]
        if sum([*ways, self.scale is not None]) != 1:
            raise ValueError("give width and height (one of them is enough), longest, or scale")
        return self


class Canvas(_Colored):
    """Put the picture on a larger canvas, without stretching it."""

    aspect: str | None = Field(default=None, description="width:height of the canvas")
    size: tuple[Pixels, Pixels] | None = Field(default=None, description="[width, height] of the canvas")
    margin: Fraction | None = Field(default=None, description="added to each side, of the longer side")
    fill: Literal["color", "blur", "transparent"] = "color"
    color: str = "white"
    place: Place = "middle"

    @field_validator("aspect")
    @classmethod
    def _readable_aspect(cls, aspect: str | None) -> str | None:
        if aspect is not None:
            ratio(aspect)
        return aspect

    @model_validator(mode="after")
    def _one_way(self) -> Canvas:
        _exactly_one(self, "aspect", "size", "margin")
        return self


class Adjust(Options):
    """Change tones, colours and sharpness; several at once."""

    brightness: Amount = 0
    contrast: Amount = 0
    saturation: Amount = 0
    warmth: Amount = 0
    exposure: float = Field(default=0, ge=-4, le=4, description="in stops")
    gamma: float = Field(default=1, ge=0.2, le=5, description="above 1 lightens the middle tones")
    shadows: Amount = Field(default=0, description="above 0 lifts dark parts")
    highlights: Amount = Field(default=0, description="below 0 tames bright parts")
    levels: bool = Field(default=False, description="stretch the tones to the full range")
    sharpness: Amount = Field(default=0, description="below 0 softens")
    denoise: Fraction = 0
    blur: float = Field(default=0, ge=0, le=0.2, description="radius, of the longer side")
    vignette: Fraction = 0

    @model_validator(mode="after")
    def _something_to_do(self) -> Adjust:
        if self == Adjust.model_construct():
            raise ValueError(f"give one of {', '.join(Adjust.model_fields)}")
        return self


FilterName = Literal[
    "black and white", "sepia", "invert", "posterize", "pencil", "comic", "cartoon", "oil", "watercolor",
    "pixel art", "vintage", "neon", "emboss", "cool", "warm",
]  # fmt: skip


class Filter(Options):
    """Apply a photo filter."""

    name: FilterName
    strength: Fraction = Field(default=1, description="0 leaves the picture as it is")


class BlurRegion(Options):
    """Blur what the mask shows, or all of the picture."""

    radius: float = Field(default=0.02, gt=0, le=0.2, description="of the longer side")


class PixelateRegion(Options):
    """Turn what the mask shows, or all of the picture, into coarse squares."""

    block: float = Field(default=0.025, gt=0, le=0.25, description="side of a square, of the longer side")


class Frame(_Colored):
    """Put a frame around the picture, or round its corners."""

    style: Literal["plain", "polaroid", "rounded", "shadow"] = "plain"
    width: float = Field(default=0.04, gt=0, le=0.5, description="of the longer side")
    color: str = "white"


class Collage(_Colored):
    """Put pictures side by side, each whole, in the order given."""

    columns: int | None = Field(default=None, ge=1, le=9, description="default: one row up to three pictures")
    gap: Fraction = Field(default=0.02, description="between the pictures, of a cell's width")
    color: str = "white"
    labels: tuple[str, ...] = Field(default=(), description="one line under each picture")


class Watermark(_Colored):
    """Put words, or the second picture, over the first one."""

    text: str = Field(default="", max_length=200)
    place: Place = "bottom right"
    opacity: Fraction = 0.5
    size: float = Field(default=0.2, gt=0, le=1, description="width, of the picture's")
    color: str = "white"


class Background(_Colored):
    """Replace what is behind the subject; with a second picture, by that one."""

    fill: Literal["transparent", "color", "blur", "image"] = "transparent"
    color: str = "white"
    radius: float = Field(default=0.02, gt=0, le=0.2, description="of a blur, of the longer side")


class Upscale(Options):
    """Enlarge the picture and keep it sharp."""

    factor: Literal[2, 3, 4] = 2


class Lettering(_Colored):
    """How words are set in a picture."""

    place: Place = "bottom"
    size: float = Field(default=0.1, gt=0, le=1, description="height of a line, of the picture's height")
    color: str | None = Field(default=None, description="default: black or white, whichever is read better")
    outline: bool | None = Field(default=None, description="default: where the background is not plain")
    font: Literal["sans", "bold", "serif", "hand"] = "bold"


OPERATIONS: dict[str, type[Options]] = {
    "crop": Crop,
    "rotate": Rotate,
    "straighten": Straighten,
    "flip": Flip,
    "resize": Resize,
    "canvas": Canvas,
    "adjust": Adjust,
    "filter": Filter,
    "blur_region": BlurRegion,
    "pixelate_region": PixelateRegion,
    "frame": Frame,
    "collage": Collage,
    "watermark": Watermark,
    "background": Background,
    "upscale": Upscale,
}
"""The operations of the task catalogue and their options."""


def ratio(text: str) -> float:
    """Width over height of `16:9`, `16/9`, `square` or `1.5`. Raises ValueError."""
    words = {"square": 1.0, "portrait": 0.75, "landscape": 4 / 3}
    if text in words:
        return words[text]
    across, _, down = text.replace("/", ":").replace("x", ":").partition(":")
    try:
        found = float(across) / float(down or 1)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is no aspect ratio; write 16:9 or square") from None
    if not 0.02 <= found <= 50:
        raise ValueError(f"aspect: wanted 1:50 to 50:1, got {text}")
    return found


def options_of(task: str, given: dict[str, Any]) -> Options | None:
    """The typed options of a task; None for one that takes none.

    Raises:
        ValueError: one line that names the option, what was wanted and what came.
    """
    model = Lettering if task == "render_text" else OPERATIONS.get(task)
    if model is None:
        if given:
            raise ValueError(f"{task} takes no options, got {', '.join(sorted(given))}")
        return None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        known = (
            f"; {task} takes {', '.join(model.model_fields)}" if first["type"] == "extra_forbidden" else ""
        )
        raise ValueError(f"{where}: {message}{known}" if where else message) from None
