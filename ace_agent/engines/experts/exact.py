"""The exact operations: crops, turns, sizes, tones, filters, frames. Pillow and numpy do the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageFilter

from ace_agent.engines.experts.expert import Expert, ExpertCall
from ace_agent.engines.experts.networks import run
from ace_agent.errors import InputError
from ace_agent.images import effects, geometry, layout, tone
from ace_agent.plan import operations as ops

if TYPE_CHECKING:
    import numpy.typing as npt

LARGEST = 100_000_000
"""Pixels of a result."""


class ExactOperations(Expert):
    """Operations with one right answer, at the picture's full size. A mask limits tones, filters, blur and pixels to
    what it shows; a crop keeps what it shows."""

    name = "exact"
    licence = "MIT-CMU (Pillow), BSD-3-Clause (enlarging)"
    megabytes = 1.3
    tasks = frozenset(ops.OPERATIONS) - {"background"}

    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """See `Expert.run`; an operation reports no region."""
        result = _RUN[call.task](call)
        return result, None


def _checked(width: int, height: int) -> tuple[int, int]:
    if width * height > LARGEST:
        raise InputError(
            f"the result would be {width} x {height}, more than {LARGEST // 10**6} megapixels", "ask for less"
        )
    return max(1, width), max(1, height)


def _crop(call: ExpertCall) -> Image.Image:
    image, options = call.images[0], cast(ops.Crop, call.options)
    width, height = image.size
    if options.box is not None:
        x0, y0, x1, y1 = options.box
        box = (round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height))
    elif options.cut:
        cut = options.cut
        box = (
            round(cut.get("left", 0) * width),
            round(cut.get("top", 0) * height),
            width - round(cut.get("right", 0) * width),
            height - round(cut.get("bottom", 0) * height),
        )
    elif options.trim:
        box = geometry.plain_border(image)
    elif options.size is not None:
        if options.size[0] > width or options.size[1] > height:
            raise InputError(
                f"a crop of {options.size[0]} x {options.size[1]} does not fit into {width} x {height}",
                "ask for a smaller one, or resize first",
            )
        box = geometry.place_box(options.size, image.size, options.place)
    elif call.mask is not None:
        try:
            box = geometry.around(call.mask, options.margin)
        except ValueError as error:
            raise InputError(str(error)) from None
        if options.aspect is not None:
            return _around_center(image, box, ops.ratio(options.aspect))
    elif options.aspect is not None:
        size = geometry.largest_inside(image.size, ops.ratio(options.aspect))
        box = geometry.place_box(size, image.size, options.place)
    else:
        raise InputError("what should be kept?", "name a shape (square, 16:9), a side to cut off, or a thing")
    if box[2] <= box[0] or box[3] <= box[1]:
        raise InputError("nothing would be left of the picture", "crop less")
    return image.crop(box)


def _around_center(image: Image.Image, box: geometry.Box, aspect: float) -> Image.Image:
    """A crop of an aspect ratio that holds `box` where it fits, around its centre."""
    width, height = box[2] - box[0], box[3] - box[1]
    wanted = (max(width, height * aspect), max(height, width / aspect))
    scale = min(1.0, image.width / wanted[0], image.height / wanted[1])
    size = (max(1, int(wanted[0] * scale)), max(1, int(wanted[1] * scale)))
    left = min(max(0, (box[0] + box[2] - size[0]) // 2), image.width - size[0])
    top = min(max(0, (box[1] + box[3] - size[1]) // 2), image.height - size[1])
    return image.crop((left, top, left + size[0], top + size[1]))


def _straighten(call: ExpertCall) -> Image.Image:
    image, options = call.images[0], cast(ops.Straighten, call.options)
    degrees = geometry.tilt(image) if options.degrees is None else options.degrees
    if degrees == 0 and options.degrees is None:
        raise InputError("no tilted lines were found", "say by how many degrees to turn it")
    return geometry.straighten(image, degrees)


def _resize(call: ExpertCall) -> Image.Image:
    image, options = call.images[0], cast(ops.Resize, call.options)
    width, height = image.size
    if options.scale is not None:
        scale = options.scale
    elif options.longest is not None:
        scale = options.longest / max(width, height)
    elif options.width is not None and options.height is not None:
        return geometry.resize(image, _checked(options.width, options.height))
    elif options.width is not None:
        scale = options.width / width
    else:
        scale = (options.height or height) / height
    return geometry.resize(image, _checked(round(width * scale), round(height * scale)))


def _canvas(call: ExpertCall) -> Image.Image:
    image, options = call.images[0], cast(ops.Canvas, call.options)
    width, height = image.size
    if options.size is not None:
        size = options.size
        if size[0] < width or size[1] < height:
            image = geometry.resize(image, _fitting(image.size, size))
    elif options.margin is not None:
        border = round(options.margin * max(width, height))
        size = (width + 2 * border, height + 2 * border)
    else:
        aspect = ops.ratio(options.aspect or "1")
        size = (max(width, round(height * aspect)), max(height, round(width / aspect)))
    return geometry.on_canvas(image, _checked(*size), options.place, options.fill, options.color)


def _fitting(inner: tuple[int, int], outer: tuple[int, int]) -> tuple[int, int]:
    scale = min(outer[0] / inner[0], outer[1] / inner[1], 1.0)
    return max(1, round(inner[0] * scale)), max(1, round(inner[1] * scale))


_BY_NETWORK = 400_000
"""Pixels up to which the network enlarges: it takes 12 s of one core for these."""
_NETWORK_SHARE = 0.65
"""The network draws clean edges and paints over fine texture, which plain enlarging keeps."""
_TILE, _OVERLAP = 192, 12


def _upscale(call: ExpertCall) -> Image.Image:
    """Lanczos and sharpening; a picture of up to `_BY_NETWORK` pixels is mixed with what Real-ESRGAN makes of it."""
    image, factor = call.images[0], cast(ops.Upscale, call.options).factor
    size = _checked(image.width * factor, image.height * factor)
    if image.width * image.height > _BY_NETWORK:
        large = image.resize(size, Image.Resampling.BICUBIC)
        return tone.on_colors(large, lambda picture: picture.filter(_SHARPER))
    large = geometry.resize(image, size)
    plain = tone.on_colors(large, lambda picture: picture.filter(ImageFilter.UnsharpMask(factor, 70, 2)))
    drawn = _enlarged(image.convert("RGB")).resize(size, Image.Resampling.LANCZOS)
    mixed = Image.blend(plain.convert("RGB"), drawn, _NETWORK_SHARE)
    if image.mode == "RGBA":
        mixed.putalpha(plain.getchannel("A"))
    return mixed


_SHARPER = ImageFilter.Kernel((3, 3), (-1, -2, -1, -2, 22, -2, -1, -2, -1), 10)


def _enlarged(image: Image.Image) -> Image.Image:
    """Four times the size, by Real-ESRGAN's compact network, a tile at a time."""
    pixels = np.asarray(image, np.float32) / 255
    large = Image.new("RGB", (image.width * 4, image.height * 4))
    for top in range(0, image.height, _TILE):
        for left in range(0, image.width, _TILE):
            y, x = max(0, top - _OVERLAP), max(0, left - _OVERLAP)
            part = pixels[y : top + _TILE + _OVERLAP, x : left + _TILE + _OVERLAP]
            (made,) = run("realesr-x4", np.ascontiguousarray(part.transpose(2, 0, 1)[None]))
            tile = Image.fromarray((made[0].clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
            right, bottom = min(_TILE, image.width - left), min(_TILE, image.height - top)
            inner = ((left - x) * 4, (top - y) * 4, (left - x + right) * 4, (top - y + bottom) * 4)
            large.paste(tile.crop(inner), (left * 4, top * 4))
    return large


def _rotate(call: ExpertCall) -> Image.Image:
    options = cast(ops.Rotate, call.options)
    return geometry.rotate(call.images[0], options.degrees, options.color)


def _flip(call: ExpertCall) -> Image.Image:
    return geometry.mirror(call.images[0], cast(ops.Flip, call.options).direction)


def _within(call: ExpertCall, changed: Image.Image) -> Image.Image:
    """The change where the mask is white; every other pixel as it was."""
    base = call.images[0]
    if call.mask is None:
        return changed
    return Image.composite(changed, base, call.mask.convert("L"))


def _adjust(call: ExpertCall) -> Image.Image:
    options = cast(ops.Adjust, call.options)
    return _within(call, tone.adjust(call.images[0], **options.model_dump()))


def _filter(call: ExpertCall) -> Image.Image:
    options = cast(ops.Filter, call.options)
    return _within(call, effects.apply_filter(call.images[0], options.name, options.strength))


def _blur_region(call: ExpertCall) -> Image.Image:
    radius = cast(ops.BlurRegion, call.options).radius * max(call.images[0].size)
    return effects.blur_inside(call.images[0], call.mask, radius)


def _pixelate_region(call: ExpertCall) -> Image.Image:
    block = max(2, round(cast(ops.PixelateRegion, call.options).block * max(call.images[0].size)))
    return effects.pixelate_inside(call.images[0], call.mask, block)


def _frame(call: ExpertCall) -> Image.Image:
    image, options = call.images[0], cast(ops.Frame, call.options)
    width = max(1, round(options.width * max(image.size)))
    _checked(image.width + 2 * width, image.height + 5 * width)
    return layout.frame(image, options.style, width, options.color)


def _collage(call: ExpertCall) -> Image.Image:
    options = cast(ops.Collage, call.options)
    return layout.collage(call.images, options.columns, options.gap, options.color, options.labels)


def _watermark(call: ExpertCall) -> Image.Image:
    image, options = call.images[0], cast(ops.Watermark, call.options)
    if len(call.images) > 1:
        mark = call.images[1]
    elif options.text:
        mark = layout.text_mark(options.text, options.color, max(16, image.width // 12))
    else:
        raise InputError("what should the watermark be?", "give its words, or a second picture")
    return layout.watermark(image, mark, options.place, options.opacity, options.size)


_RUN: dict[str, Callable[[ExpertCall], Image.Image]] = {
    "crop": _crop,
    "rotate": _rotate,
    "straighten": _straighten,
    "flip": _flip,
    "resize": _resize,
    "canvas": _canvas,
    "adjust": _adjust,
    "filter": _filter,
    "blur_region": _blur_region,
    "pixelate_region": _pixelate_region,
    "frame": _frame,
    "collage": _collage,
    "watermark": _watermark,
    "upscale": _upscale,
}
