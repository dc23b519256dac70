"""Brings results from the model's size to the user's without losing what was not to change. Pure functions on pictures;
docs/design.md, "Fidelity".

Letters: H, W the picture's height and width in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ace_agent.plan import Region

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels, right and bottom excluded."""
Array = npt.NDArray[np.float32]

CHANGED = 0.25
"""Share of a pixel that the model repainted from which it counts as changed."""
FEATHER = 0.015
"""Width of the feathered edge inside a region, as a share of the region's longer side."""
MAX_FEATHER = 12
CONTEXT = 0.5
"""Margin of a crop around a region on each side, as a share of the region's longer side."""
BLANK = "#808080"
"""Colour of areas to be repainted; the models were trained with it."""
WHOLE = 0.6
"""A region that covers more of the picture than this is edited in the whole picture, not in a crop."""


@dataclass(frozen=True)
class View:
    """How a part of a picture is fitted to the model: `box` of the picture, resized to `inner` inside a square of
    `side` pixels, padded by repeating the border."""

    box: Box
    inner: Box
    side: int

    @property
    def scale(self) -> float:
        """Model pixels per picture pixel."""
        return (self.inner[2] - self.inner[0]) / (self.box[2] - self.box[0])


def view_of(box: Box, side: int) -> View:
    """`box` fitted into the model's square at its own aspect ratio."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = side / max(width, height)
    inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side - inner_width) // 2, (side - inner_height) // 2
    return View(box, (left, top, left + inner_width, top + inner_height), side)


def to_model_view(image: Image.Image, view: View) -> Image.Image:
    """The view of a picture, RGB [side, side]. Transparent parts lie on white."""
    part = on_white(image.crop(view.box))
    width, height = view.inner[2] - view.inner[0], view.inner[3] - view.inner[1]
    part = resized(part, (width, height))
    left, top = view.inner[:2]
    pixels = np.asarray(part)
    rest = ((top, view.side - top - height), (left, view.side - left - width), (0, 0))
    return Image.fromarray(np.pad(pixels, rest, mode="edge"))


def mask_to_model_view(mask: Image.Image, view: View) -> Image.Image:
    """The view of a mask, L [side, side]; the padding is 0, because nothing changes there."""
    width, height = view.inner[2] - view.inner[0], view.inner[3] - view.inner[1]
    part = mask.convert("L").crop(view.box).resize((width, height), Image.Resampling.BOX)
    # A thin stroke must not vanish when the mask is shrunk.
    part = part.point(lambda value: 255 if value >= 64 else 0)
    shown = Image.new("L", (view.side, view.side), 0)
    shown.paste(part, view.inner[:2])
    return shown


def from_model_view(result: Image.Image, view: View) -> Image.Image:
    """The model's square result without its padding, RGB of `view.box`'s size."""
    size = (view.box[2] - view.box[0], view.box[3] - view.box[1])
    return resized(result.convert("RGB").crop(view.inner), size)


def region_from_model_view(region: Array, view: View) -> Array:
    """A region float32 [side, side] without its padding, at `view.box`'s size."""
    size = (view.box[2] - view.box[0], view.box[3] - view.box[1])
    left, top, right, bottom = view.inner
    part = Image.fromarray(np.ascontiguousarray(region[top:bottom, left:right], dtype=np.float32))
    return np.asarray(part.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def blank_masked(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with grey under the mask, as repainting starts."""
    return Image.composite(Image.new("RGB", image.size, BLANK), image.convert("RGB"), clean_mask(mask))


def on_white(image: Image.Image) -> Image.Image:
    """RGB."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resized with Lanczos; the picture itself where it has that size already."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def with_alpha_of(image: Image.Image, base: Image.Image) -> Image.Image:
    """The base picture's transparency, carried through unchanged."""
    if base.mode != "RGBA" or base.size != image.size:
        return image
    kept = image.convert("RGB").convert("RGBA")
    kept.putalpha(base.getchannel("A"))
    return kept


def draw_region(region: Region, size: tuple[int, int]) -> Image.Image:
    """A box, an ellipse or a side as a mask L of `size`, 255 inside."""
    width, height = size
    box, ellipse = region.box, region.ellipse
    if region.side is not None:
        box = {
            "left": (0.0, 0.0, 0.5, 1.0),
            "right": (0.5, 0.0, 1.0, 1.0),
            "top": (0.0, 0.0, 1.0, 0.5),
            "bottom": (0.0, 0.5, 1.0, 1.0),
            "middle": (0.25, 0.25, 0.75, 0.75),
        }[region.side]
    mask = Image.new("L", size, 0)
    corners = box or ellipse
    assert corners is not None, "a region has one shape"
    left, top = min(round(corners[0] * width), width - 1), min(round(corners[1] * height), height - 1)
    right, bottom = max(round(corners[2] * width), left + 1), max(round(corners[3] * height), top + 1)
    pencil = ImageDraw.Draw(mask)
    if box is not None:
        pencil.rectangle((left, top, right - 1, bottom - 1), fill=255)
    else:
        pencil.ellipse((left, top, right - 1, bottom - 1), fill=255)
    return ImageChops.invert(mask) if region.inverted else mask


def clean_mask(mask: Image.Image) -> Image.Image:
    """L, thresholded to 0 and 255 at half."""
    return mask.convert("L").point(lambda value: 255 if value >= 128 else 0)


def found_region(changed: Array, before: Image.Image, after: Image.Image) -> Image.Image:
    """The region that a model found, as a mask L: where it repainted (`changed`, float32 [H, W] in 0..1) and the result
    visibly differs, grown by a few pixels to take in soft edges and shadows."""
    difference = np.asarray(ImageChops.difference(before.convert("RGB"), after.convert("RGB"))).max(axis=2)
    mask = Image.fromarray(((changed > CHANGED) & (difference > 6)).astype(np.uint8) * 255)
    # Specks are sampling noise, not parts of the edit.
    mask = mask.filter(ImageFilter.MedianFilter(3))
    grow = max(1, round(max(mask.size) / 64))
    return mask.filter(ImageFilter.MaxFilter(2 * grow + 1))


def coverage(mask: Image.Image) -> float:
    """Share of the picture that a mask covers."""
    return float((np.asarray(mask) > 0).mean())


def crop_around(mask: Image.Image, at_least: int) -> Box | None:
    """A box around a mask with a margin, as square as the picture allows; None for an empty mask.

    `at_least` is the model's own size: a smaller crop would be enlarged, which gains nothing.
    """
    found = mask.getbbox()
    if found is None:
        return None
    width, height = mask.size
    left, top, right, bottom = found
    wanted = max(right - left, bottom - top)
    side = max(at_least, round(wanted * (1 + 2 * CONTEXT)))
    box_width, box_height = min(side, width), min(side, height)
    box_left = min(max((left + right - box_width) // 2, 0), width - box_width)
    box_top = min(max((top + bottom - box_height) // 2, 0), height - box_height)
    return (
        min(box_left, left),
        min(box_top, top),
        max(box_left + box_width, right),
        max(box_top + box_height, bottom),
    )


def feather_weights(mask: Image.Image) -> Array:
    """Weights float32 [H, W] of the new picture: 0 outside the mask, rising to 1 inside it."""
    weights = np.zeros((mask.height, mask.width), np.float32)
    found = mask.getbbox()
    if found is None:
        return weights
    left, top, right, bottom = found
    # Beyond the picture's border there is nothing to blend into, so the mask is continued there.
    inside = np.pad(np.asarray(mask.crop(found)) > 0, 1)
    inside[0, 1:-1] = inside[1, 1:-1] if top == 0 else False
    inside[-1, 1:-1] = inside[-2, 1:-1] if bottom == mask.height else False
    inside[:, 0] = inside[:, 1] if left == 0 else False
    inside[:, -1] = inside[:, -2] if right == mask.width else False
    width = min(MAX_FEATHER, max(1, round(FEATHER * max(right - left, bottom - top))))
    depth = np.zeros(inside.shape, np.float32)
    layer = Image.fromarray(inside.astype(np.uint8) * 255)
    for _ in range(width):
        depth += np.asarray(layer) > 0
        layer = layer.filter(ImageFilter.MinFilter(3))
    # In a region thinner than twice the feathered edge, the middle is still fully new.
    deepest = max(1.0, float(depth.max()))
    weights[top:bottom, left:right] = np.minimum(1.0, depth / deepest)[1:-1, 1:-1]
    return weights


def composite(
    base: Image.Image, new: Image.Image, mask: Image.Image, *, feathered: bool = True
) -> Image.Image:
    """The new picture inside the mask, and outside it the base picture bit for bit, alpha included.

    Without `feathered` the new picture begins at the mask's edge in full, for a base that holds nothing inside it.

    All three have one size; `base` is RGB or RGBA and gives the mode of the result.
    """
    weights = (feather_weights(mask) if feathered else np.asarray(mask, dtype=np.float32) / 255)[..., None]
    old = np.asarray(base.convert("RGB"), dtype=np.float32)
    mixed = old + weights * (np.asarray(new.convert("RGB"), dtype=np.float32) - old)
    pixels = np.asarray(base).copy()
    touched = weights[..., 0] > 0
    pixels[..., :3][touched] = np.clip(np.rint(mixed[touched]), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def paste_part(base: Image.Image, part: Image.Image, box: Box) -> Image.Image:
    """The base picture with `part` in place of `box`."""
    whole = base.convert("RGB").copy()
    whole.paste(part.convert("RGB"), box[:2])
    return whole


def add_difference(base: Image.Image, seen: Image.Image, result: Image.Image, view: View) -> Image.Image:
    """The base picture plus the model's change, enlarged, so that the base keeps its detail.

    `seen` and `result` are RGB [side, side], the model's input and output. Where nothing changed
    the base picture comes back bit for bit.
    """
    left, top, right, bottom = view.inner
    size = base.size
    before = np.asarray(seen, dtype=np.float32)[top:bottom, left:right]
    after = np.asarray(result, dtype=np.float32)[top:bottom, left:right]
    change = np.stack(
        [
            np.asarray(Image.fromarray(after[..., c] - before[..., c]).resize(size, Image.Resampling.BICUBIC))
            for c in range(3)
        ],
        axis=-1,
    )
    old = np.asarray(base.convert("RGB"), dtype=np.float32)
    mixed = np.clip(np.rint(old + change), 0, 255).astype(np.uint8)
    return with_alpha_of(Image.fromarray(mixed), base)


def expand_canvas(
    base: Image.Image, side: str | None, size: tuple[int, int] | None, mask: Image.Image | None
) -> tuple[Image.Image, Image.Image]:
    """For outpainting: the base picture on its larger canvas, and the mask of what is new, both of one size.

    `mask` of a larger size gives the canvas and, by its black part's corner, the place; one of the picture's
    own size says that the picture is the canvas already. Else `side` grows by half the picture, `middle` (or
    none) a quarter all around, or to `size`. Raises ValueError where the picture does not fit.
    """
    if mask is not None:
        mask = clean_mask(mask)
        if mask.size == base.size:
            return base, mask
        hole = ImageChops.invert(mask).getbbox()
        if hole is None or (hole[2] - hole[0], hole[3] - hole[1]) != base.size:
            raise ValueError(
                f"the black part of the mask is where the picture goes: {base.width} x {base.height} pixels"
            )
        at, canvas = hole[:2], mask.size
    else:
        more_x = base.width // 2 if side in ("left", "right", "middle", None) else 0
        more_y = base.height // 2 if side in ("top", "bottom", "middle", None) else 0
        canvas = size or (base.width + more_x, base.height + more_y)
        if canvas[0] < base.width or canvas[1] < base.height:
            raise ValueError(f"the wider picture cannot be smaller than {base.width} x {base.height}")
        free_x, free_y = canvas[0] - base.width, canvas[1] - base.height
        at = (
            {"left": free_x, "right": 0}.get(side or "", free_x // 2),
            {"top": free_y, "bottom": 0}.get(side or "", free_y // 2),
        )
    ground = Image.new(base.mode, canvas, BLANK)
    ground.paste(base, at)
    new = Image.new("L", canvas, 255)
    new.paste(0, (*at, at[0] + base.width, at[1] + base.height))
    return ground, new
