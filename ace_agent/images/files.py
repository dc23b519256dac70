"""Safe reading of any image file, and PNGs that carry their recipe."""

from __future__ import annotations

import binascii
import io
import json
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ace_agent.errors import InputError
from ace_agent.images.camera import Camera, camera_of

MAX_PIXELS = 100_000_000
"""300 MB as RGB; today's largest cameras have 100 megapixels."""
MAX_FILE = 500_000_000
MIN_SIDE = 16
RECIPE_KEY = "ace-recipe"
_READ = (
    "PNG", "JPEG", "MPO", "WEBP", "TIFF", "GIF", "BMP", "DIB", "PPM", "AVIF", "HEIF", "ICO", "TGA", "JPEG2000",
)  # fmt: skip
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"

Source = Path | str | bytes | Image.Image


@dataclass(frozen=True)
class Read:
    """An upright picture, RGB or RGBA with 8 bits a channel; `notices` list the conversions that lost something.

    `camera` is what a photograph carries beside its pixels.
    """

    image: Image.Image
    notices: tuple[str, ...] = ()
    camera: Camera = field(default_factory=Camera)


def readable_formats() -> tuple[str, ...]:
    """The formats that files are read as, whatever their names end in. Pillow knows more, and hands PostScript to
    Ghostscript, which runs what is in it."""
    Image.init()
    return tuple(name for name in _READ if name in Image.OPEN)


def read_picture(source: Source) -> Read:
    """Read a file, its bytes or a PIL image of any mode.

    EXIF rotation is applied, palettes and grey become RGB, transparency becomes RGBA, 16 bits become 8 with a
    notice. Raises InputError for a file that is missing, empty, truncated or no image, that is under 16 px a side, or
    that has more than 100 megapixels (by its header, before decoding).
    """
    if isinstance(source, Image.Image):
        _check_size(source, "the picture")
        return _normal(source, 8)
    name, data = _data(source)
    if data[4:8] == b"ftyp":
        _with_heif()
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; we have a limit of our own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=readable_formats()) as image:
                _check_size(image, name)
                frames = getattr(image, "n_frames", 1)
                image.load()
                camera = camera_of(image)
                read = replace(_normal(image, _depth(data)), camera=camera)
    except Image.DecompressionBombError:
        raise InputError(
            f"{name} has more than {MAX_PIXELS // 10**6} megapixels", "make it smaller first"
        ) from None
    except UnidentifiedImageError:
        what, way_out = _unread(data)
        raise InputError(f"{name} is {what}", way_out) from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        KeyError,
        IndexError,
        TypeError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} is damaged or cut off ({reason})", "save or fetch it again") from None
    if frames > 1:
        return replace(read, notices=(*read.notices, f"{name} has {frames} frames; the first is used"))
    return read


