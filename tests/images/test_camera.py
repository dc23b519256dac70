"""What a camera wrote stays with an edited photograph."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from ace_agent.agent import Agent
from ace_agent.errors import InputError
from ace_agent.images.camera import Camera, camera_in, camera_of, with_camera
from ace_agent.images.files import encode_png, read_picture, read_recipe
from tests.tiny import TinyPipeline

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A JPEG on its side, of 300 dots an inch, with a profile, a time and a place."""
    exif = Image.Exif()
    exif[0x0110], exif[0x0112], exif[0x010E] = "a camera", 6, "a caption"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:12 10:00:00", 0xA002: 60, 0xA003: 40})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    path = tmp_path / "IMG_1.jpg"
    noise = Image.effect_noise((60, 40), 80).convert("RGB")
    noise.save(path, exif=exif, icc_profile=PROFILE, dpi=(300, 300), quality=95)
    return path


def test_what_an_edit_makes_stale_is_left_out(photograph: Path) -> None:
    read = read_picture(photograph)
    assert read.image.size == (40, 60)  # upright
    exif = Image.Exif()
    exif.load(read.camera.exif)
    assert exif[0x0110] == "a camera"
    assert 0x0112 not in exif
    assert 0x010E not in exif
    assert dict(exif.get_ifd(0x8769)) == {0x9003: "2024:05:12 10:00:00"}
    assert exif.get_ifd(0x8825)[1] == "N"
    assert read.camera.icc == PROFILE
    assert read.camera.dpi == (300, 300)


def test_a_png_carries_it_and_keeps_its_pixels(photograph: Path) -> None:
    read = read_picture(photograph)
    plain = encode_png(read.image)
    full = with_camera(plain, read.camera)
    carried = camera_in(full)
    assert carried.icc == PROFILE
    assert carried.exif
    assert carried.dpi is not None
    assert round(carried.dpi[0]) == 300
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(full))), np.asarray(read.image))
    assert with_camera(plain, Camera()) == plain


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp", "out.tiff"])
def test_an_edited_photograph_keeps_it_in_every_format(photograph: Path, tmp_path: Path, name: str) -> None:
    agent = Agent(tmp_path / "work", pipeline=TinyPipeline(), planner="rules")
    first = agent.say("flip it", [photograph])
    turn = agent.say("make it a bit brighter")
    path = agent.show(turn.images[-1].id).save(tmp_path / name)
    with Image.open(path) as image:
        kept = camera_of(image)
    exif = Image.Exif()
    exif.load(kept.exif)
    assert exif[0x0110] == "a camera"
    assert 0x0112 not in exif
    assert kept.icc == PROFILE
    assert read_recipe(path)["task"] == "adjust"
    if name != "out.webp":  # which has no field for it
        assert kept.dpi is not None
        assert round(kept.dpi[0]) == 300
    bare = agent.show(turn.images[-1].id).save(tmp_path / f"bare-{name}", metadata=False)
    with Image.open(bare) as image:
        assert not camera_of(image).exif
    assert first.images


def test_a_new_picture_carries_nothing(photograph: Path, tmp_path: Path) -> None:
    agent = Agent(tmp_path / "work", pipeline=TinyPipeline(), planner="rules")
    agent.say("flip it", [photograph])
    made = agent.say("a red car in a meadow")
    assert not agent.show(made.images[-1].id).camera


def test_damaged_exif_is_left_out(photograph: Path, tmp_path: Path) -> None:
    data = bytearray(photograph.read_bytes())
    start = data.index(b"Exif\0\0")
    data[start + 6 : start + 60] = bytes(range(54))
    (tmp_path / "bad.jpg").write_bytes(bytes(data))
    assert isinstance(read_picture(tmp_path / "bad.jpg").camera, Camera)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC photograph"),
        (b"%PDF-1.7" + bytes(40), "a PDF"),
        (b"<?xml version='1.0'?><svg xmlns='x'></svg>", "an SVG drawing"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "a video"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "a PostScript file"),
        (b"hello, this is text", "not a picture"),
    ],
)
def test_files_that_are_no_pictures_are_named(tmp_path: Path, data: bytes, what: str) -> None:
    file = tmp_path / "file.bin"
    file.write_bytes(data)
    with pytest.raises(InputError, match=what):
        read_picture(file)


def test_postscript_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its name says. Pillow would start Ghostscript, which can write files."""
    monkeypatch.setattr(
        "PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started")
    )
    file = tmp_path / "photo.png"
    Image.new("RGB", (40, 40), "red").save(file, "EPS")
    with pytest.raises(InputError, match="a PostScript file"):
        read_picture(file)
