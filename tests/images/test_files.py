"""Unusual and broken image files, and recipes."""

from __future__ import annotations

import os
import struct
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps

from ace_agent.errors import InputError
from ace_agent.files import write_file
from ace_agent.images.files import (
    MAX_PIXELS,
    embed_recipe,
    encode_as,
    encode_png,
    format_of,
    is_lossy,
    read_mask,
    read_picture,
    read_recipe,
    side_by_side,
)


def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its data does not have."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def test_an_opaque_picture_is_read_unchanged(tmp_path: Path) -> None:
    pixels = noise(20, 30, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = read_picture(tmp_path / "a.png")
    assert read.notices == ()
    assert read.image.mode == "RGB"
    assert np.array_equal(np.asarray(read.image), pixels)


def test_alpha_palette_and_grey_become_rgb_or_rgba(tmp_path: Path) -> None:
    pixels = noise(20, 20, 4)
    Image.fromarray(pixels).save(tmp_path / "rgba.png")
    assert np.array_equal(np.asarray(read_picture(tmp_path / "rgba.png").image), pixels)
    Image.fromarray(noise(20, 20, 3)).quantize(16).save(tmp_path / "palette.png")
    assert read_picture(tmp_path / "palette.png").image.mode == "RGB"
    Image.fromarray(noise(20, 20, 3)).quantize(16).save(tmp_path / "clear.gif", transparency=0)
    assert read_picture(tmp_path / "clear.gif").image.mode == "RGBA"
    Image.fromarray(noise(20, 20)).save(tmp_path / "grey.png")
    assert read_picture(tmp_path / "grey.png").image.mode == "RGB"
    Image.fromarray(noise(20, 20, 4)).convert("LA").save(tmp_path / "la.png")
    assert read_picture(tmp_path / "la.png").image.mode == "RGBA"
    Image.fromarray(noise(20, 20, 4), "CMYK").save(tmp_path / "print.jpg")
    assert read_picture(tmp_path / "print.jpg").image.mode == "RGB"


def test_sixteen_bits_become_eight_with_a_notice(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "deep.png")
    read = read_picture(tmp_path / "deep.png")
    assert "8 bits" in read.notices[0]
    assert np.array_equal(np.asarray(read.image)[..., 0], np.round(values / 257))


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(noise(20, 40, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    read = read_picture(tmp_path / "turned.png").image
    assert read.size == (20, 40)
    assert np.array_equal(np.asarray(read), np.rot90(np.asarray(image), -1))


def test_a_huge_picture_is_refused_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(png_header(20_000, 20_000))
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"huge\.png"):
        read_picture(tmp_path / "huge.png")
    assert time.perf_counter() - start < 1
    (tmp_path / "large.png").write_bytes(png_header(MAX_PIXELS // 1000 + 1, 1000))
    with pytest.raises(InputError, match=r"megapixels.*smaller"):
        read_picture(tmp_path / "large.png")


@pytest.mark.parametrize(
    "case", ["missing", "empty", "text", "cut", "folder", "tiny", "header", "nul", "wrong"]
)
def test_files_that_are_no_pictures_are_a_one_line_error(tmp_path: Path, case: str) -> None:
    whole = encode_png(Image.fromarray(noise(40, 40, 3)))
    data = {
        "empty": b"",
        "text": b"hello there, this is text\n" * 9,
        "cut": whole[: len(whole) // 2],
        "tiny": encode_png(Image.new("RGB", (7, 7))),
        "header": whole[:20],
        "wrong": png_header(64, 64),
    }
    path = tmp_path / "nul\0.png" if case == "nul" else tmp_path / f"{case}.png"
    if case == "folder":
        path.mkdir()
    elif case in data:
        path.write_bytes(data[case])
    with pytest.raises(InputError) as error:
        read_picture(path)
    assert "\n" not in str(error.value)
    assert case == "nul" or case in str(error.value)


def test_a_mask_is_brightness_or_inverted_alpha(tmp_path: Path) -> None:
    assert read_mask(Image.new("RGB", (20, 20), "white")).getextrema() == (255, 255)
    erased = Image.new("RGBA", (20, 20), (0, 0, 0, 255))
    erased.paste((0, 0, 0, 0), (0, 0, 10, 20))
    assert read_mask(erased).getpixel((5, 5)) == 255
    assert read_mask(erased).getpixel((15, 5)) == 0


def test_recipes_are_embedded_and_read_back_without_changing_pixels(tmp_path: Path) -> None:
    image = Image.fromarray(noise(20, 20, 4))
    recipe = {"format": 1, "instruction": "ein Füchslein 🦊", "seed": 2**62}
    path = write_file(tmp_path / "a.png", encode_png(image, recipe))
    assert read_recipe(path) == recipe
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(image))
    assert Image.open(path).text["ace-recipe"]  # type: ignore[attr-defined]
    assert embed_recipe(encode_png(image), recipe) == encode_png(image, recipe)


@pytest.mark.parametrize(
    "data",
    [
        encode_png(Image.new("RGB", (20, 20))),
        b"",
        b"text",
        encode_png(Image.new("RGB", (20, 20)), {"format": 2}),
    ],
)
def test_a_picture_without_a_recipe_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError) as error:
        read_recipe(tmp_path / "a.png")
    assert "\n" not in str(error.value)


def test_side_by_side_shows_both_pictures(tmp_path: Path) -> None:
    left, right = Image.new("RGB", (20, 40), "red"), Image.new("RGBA", (30, 20), "blue")
    sheet = side_by_side(left, right)
    assert sheet.size == (20 + 8 + 60, 40)
    assert sheet.getpixel((5, 5)) == (255, 0, 0)
    assert sheet.getpixel((60, 20)) == (0, 0, 255)
    assert BytesIO(encode_png(sheet)).read(4) == b"\x89PNG"


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
def test_a_pipe_and_a_device_are_no_pictures(tmp_path: Path) -> None:
    """They were called empty, which a reader cannot mend."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a regular file"):
            read_picture(path)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".tif", ".tiff"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_other_formats_hold_the_picture_and_its_recipe(tmp_path: Path, suffix: str, mode: str) -> None:
    recipe = {"format": 1, "task": "add", "instruction": "Füge {image} hinzu"}
    picture = Image.linear_gradient("L").convert(mode)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(encode_as(picture, format_of(path), recipe))
    assert read_recipe(path) == recipe
    again = read_picture(path).image
    assert again.size == picture.size
    difference = ImageChops.difference(again.convert("L"), picture.convert("L"))
    assert int(np.asarray(difference).max()) <= 4
    assert is_lossy(path) == (suffix not in (".tif", ".tiff"))
    bare = encode_as(picture, format_of(path))
    with pytest.raises(InputError, match="holds no recipe"):
        read_recipe(bare)


def test_a_format_that_is_not_written_is_one_line() -> None:
    with pytest.raises(InputError, match=r"x\.heic does not end in \.png, \.jpg"):
        format_of(Path("x.heic"))


def test_masks_that_people_paint_are_understood(tmp_path: Path) -> None:
    """White strokes on nothing, grey or red ones, and a hole in the picture: all mark the same square."""
    square = Image.new("L", (40, 40))
    square.paste(255, (10, 10, 20, 20))
    strokes = Image.new("RGBA", square.size, (255, 255, 255, 0))
    strokes.paste((255, 255, 255, 255), (10, 10, 20, 20))
    erased = Image.effect_noise(square.size, 90).convert("RGBA")
    erased.putalpha(ImageOps.invert(square))
    black = Image.new("RGBA", square.size, (0, 0, 0, 255))
    black.putalpha(ImageOps.invert(square))
    red = Image.merge("RGB", (square, Image.new("L", square.size), Image.new("L", square.size)))
    for mask in (square, strokes, erased, black, red, square.point(lambda value: value * 100 // 255)):
        assert np.array_equal(np.asarray(read_mask(mask)) > 127, np.asarray(square) > 127), mask.mode
    assert read_mask(Image.new("L", (40, 40), 5)).getextrema() == (5, 5)  # black, and said to be