_HEIF = frozenset((b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"))


def _unread(data: bytes) -> tuple[str, str]:
    """What bytes that Pillow does not read are, and the way out."""
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF:
        return "a HEIC photograph, which needs one more package", "pip install pillow-heif"
    if data[:4] in (b"%!PS", b"\xc5\xd0\xd3\xc6"):
        return "a PostScript file", "save it as PNG first"
    if data[:5] == b"%PDF-":
        return "a PDF", "save its page as PNG first"
    if b"<svg" in data[:1000].lower():
        return "an SVG drawing", "save it as PNG first"
    if data[4:8] == b"ftyp" or data[:4] == b"\x1aE\xdf\xa3":
        return "a video", "save a frame of it as PNG first"
    return "not a picture that can be read", "use PNG, JPEG, WebP or TIFF"


def _with_heif() -> None:
    """HEIC is read where pillow-heif is installed."""
    import importlib.util

    if importlib.util.find_spec("pillow_heif") is not None:
        from pillow_heif import register_heif_opener

        register_heif_opener()


def read_mask(source: Source) -> Image.Image:
    """A mask as L, white = region to change.

    Of a transparent picture that is what was painted, if it is painted in one bright colour, else what was erased. Of
    any other it is its brightness, of the strongest channel, brought to white: a red or a grey mask is a mask.
    """
    image = read_picture(source).image
    if image.mode == "RGBA":
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() < 255:
            painted = np.asarray(image.convert("RGB"))[alpha > 127]
            bright = len(painted) and painted.min(0).max() > 127 and int(np.ptp(painted, axis=0).max()) < 40
            return Image.fromarray(alpha if bright else 255 - alpha)
    strongest = np.asarray(image.convert("RGB")).max(-1)
    most = int(strongest.max())
    if _LEAST_WHITE <= most < 255:
        strongest = (strongest.astype(np.float32) * (255 / most) + 0.5).astype(np.uint8)
    return Image.fromarray(strongest)


_LEAST_WHITE = 16
"""A mask whose brightest pixel is darker is black."""


def encode_png(image: Image.Image, recipe: Mapping[str, Any] | None = None) -> bytes:
    """The PNG of an L, RGB or RGBA picture; the same pixels give the same bytes."""
    stream = io.BytesIO()
    # Pillow's default, level 6: small files that are the same everywhere, at 0.1 s a megapixel.
    clean = image.copy()
    clean.info.clear()
    clean.save(stream, "PNG")
    data = stream.getvalue()
    return data if recipe is None else embed_recipe(data, recipe)


FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""What pictures are written as, by the end of the file's name."""
LOSSY = frozenset({"JPEG", "WEBP"})
_DESCRIPTION = 0x010E  # EXIF ImageDescription, which every one of these formats holds
_MOST_EXIF = 60_000


def format_of(path: Path) -> str:
    """The format that a file's name asks for. Raises InputError for one that is not written."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise InputError(
            f"{path} does not end in {', '.join(FORMATS)}", "give a name that does, or an existing folder"
        )
    return found


def encode_as(
    image: Image.Image, kind: str, recipe: Mapping[str, Any] | None = None, camera: Camera | None = None
) -> bytes:
    """A picture as JPEG, WebP or TIFF, at a quality that shows no loss, with its recipe in the EXIF description, and
    what the camera wrote.

    JPEG knows no transparency: what is clear becomes white. A recipe too long for JPEG's EXIF is left out.
    """
    clean = image.copy()
    clean.info.clear()
    if kind == "JPEG" and clean.mode == "RGBA":
        white = Image.new("RGB", clean.size, "white")
        white.paste(clean, mask=clean.getchannel("A"))
        clean = white
    exif = Image.Exif()
    if camera is not None and camera.exif:
        exif.load(camera.exif)
        if kind == "TIFF":  # Pillow cannot write the inner blocks there
            for block in (0x8769, 0x8825):
                exif.pop(block, None)
    text = "" if recipe is None else f"{RECIPE_KEY}:{json.dumps(recipe, separators=(',', ':'))}"
    if text and len(text) < _MOST_EXIF:
        exif[_DESCRIPTION] = text
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"quality": 95, "method": 4},
        "TIFF": {"compression": "tiff_deflate"},
    }
    stream = io.BytesIO()
    carried = camera.options() if camera is not None else {}
    if kind == "WEBP":
        carried.pop("dpi", None)
    clean.save(stream, kind, exif=exif, **options[kind], **carried)
    return stream.getvalue()


def embed_recipe(png: bytes, recipe: Mapping[str, Any]) -> bytes:
    """Put a recipe into a PNG as an iTXt chunk before its end, without re-encoding the pixels."""
    if not png.startswith(_SIGNATURE) or not png.endswith(_END):
        raise InputError("not a PNG, which is what a recipe goes into")
    text = json.dumps(recipe, ensure_ascii=False, separators=(",", ":")).encode()
    body = b"iTXt" + RECIPE_KEY.encode() + b"\0" + b"\0\0" + b"\0\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", binascii.crc32(body))
    return png[: -len(_END)] + chunk + _END


def read_recipe(source: Path | bytes) -> dict[str, Any]:
    """The recipe in a picture that ace wrote. Raises InputError for a file without one, or of another version."""
    name, data = _data(source)
    found = _text_chunk(data) if data.startswith(_SIGNATURE) else _exif_recipe(data)
    if found is None:
        raise InputError(
            f"{name} holds no recipe", "it was written by another program, or with --no-metadata"
        )
    try:
        recipe = json.loads(found)
    except (ValueError, RecursionError):
        raise InputError(f"{name} holds a damaged recipe") from None
    if not isinstance(recipe, dict) or recipe.get("format") != 1:
        version = recipe.get("format") if isinstance(recipe, dict) else None
        raise InputError(
            f"{name} holds a recipe of format {version!r}", "upgrade with pip install -U ace-agent"
        )
    return recipe


def _exif_recipe(data: bytes) -> bytes | None:
    try:
        with Image.open(io.BytesIO(data), formats=sorted(set(FORMATS.values()))) as image:
            text = str(image.getexif().get(_DESCRIPTION, ""))
    except (OSError, SyntaxError, ValueError, KeyError, struct.error):
        return None
    head = f"{RECIPE_KEY}:"
    return text[len(head) :].encode() if text.startswith(head) else None


def is_lossy(source: Path | bytes) -> bool:
    """Whether a picture's pixels may differ from those that were written: it is a JPEG or a WebP."""
    _, data = _data(source)
    return data[:3] == b"\xff\xd8\xff" or data[8:12] == b"WEBP"


def side_by_side(left: Image.Image, right: Image.Image, gap: int = 8) -> Image.Image:
    """Two pictures beside each other on white, scaled to the height of the taller one."""
    height = max(left.height, right.height)
    scaled = [
        image.convert("RGB").resize(
            (max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS
        )
        if image.height != height
        else image.convert("RGB")
        for image in (left, right)
    ]
    sheet = Image.new("RGB", (scaled[0].width + gap + scaled[1].width, height), "white")
    sheet.paste(scaled[0], (0, 0))
    sheet.paste(scaled[1], (scaled[0].width + gap, 0))
    return sheet


def _data(source: Path | str | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "the picture", source
    path = Path(source)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder", "give a picture")
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{path} is not a regular file", "save it to a file first")
        if size == 0:
            raise InputError(f"{path} is empty", "save or fetch it again")
        if size > MAX_FILE:
            raise InputError(f"{path} is larger than {MAX_FILE // 10**6} MB", "make it smaller first")
        return str(path), path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{str(path)!r} cannot be read: {reason}") from None


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{name} is {image.width} x {image.height}, more than {MAX_PIXELS // 10**6} megapixels",
            "make it smaller first",
        )
    if min(image.size) < MIN_SIDE:
        raise InputError(
            f"{name} is {image.width} x {image.height}; each side needs {MIN_SIDE} pixels at least",
            "enlarge it first",
        )


def _depth(data: bytes) -> int:
    """Bits a channel, from a PNG's header: Pillow silently reads 16-bit RGB as 8-bit."""
    return data[24] if data.startswith(_SIGNATURE) and len(data) > 24 else 8


def _normal(image: Image.Image, depth: int) -> Read:
    notices: tuple[str, ...] = ()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image).astype(np.float64)
        if image.mode == "F" and values.max() <= 1:
            values = values * 255
        elif values.max() > 255:
            values = values / 257
        image = Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
        depth = 16
    if depth > 8:
        notices = ("the picture has more than 8 bits a channel; it is edited with 8",)
    transparent = "A" in image.getbands() or "transparency" in image.info or image.mode in ("La", "RGBa")
    image = image.convert("RGBA" if transparent else "RGB")
    image.info.clear()
    return Read(image, notices)


def _text_chunk(data: bytes) -> str | None:
    """The last recipe chunk of a PNG, without decoding its pixels."""
    at = len(_SIGNATURE)
    found = None
    prefix = RECIPE_KEY.encode() + b"\0"
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"iTXt" and body.startswith(prefix):
            found = body[len(prefix) + 4 :].decode(errors="replace")
        at += 12 + length
    return found
