"""Tiles: measured ones where there are any for this chip and this Triton, otherwise the defaults."""

from __future__ import annotations

import json

import pytest
import torch
import triton

from ace_kernels import KernelError
from ace_kernels.ops.range_attention import tiles
from ace_kernels.ops.range_attention.tiles import FORWARD, KERNELS, Tile, family, tile_for

HALF = torch.float16
MEASURED = {"rows": 64, "keys": 128, "warps": 4, "stages": 3, "tma": True}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes measured tiles of sm_90."""

    def write(content):
        (tmp_path / "sm_90.json").write_text(json.dumps(content))

    monkeypatch.setenv(tiles.VARIABLE, str(tmp_path))
    tiles.measured_tiles.cache_clear()
    yield write
    tiles.measured_tiles.cache_clear()


def test_measured_tiles_are_used_for_their_width_alone(write):
    write({"triton": triton.__version__, "tiles": {"forward": {"72": MEASURED}}})
    assert tile_for(FORWARD, "sm_90", 72, HALF) == Tile(64, 128, 4, 3, tma=True)
    assert tile_for(FORWARD, "sm_90", 64, HALF) == tiles._default(FORWARD, "sm_90", 64)
    assert not tile_for(FORWARD, "sm_90", 72, HALF, aligned=False).tma
    assert tile_for(FORWARD, "sm_90", 72, torch.float32) == tiles.EXACT[FORWARD]


def test_tiles_measured_with_another_triton_are_ignored(write):
    """A tile that one release compiles well can trap with the next."""
    write({"triton": "3.0.0", "tiles": {"forward": {"72": MEASURED}}})
    assert tile_for(FORWARD, "sm_90", 72, HALF) == tiles._default(FORWARD, "sm_90", 72)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "'triton'"),
        ({"triton": triton.__version__, "tiles": {"forwards": {"72": MEASURED}}}, "got 'forwards'"),
        ({"triton": triton.__version__, "tiles": {"forward": {"72": MEASURED | {"speed": 1}}}}, "no 'speed'"),
        (
            {"triton": triton.__version__, "tiles": {"forward": {"72": MEASURED | {"rows": 48}}}},
            "got 48 and 128",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused(write, content, message):
    write(content)
    with pytest.raises(KernelError, match=message):
        tile_for(FORWARD, "sm_90", 72, HALF)


@pytest.mark.parametrize(
    ("chip", "wanted"),
    [
        ("sm_86", "sm_80"),
        ("sm_120", "sm_80"),
        ("sm_103", "sm_100"),
        ("gfx90a", "gfx942"),
        ("gfx950", "gfx942"),
    ],
)
def test_chips_share_the_tiles_of_their_family(chip, wanted):
    assert family(chip) == wanted
    for kernel in KERNELS:
        for width in (8, 20, 72, 128):
            assert tile_for(kernel, chip, width, HALF) == tile_for(kernel, wanted, width, HALF)


def test_no_default_is_warp_specialised():
    """On Blackwell such a tile compiled to a trap, or stored nothing, with triton 3.5 to 3.7."""
    for chip in tiles.DEFAULTS.values():
        assert not any(tile.warp_specialize for table in chip.values() for _, tile in table)
