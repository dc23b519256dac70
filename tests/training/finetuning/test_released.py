"""A converted checkpoint of the released layout, at reduced width, learns from pairs and runs."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ace_agent.engines.presets import MANIFEST
from ace_agent.engines.registry import load_pipeline
from ace_agent.engines.released.convert import convert
from ace_agent.engines.released.pipeline import ReleasedPipeline
from ace_agent.engines.runtime import Runtime
from ace_agent.training.finetuning.released import TunedReleased
from ace_agent.training.finetuning.run import FineTuning, Tuning
from ace_agent.training.finetuning.tuned import Method
from ace_agent.training.trainer import Limits
from tests.released_checkpoint import write_released_checkpoint
from tests.training.pairs import write_pairs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    return convert(write_released_checkpoint(root / "hub"), root / "ace")


@pytest.mark.parametrize("rank", [2, 0])
def test_it_learns_and_the_written_model_runs(folder: Path, tmp_path: Path, rank: int) -> None:
    pairs = write_pairs(tmp_path / "pairs", 3)
    method = Method(rank=rank, draws=2)
    tuned = TunedReleased(folder, method, Runtime("cpu"), text_cache=tmp_path / "texts")
    wanted = Tuning(pairs, tmp_path / "to", str(folder), method=method, budget=300, steps=1)
    run = FineTuning(wanted, tuned=tuned)
    assert run.run(Limits(steps=2), workers=0)
    assert run.figures["psnr of taught"] > 0

    before, after = (load_file(root / "transformer/diffusion_pytorch_model.safetensors")
                     for root in (folder, tmp_path / "to"))  # fmt: skip
    assert set(before) == set(after)
    moved = {name for name in after if not torch.equal(before[name].float(), after[name])}
    assert moved and (len(moved) < len(after) / 2) == bool(rank)
    assert (tmp_path / "to/adapter").is_dir() == bool(rank)
    manifest = json.loads((tmp_path / "to" / MANIFEST).read_text())
    assert set(manifest["files"]) >= {"transformer/config.json"}

    pipeline = load_pipeline(tmp_path / "to", Runtime("cpu"))
    assert isinstance(pipeline, ReleasedPipeline)
    source = Image.open(tmp_path / "pairs/01.png")
    made = pipeline("make it sepia", [source], seed=1, num_inference_steps=1)
    assert made.images[0].size == source.size
