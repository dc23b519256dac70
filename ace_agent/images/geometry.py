"""Crops, turns and sizes of whole pictures. Every function takes and gives L, RGB or RGBA of any size."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter, ImageOps

Box = tuple[int, int, int, int]
_PLACES = {"left": 0.0, "right": 1.0, "top": 0.0, "bottom": 1.0}


def place_box(inner: tuple[int, int], outer: tuple[int, int], place: str) -> Box:
    """The box of a picture of size `inner` inside one of size `outer`; `place` is like `top left` or `middle`."""
    words = place.split()
    across = next((_PLACES[word] for word in words if word in ("left", "right")), 0.5)
    down = next((_PLACES[word] for word in words if word in ("top", "bottom")), 0.5)
    left = round((outer[0] - inner[0]) * across)
    top = round((outer[1] - inner[1]) * down)
    return left, top, left + inner[0], top + inner[1]


def largest_inside(size: tuple[int, int], aspect: float) -> tuple[int, int]:
    """The largest size of an aspect ratio (width over height) that fits into `size`."""
    width, height = size
    if width / height > aspect:
        return max(1, round(height * aspect)), height
    return width, max(1, round(width / aspect))


def plain_border(image: Image.Image, tolerance: int = 12) -> Box:
    """The box without a border of the top left pixel's colour; all of a picture that is one colour."""
    flat = image.convert("RGBA")
    corner = flat.getpixel((0, 0))
    apart = ImageChops.difference(flat, Image.new("RGBA", flat.size, corner)).convert("RGBA")
    strongest = np.asarray(apart).max(axis=2) > tolerance
    rows, columns = np.flatnonzero(strongest.any(1)), np.flatnonzero(strongest.any(0))
    if not len(rows):
        return 0, 0, *image.size
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def around(mask: Image.Image, margin: float) -> Box:
    """The box of what an L mask shows, with a margin in shares of its own sides. Raises ValueError if it is black."""
    box = mask.point(lambda value: 255 if value > 127 else 0).getbbox()
    if box is None:
        raise ValueError("the mask shows nothing to crop to")
    across, down = round((box[2] - box[0]) * margin), round((box[3] - box[1]) * margin)
    return (
        max(0, box[0] - across),
        max(0, box[1] - down),
        min(mask.width, box[2] + across),
        min(mask.height, box[3] + down),
    )


def rotate(image: Image.Image, degrees: float, color: str | None = None) -> Image.Image:
    """Turn clockwise; quarter turns move pixels, others resample and grow the canvas, transparent without a colour."""
    turns = degrees / 90
    if turns == round(turns):
        quarter = [
            None,
            Image.Transpose.ROTATE_270,
            Image.Transpose.ROTATE_180,
            Image.Transpose.ROTATE_90,
        ]
        step = quarter[round(turns) % 4]
        return image.copy() if step is None else image.transpose(step)
    turned = image.convert("RGBA").rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    if color is None:
        return turned
    return Image.alpha_composite(Image.new("RGBA", turned.size, color), turned).convert("RGB")


def straighten(image: Image.Image, degrees: float) -> Image.Image:
    """Turn clockwise by at most 45 degrees and keep the largest upright rectangle without corners."""
    if degrees == 0:
        return image.copy()
    width, height = image.size
    turned = image.rotate(-degrees, Image.Resampling.BICUBIC, expand=False)
    angle = math.radians(abs(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    short, long = min(width, height), max(width, height)
    if short <= 2 * sine * cosine * long:
        half = short / 2
        inner = (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    else:
        double = cosine**2 - sine**2
        inner = ((width * cosine - height * sine) / double, (height * cosine - width * sine) / double)
    # A pixel less on each side: the outermost were mixed with what lies beyond the picture.
    size = (max(1, min(width, int(inner[0])) - 2), max(1, min(height, int(inner[1])) - 2))
    return turned.crop(place_box(size, image.size, "middle"))


def tilt(image: Image.Image) -> float:
    """Degrees by which to turn a picture clockwise so that its lines lie level: the turn within 15 degrees either way
    at which the gradients' directions agree best with the two axes; 0 where no lines stand out."""
    small = image.convert("L")
    small.thumbnail((640, 640), Image.Resampling.BILINEAR)
    # A sharp edge is a staircase of pixels, whose steps point along the axes; a soft one points where it should.
    plane = np.asarray(small.filter(ImageFilter.GaussianBlur(2)), np.float32)
    down, across = (np.asarray(slope) for slope in np.gradient(plane))
    strength: npt.NDArray[np.float32] = np.hypot(across, down)
    strong = strength > max(float(np.quantile(strength, 0.9)), 4.0)
    if strong.sum() < 200:
        return 0.0
    # Modulo a quarter turn, in (-45, 45]: how far each edge is from the nearer axis.
    angles = (np.degrees(np.arctan2(down[strong], across[strong])) + 45) % 90 - 45
    counts, bounds = np.histogram(angles, bins=360, range=(-45, 45), weights=strength[strong])
    smooth = np.convolve(counts, np.hanning(7), mode="same")
    centres = (bounds[:-1] + bounds[1:]) / 2
    near = np.abs(centres) <= 15
    best = int(np.argmax(np.where(near, smooth, 0)))
    if smooth[best] < 2.5 * np.median(smooth[near]):
        return 0.0
    window = slice(max(0, best - 3), best + 4)
    found = float(np.average(centres[window], weights=counts[window] + 1e-6))
    return 0.0 if abs(found) < 0.3 else round(-found, 2)


def mirror(image: Image.Image, direction: str) -> Image.Image:
    """`horizontal` exchanges left and right, `vertical` top and bottom."""
    return ImageOps.mirror(image) if direction == "horizontal" else ImageOps.flip(image)


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Lanczos; transparent pixels do not bleed into their neighbours."""
    if image.mode != "RGBA":
        return image.resize(size, Image.Resampling.LANCZOS)
    return image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def on_canvas(
    image: Image.Image, size: tuple[int, int], place: str, fill: str, color: str = "white"
) -> Image.Image:
    """The picture, unscaled, on a canvas at least as large.

    Args:
        size: width and height of the canvas in pixels.
        place: where the picture lies, like `top left` or `middle`.
        fill: `color`, `transparent`, or `blur`: the picture itself, enlarged and blurred.
    """
    if fill == "transparent":
        canvas = Image.new("RGBA", size, (0, 0, 0, 0))
    elif fill == "blur":
        covering = ImageOps.fit(image.convert("RGB"), (max(1, size[0] // 8), max(1, size[1] // 8)))
        soft = covering.filter(ImageFilter.GaussianBlur(max(covering.size) / 30))
        canvas = soft.resize(size, Image.Resampling.BICUBIC)
    else:
        canvas = Image.new("RGB", size, color)
    left, top, _, _ = place_box(image.size, size, place)
    if image.mode == "RGBA" and canvas.mode == "RGB":
        canvas.paste(image, (left, top), image.getchannel("A"))
    else:
        canvas.paste(image.convert(canvas.mode), (left, top))
    return canvas
