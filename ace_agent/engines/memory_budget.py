"""Estimates the memory that a picture takes, before anything is loaded. Torch is imported only to ask a GPU.

The text encoder runs first and is unloaded, so the need is the larger of two stages, not their sum.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ace_agent.engines.presets import MANIFEST, find_preset
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
MINI_BYTES = 700_000_000
"""Peak of one picture with ace-mini: 0.62 GB resident, measured on a CPU, most of it torch itself."""
CGROUP = Path("/sys/fs/cgroup")


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


@dataclass(frozen=True)
class Work:
    """The size of a request: tokens of all its frames, and pixels of the largest picture that the first stage encodes
    or decodes."""

    tokens: int
    pixels: int

    @classmethod
    def on(cls, sizes: Sequence[tuple[int, int]]) -> Work:
        """Of the frames' (width, height) in pixels, the target's among them."""
        areas = [width * height for width, height in sizes]
        return cls(sum(area // TOKEN_SIDE**2 for area in areas), max(areas))


def estimate_memory(
    sizes: ModelSizes, work: Work, *, tiling: bool = False, offload: bool = False
) -> MemoryNeed:
    """Memory for a request. `offload` keeps only the part in use on the device; `tiling` decodes in tiles of 512 px."""
    denoising = work.tokens * sizes.width * 4 * ACTIVATION_WIDTHS
    decoded = min(work.pixels, TILE_SIDE**2) if tiling else work.pixels
    decoding = decoded * DECODER_BYTES_PER_PIXEL
    if offload:
        picture = max(sizes.transformer + denoising, sizes.first_stage + decoding)
    else:
        picture = sizes.transformer + sizes.first_stage + max(denoising, decoding)
    return MemoryNeed(sizes.text_encoder + OVERHEAD, picture + OVERHEAD)


def preset_memory(name: str) -> dict[int, MemoryNeed]:
    """Need of a preset for an edit of one picture, by the picture's side. ace-mini makes pictures of one size only."""
    preset = find_preset(name)
    if preset.repository is None:
        return {preset.native_size: MemoryNeed(MINI_BYTES, MINI_BYTES)}
    return {side: estimate_memory(RELEASED_SIZES, Work.on([(side, side)] * 2)) for side in (512, 1024)}


def available_memory(device: str = "cpu") -> int:
    """Free bytes on the device; what torch holds in reserve on a GPU counts as free."""
    if device.startswith("cuda"):
        import torch

        place = torch.device(device)
        kept = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return int(torch.cuda.mem_get_info(place)[0]) + kept
    import psutil

    free: int = psutil.virtual_memory().available
    limit = _container_limit()
    return free if limit is None else min(free, limit)


def _container_limit() -> int | None:
    """What a container may still allocate if it is limited (cgroup 2). The page cache counts as free."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        facts = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        used -= int(facts["inactive_file"])
    except (OSError, ValueError, KeyError):
        return None
    return None if limit == "max" else max(int(limit) - used, 0)


def check_memory(need: int, available: int, what: str, remedy: str) -> None:
    """Raises ModelError when `what` needs more bytes than there are."""
    if need > available:
        raise ModelError(
            f"{what} needs {need / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are free", remedy
        )


def free_memory() -> None:
    """Collect garbage and return unused GPU memory."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
