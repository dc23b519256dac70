"""Tiles of range attention, timed: for `gpu_day.py`."""

from __future__ import annotations

import argparse
import itertools
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from attention import Attention, Batch
from timing import measure, on_gpu

WIDTHS = (64, 72, 128)
PACKS = ((2048,), (8192,), (1024, 2048, 512, 4096))
LARGEST_ERROR = 5e-3


def candidates() -> list[dict[str, Any]]:
    """Forward tiles worth a look: those of the table, and around FlashAttention's."""
    rows = itertools.product((64, 128), (32, 64, 128), (4, 8), (2, 3), (False, True))
    return [
        {"rows": r, "keys": k, "warps": w, "stages": s, "tma": t}
        for r, k, w, s, t in rows
        if not (r == 64 and w == 8) and not (k == 128 and s == 3)
    ]


def tune(options: argparse.Namespace) -> dict[str, Any]:
    """Time each candidate of the forward pass on three packs, and write the best of each width to `tiles/<chip>.json`.

    One that does not compile, or whose output is off, is left out. Backward tiles stay as they are: two thirds of them
    would not compile on most chips, and training is not what a borrowed card is for.
    """
    if not on_gpu(options.device):
        return {"skipped": "no GPU"}
    import triton

    from ace_kernels.ops.range_attention import tiles
    from ace_kernels.triton_support import chip_name

    chip = chip_name(torch.device(options.device, 0))
    folder = options.out / "trial"
    folder.mkdir(exist_ok=True)
    os.environ[tiles.VARIABLE] = str(folder)
    found: dict[str, Any] = {}
    best: dict[str, dict[str, Any]] = {}
    for width in WIDTHS:
        cases = [
            Attention(Batch(str(lengths), lengths, 16, width), options.device, torch.float16)
            for lengths in PACKS
        ]
        default = asdict(tiles.tile_for(tiles.FORWARD, chip, width, torch.float16))
        times = {}
        for tile in [default, *(tile for tile in candidates() if tile | default != default)]:
            _write(folder / f"{chip}.json", triton.__version__, {str(width): tile})
            tiles.measured_tiles.cache_clear()
            seconds = _seconds(cases, options)
            if seconds is not None:
                times[json.dumps(tile)] = seconds
        if not times:
            found[f"width {width}"] = "no tile runs"
            continue
        name = min(times, key=times.__getitem__)
        best[str(width)] = json.loads(name)
        found[f"width {width}"] = (
            f"{name}: {times[json.dumps(default)] / times[name]:.2f} times as fast as the default"
        )
    os.environ.pop(tiles.VARIABLE)
    tiles.measured_tiles.cache_clear()
    (options.out / "tiles").mkdir(exist_ok=True)
    _write(options.out / "tiles" / f"{chip}.json", triton.__version__, best)
    return found


def _seconds(cases: list[Attention], options: argparse.Namespace) -> float | None:
    """Seconds of all packs in a row; None for a tile that does not compile or is wrong."""
    total = 0.0
    for case in cases:
        try:
            with torch.no_grad():
                error = float((case.ranges() - case.loop()).abs().max())
                if not error <= LARGEST_ERROR:
                    return None
                total += measure({"tile": case.ranges}, options)["tile"]
        except Exception:  # whatever a compiler raises for a tile that it cannot make
            return None
    return total


def _write(file: Path, version: str, forward: dict[str, dict[str, Any]]) -> None:
    file.write_text(json.dumps({"triton": version, "tiles": {"forward": forward}}, indent=1))
