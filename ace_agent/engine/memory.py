"""How much memory a picture takes with the released model, known before anything is loaded. No torch here.

The text encoder runs first and is let go, so the need is the larger of two stages, not their sum.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from ace_agent.engine.presets import MANIFEST, find_preset
from ace_agent.errors import ModelError

TOKEN_SIDE = 16
DECODER_BYTES_PER_PIXEL = 4200
"""Peak of decoding in float32 above the weights: 340 MB at 256 px and 1057 MB at 512 px a side, measured on a CPU."""
TILE_SIDE = 512
ACTIVATION_WIDTHS = 16
"""Float32 rows of the transformer's width that a token needs at once: the residual stream, the modulated copy,
queries, keys, values, and the MLP's hidden row before and after GELU."""
OVERHEAD = 500_000_000
"""Python, torch and its libraries."""


@dataclass(frozen=True)
class ModelSizes:
    """Bytes of the three parts as they run, and the transformer's width."""

    text_encoder: int
    transformer: int
    first_stage: int
    width: int


RELEASED_SIZES = ModelSizes(9_524_000_000, 2_443_958_912, 334_615_452, 1152)


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes at the peak of each stage; both include Python's own."""

    text: int
    picture: int

    @property
    def peak(self) -> int:
        return max(self.text, self.picture)


def sizes_of(folder: Path) -> ModelSizes:
    """Sizes of a converted model, from its manifest."""
    files = json.loads((folder / MANIFEST).read_text())["files"]
    parts = {"text_encoder": 0, "transformer": 0, "vae": 0}
    for path, noted in files.items():
        part = path.split("/")[0]
        if part in parts:
            parts[part] += noted["bytes"]
    width = json.loads((folder / "transformer" / "config.json").read_text())["width"]
    return ModelSizes(parts["text_encoder"], parts["transformer"], parts["vae"], width)


def estimate_memory(
    sizes: ModelSizes, side: int, *, images: int = 1, tiling: bool = False, offload: bool = False
) -> MemoryNeed:
    """Memory for a picture of `side` pixels squared with `images` conditioning images of the same size.

    `offload` keeps on the device only the part that is at work; `tiling` decodes in tiles of 512 px.
    """
    tokens = (images + 1) * (side // TOKEN_SIDE) ** 2
    denoising = tokens * sizes.width * 4 * ACTIVATION_WIDTHS
    decoded = min(side, TILE_SIDE) if tiling else side
    decoding = decoded**2 * DECODER_BYTES_PER_PIXEL
    if offload:
        picture = max(sizes.transformer + denoising, sizes.first_stage + decoding)
    else:
        picture = sizes.transformer + sizes.first_stage + max(denoising, decoding)
    return MemoryNeed(sizes.text_encoder + OVERHEAD, picture + OVERHEAD)


def preset_memory(name: str) -> dict[int, MemoryNeed]:
    """Need of a preset for an edit of one picture, by the picture's side; empty for ace-mini, which fits anywhere."""
    if find_preset(name).repository is None:
        return {}
    return {side: estimate_memory(RELEASED_SIZES, side) for side in (512, 1024)}


def available_memory(device: str = "cpu") -> int:
    """Free bytes on the device, as far as it tells."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    free = _memory_free()
    limit = _container_limit()
    return free if limit is None else min(free, limit)


def _memory_free() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    facts = dict(line.split(":", 1) for line in lines)
    return int(facts["MemAvailable"].split()[0]) * 1024


def _container_limit() -> int | None:
    """What a container may still take, where it is limited (cgroup 2)."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(int(limit) - used, 0)


def check_memory(need: int, available: int, what: str, remedy: str) -> None:
    """Raises ModelError when `what` needs more bytes than there are."""
    if need > available:
        raise ModelError(
            f"{what} needs {need / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are free", remedy
        )
