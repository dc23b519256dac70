"""What training pairs cost: rates of synthesis, clustering and the scene world on one core, and bytes per pair.

    python benchmarks/data_rates.py                    # about three minutes
    python benchmarks/data_rates.py --pairs 700000000

The pictures are crops of docs/photographs, 512 pixels a side. The optional models (depth, segments, poses,
captions) are built with random weights, which costs as much as the published ones; their arithmetic is counted, and
GPU hours follow from it and an assumed rate, and are not measured.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ace_agent.data.pairs_from_images.linking import links
from ace_agent.data.pairs_from_images.run import RunSettings, cluster, synthesize
from ace_agent.data.scenes.world import World
from ace_agent.data.shards import Encoding
from ace_agent.training.mini.stream import draw

SIDE = 512
PHOTOGRAPHS = Path(__file__).resolve().parents[1] / "docs" / "photographs"


def crops(folder: Path, count: int) -> None:
    """Similar but distinct pictures with different captions."""
    rng = random.Random("data rates")
    folder.mkdir()
    for number in range(count):
        file = rng.choice(sorted(PHOTOGRAPHS.glob("*.jpg")))
        with Image.open(file) as opened:
            photo = opened.convert("RGB")
        side = round(min(photo.size) * rng.uniform(0.6, 0.95))
        left, top = (rng.randrange(length - side + 1) for length in photo.size)
        crop = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        when = rng.choice(("in the morning", "at noon", "in the evening", "at night"))
        (folder / f"{number:04}.txt").write_text(f"a {file.stem} {when}")
        crop.save(folder / f"{number:04}.jpg", quality=92)


def measured(make: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    """Seconds, and the result."""
    started = time.perf_counter()
    made = make(*given)
    return time.perf_counter() - started, made


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.tar"))


def architectures() -> Iterator[tuple[str, nn.Module, dict[str, torch.Tensor]]]:
    """Each need's architecture with random weights, and an input of the size that its preprocessor makes."""
    picture = torch.zeros(1, 3, 640, 640)
    yield (
        "depth",
        transformers.DepthAnythingForDepthEstimation(transformers.DepthAnythingConfig()),
        {"pixel_values": torch.zeros(1, 3, 518, 518)},
    )
    segmenter = transformers.Mask2FormerForUniversalSegmentation(transformers.Mask2FormerConfig())
    yield "segment", segmenter, {"pixel_values": picture}
    yield (
        "detect",
        transformers.RTDetrForObjectDetection(transformers.RTDetrConfig()),
        {"pixel_values": picture},
    )
    pose = transformers.VitPoseForPoseEstimation(transformers.VitPoseConfig())
    yield "pose, one person", pose, {"pixel_values": torch.zeros(1, 3, 256, 192)}
    blip = transformers.BlipForConditionalGeneration(transformers.BlipConfig())
    words = torch.ones(1, 12, dtype=torch.long)
    yield "caption", blip, {"pixel_values": torch.zeros(1, 3, 384, 384), "input_ids": words}


@torch.inference_mode()
def cost_of(model: nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[float, float]:
    """Seconds of a core and operations of one picture."""
    model.eval()
    model(**inputs)
    seconds = min(measured(lambda: model(**inputs))[0] for _ in range(3))
    with FlopCounterMode(display=False) as counter:
        model(**inputs)
    return seconds, counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--pairs", type=float, default=0.7e9, help="number of pairs to extrapolate to")
    parser.add_argument(
        "--linked", type=int, default=16384, help="embedded pictures to compare with each other"
    )
    parser.add_argument("--scenes", type=int, default=6000, help="samples of the scene world, in two halves")
    parser.add_argument("--no-models", action="store_true", help="leave the transformers models out")
    parser.add_argument(
        "--gpu", type=float, default=100.0, help="10^12 operations a second, assumed of a GPU"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{'on one core':24} {'pictures/s':>10} {'pairs/s':>8} {'KB a pair':>10} {'core hours':>12} {'TB':>8}"
    )

    def row(name: str, seconds: float, pictures: int, pairs: int, size: int) -> None:
        rate, kilobytes = pairs / seconds, size / pairs / 1e3
        hours, terabytes = options.pairs / rate / 3600, options.pairs * kilobytes / 1e9
        shown = f"{pictures / seconds:10.1f}" if pictures else " " * 10
        print(f"{name:24} {shown} {rate:8.1f} {kilobytes:10.1f} {hours:12,.0f} {terabytes:8.0f}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pictures"
        crops(folder, options.pictures)
        encodings: tuple[Encoding, ...] = ("png", "webp")
        for encoding in encodings:
            out = Path(scratch) / encoding
            seconds, made = measured(synthesize, RunSettings(folder, out, encoding=encoding))
            row(f"synthesize, {encoding}", seconds, options.pictures, made["samples"], size_of(out))
        out = Path(scratch) / "clustered"
        seconds, made = measured(cluster, RunSettings(folder, out))
        row("cluster, png", seconds, options.pictures, made["samples"], size_of(out))
    vectors = np.random.default_rng(0).normal(size=(options.linked, 192)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seconds, _ = measured(links, vectors, (0.76, 0.98))
    print(
        f"linking {options.linked:,} embedded pictures: {seconds:.1f} s, by the square of their number "
        f"{seconds * (1e6 / options.linked) ** 2 / 3600:.1f} core hours for a million"
    )
    world, rng, count = World(), random.Random(0), options.scenes // 2
    for half in ("a run's first", "then"):
        seconds, _ = measured(lambda: [draw(world, rng, None, "train") for _ in range(count)])
        print(f"{'scene world, 128 px':24} {count / seconds:8.1f} samples/s, {half} {count:,}; never stored")
    if options.no_models:
        return
    print(f"\n{'model, one picture':24} {'core s':>10} {'10^9 operations':>16}")
    for name, model, inputs in architectures():
        seconds, operations = cost_of(model, inputs)
        hours = operations / (options.gpu * 1e12) / 3600
        print(
            f"{name:24} {seconds:10.2f} {operations / 1e9:16.0f}   a million pictures: "
            f"{seconds * 1e6 / 3600:,.0f} core hours, or {hours * 1e6:.1f} of a GPU at {options.gpu:.0f}e12 a second"
        )


if __name__ == "__main__":
    main()
