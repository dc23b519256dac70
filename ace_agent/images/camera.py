"""What a camera wrote beside the pixels and an edited photograph keeps: colour profile, EXIF, resolution."""

from __future__ import annotations

import binascii
import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image

_STALE = (0x0201, 0x0202)
"""The thumbnail."""
_LAYOUT = range(0x0100, 0x011D)
"""Size, orientation, description and layout of the pixels, which an edit makes wrong; but the camera's name is here."""
_KEPT_LAYOUT = (0x010F, 0x0110)
_STALE_INSIDE = (0xA002, 0xA003, 0x927C)
"""The size again, and the maker's note, whose inner offsets do not survive rewriting."""
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
MOST_EXIF, MOST_ICC = 40_000, 2_000_000
_INCH = 0.0254


@dataclass(frozen=True)
class Camera:
    """The colour profile (ICC), the EXIF block without what an edit makes stale, and pixels an inch; empty or None
    where there is none."""

    icc: bytes = b""
    exif: bytes = b""
    dpi: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.icc or self.exif or self.dpi)

    def options(self) -> dict[str, Any]:
        """Arguments of Pillow's `save` for the profile and the resolution."""
        options: dict[str, Any] = {}
        if self.icc:
            options["icc_profile"] = self.icc
        if self.dpi:
            options["dpi"] = self.dpi
        return options


def camera_of(image: Image.Image) -> Camera:
    """What an opened picture carries; nothing of what is damaged or too large."""
    icc = image.info.get("icc_profile") or b""
    return Camera(
        icc if isinstance(icc, bytes) and len(icc) <= MOST_ICC and image.mode != "CMYK" else b"",
        _exif_of(image),
        _dpi_of(image.info.get("dpi")),
    )


def _dpi_of(dpi: Any) -> tuple[float, float] | None:
    """Pixels an inch across and down; None for what says nothing, such as 1."""
    if not isinstance(dpi, tuple) or len(dpi) != 2 or not all(2 <= float(side) <= 20_000 for side in dpi):
        return None
    return float(dpi[0]), float(dpi[1])


def _exif_of(image: Image.Image) -> bytes:
    try:
        exif = image.getexif()
        if not exif:
            return b""
        inside, place = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
        kept = Image.Exif()
        kept.update(
            {
                tag: value
                for tag, value in exif.items()
                if tag not in (*_STALE, _EXIF_IFD, _GPS_IFD) and (tag not in _LAYOUT or tag in _KEPT_LAYOUT)
            }
        )
        for number, tags in ((_EXIF_IFD, inside), (_GPS_IFD, place)):
            rest = {tag: value for tag, value in tags.items() if tag not in _STALE_INSIDE}
            if rest:
                kept.get_ifd(number).update(rest)
        data = kept.tobytes() if kept or inside or place else b""
    except (
        OSError,
        SyntaxError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        struct.error,
        ZeroDivisionError,
    ):
        return b""
    return data if len(data) <= MOST_EXIF else b""


def with_camera(png: bytes, camera: Camera) -> bytes:
    """A PNG that carries what the camera wrote; its pixels are not encoded again."""
    if not camera:
        return png
    chunks = b""
    if camera.icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(camera.icc, 9))
    if camera.dpi:
        across, down = (round(side / _INCH) for side in camera.dpi)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if camera.exif:
        chunks += _chunk(b"eXIf", camera.exif.removeprefix(b"Exif\0\0"))
    header = 8 + 12 + 13  # signature and IHDR, after which they must stand
    return png[:header] + chunks + png[header:]


def camera_in(png: bytes) -> Camera:
    """What `with_camera` put into a PNG."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return camera_of(image)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", binascii.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum
