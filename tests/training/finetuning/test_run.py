"""Fine-tuning on pairs: the split, the parameters that learn, the written model, and exact resuming."""

import json
from pathlib import Path

import pytest
import torch
from peft import set_peft_model_state_dict
from PIL import Image
from safetensors.torch import load_file

from ace_agent.data.errors import BadInput
from ace_agent.engines.ace.packing import rows_of
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError
from ace_agent.references.errors import SpritesMissing
from ace_agent.references.sprites import Sprites
from ace_agent.training.errors import TrainingError
from ace_agent.training.finetuning import run as finetuning
from ace_agent.training.finetuning.pair_stream import Measure
from ace_agent.training.finetuning.run import FineTuning, Tuning, load_tuned, split_samples
from ace_agent.training.finetuning.tuned import Method
from ace_agent.training.lora import add_lora, merged_state
from ace_agent.training.mini.stream import Example
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Limits
from tests.training.pairs import write_pairs, write_tiny_model

LIMITS = Limits(steps=4, report_steps=1)


@pytest.fixture(autouse=True)
def small_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "SHEET_SAMPLES", 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 10)


def tuning(model: Path, pairs: Path, folder: Path, rank: int = 4, **fields: object) -> Tuning:
    method = Method(rank=rank, draws=2)
    return Tuning(pairs, folder, str(model), method=method, budget=400, steps=2, **fields)  # type: ignore[arg-type]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")


@pytest.mark.parametrize("rank", [4, 0])
def test_the_written_model_runs(model: Path, pairs: Path, tmp_path: Path, rank: int) -> None:
    run = FineTuning(tuning(model, pairs, tmp_path / "to", rank))
    assert run.run(LIMITS, workers=0)
    facts = json.loads((tmp_path / "to/training.json").read_text())
    assert (facts["step"], facts["pairs"]) == (4, 9)
    assert facts["method"] == ("LoRA of rank 4, merged" if rank else "full")
    log = [json.loads(line) for line in (tmp_path / "to/log.jsonl").read_text().splitlines()]
    judged = [line for line in log if "validation" in line]
    assert [line["step"] for line in judged] == [0, 4], "before, to compare with, and after"
    assert set(judged[0]["validation"]) == {"loss", "psnr", "psnr of taught"}
    assert run.figures == judged[-1]["validation"]
    for step in (0, 4):
        assert Image.open(tmp_path / f"to/samples/{step:07d}.png").width == 816, (
            "two samples, three pictures each"
        )
    before, after = weights(model), weights(tmp_path / "to")
    assert set(before) == set(after), "no adapter in the names: the model needs no peft"
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved and (len(moved) < len(after) / 2) == bool(rank)
    pipeline = ACEPipeline.from_pretrained(tmp_path / "to", Runtime("cpu"))
    made = pipeline("make it sepia", [Image.open(pairs.parent / "01.png")], seed=1, num_inference_steps=2)
    assert made.images[0].size[0] > 0


def test_the_adapter_and_the_merged_weights_agree(model: Path, pairs: Path, tmp_path: Path) -> None:
    run = FineTuning(tuning(model, pairs, tmp_path / "to"))
    run.run(LIMITS, workers=0)
    again = MiniTransformer.from_pretrained(model / "transformer")
    add_lora(again, 4, seed=9)
    adapter = load_file(tmp_path / "to/adapter/adapter_model.safetensors")
    config = json.loads((tmp_path / "to/adapter/adapter_config.json").read_text())
    assert (config["peft_type"], config["r"]) == ("LORA", 4)
    set_peft_model_state_dict(again, adapter)
    merged = merged_state(again)
    for name, value in weights(tmp_path / "to").items():
        assert torch.equal(merged[name], value), name


@pytest.mark.slow
def test_the_held_out_loss_falls(model: Path, pairs: Path, tmp_path: Path) -> None:
    """The held-out pair has the same edit as the others, so its loss must fall, too."""
    run = FineTuning(tuning(model, pairs, tmp_path / "to", rank=0, rate=3e-3, warmup=2))
    before = run.validation_loss()
    run.trainer.run(run.stream, Limits(steps=25), workers=0)
    with run.trainer.averaged(), torch.no_grad():
        assert run.validation_loss() < 0.8 * before


def test_a_stopped_run_resumes_bit_for_bit(model: Path, pairs: Path, tmp_path: Path) -> None:
    """Even with figures and sheets in between, which draw noise of their own."""
    whole = FineTuning(tuning(model, pairs, tmp_path / "whole"))
    whole.run(LIMITS, workers=0)
    first = FineTuning(tuning(model, pairs, tmp_path / "parts"))
    first.run(Limits(steps=2), workers=0)
    second = FineTuning(tuning(model, pairs, tmp_path / "parts"))
    assert second.resume() and second.trainer.step == 2
    second.run(LIMITS, workers=0)
    assert weights(tmp_path / "whole").keys() == weights(tmp_path / "parts").keys()
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "parts")[name]), name


def test_one_in_ten_is_held_out() -> None:
    def split(count: int, validation: list[int] | None = None) -> tuple[int, int]:
        made = split_samples(list(range(count)), validation, 0)  # type: ignore[arg-type]
        assert not set(made.training) & set(made.held_out) or validation is not None
        return len(made.training), len(made.held_out)

    assert [split(n) for n in (9, 10, 40, 10_000)] == [(9, 0), (9, 1), (36, 4), (9936, 64)]
    assert split(9, [1, 2, 3]) == (9, 3)


def test_a_pair_over_the_budget_is_named(model: Path, pairs: Path, tmp_path: Path) -> None:
    wanted = Tuning(pairs, tmp_path / "to", str(model), method=Method(draws=4), budget=300)
    with pytest.raises(TrainingError, match=r"sample \d+ takes 320 tokens with 4 draws, a batch 300"):
        FineTuning(wanted)


def test_a_run_of_another_rank_is_not_resumed(model: Path, pairs: Path, tmp_path: Path) -> None:
    FineTuning(tuning(model, pairs, tmp_path / "to")).run(Limits(steps=1), workers=0)
    with pytest.raises(InputError, match="rank 4, now 8"):
        FineTuning(tuning(model, pairs, tmp_path / "to", rank=8)).resume()


def test_rehearsal_takes_its_share_of_every_batch(model: Path, pairs: Path, tmp_path: Path) -> None:
    method = Method(rank=4, draws=2, rehearse=0.75)
    run = FineTuning(Tuning(pairs, tmp_path, str(model), method=method, budget=2000))
    own = {sample.turns[-1].instruction for sample in run.split.samples}
    preparer = run.tuned.preparer

    def tokens(examples: list[Example]) -> int:
        layouts = [example.request.layout(16) for example in examples]
        return sum(preparer.cost(Measure(one.prefix_rows, rows_of(one.target)), 2) for one in layouts)

    for step in (0, 3):
        batch = run.stream[step]
        taught = [example for example in batch if example.instruction in own]
        rehearsed = [example for example in batch if example.instruction not in own]
        assert 0 < tokens(taught) <= 500 and 1000 < tokens(rehearsed) <= 1500
        assert len({example.task for example in rehearsed}) > 1
        run.stream.part = (0, 2)
        first = run.stream[step]
        run.stream.part = (1, 2)
        second = run.stream[step]
        run.stream.part = (0, 1)
        assert first.rows == second.rows == batch.rows and second.start == len(first)
        for alone, together in zip([*first, *second], batch, strict=True):
            assert alone.instruction == together.instruction and torch.equal(alone.target, together.target)
    assert run.run(Limits(steps=1), workers=0)
    assert json.loads((tmp_path / "training.json").read_text())["rehearsed"] == 0.75


def test_rehearsal_that_is_impossible_is_refused(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="is not public"):
        load_tuned(Tuning(pairs, tmp_path, "ace-0.6b-512", method=Method(rehearse=0.5)), Processes())

    def missing() -> None:
        raise SpritesMissing("there is no sprite file", "build one")

    monkeypatch.setattr(Sprites, "load", missing)
    assert (
        load_tuned(Tuning(pairs, tmp_path, str(model), method=Method(rehearse=None)), Processes()).rehearsal
        is None
    )
    with pytest.raises(InputError, match="there is no sprite file: build one, or leave out --rehearse"):
        load_tuned(Tuning(pairs, tmp_path, str(model), method=Method(rehearse=0.5)), Processes())


def test_a_wrong_line_is_found_before_the_model_is_loaded(pairs: Path, tmp_path: Path) -> None:
    table = pairs.parent / "wrong.csv"
    table.write_text(pairs.read_text() + "none.png,make it sepia,01-sepia.png\n")
    with pytest.raises(BadInput, match=r"line 12: source: .*none\.png"):
        FineTuning(Tuning(table, tmp_path / "to", model=str(tmp_path / "no such model")))
    assert not (tmp_path / "to").exists()


def test_a_model_is_not_written_over_itself(model: Path, pairs: Path) -> None:
    with pytest.raises(InputError, match="is the model to start from"):
        FineTuning(tuning(model, pairs, model))


def test_a_full_disk_leaves_the_last_model(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = FineTuning(tuning(model, pairs, tmp_path / "to"))
    run.run(Limits(steps=1), workers=0)
    before = weights(tmp_path / "to")

    def full(folder: Path) -> None:
        (folder / "transformer").mkdir()
        (folder / "transformer/half").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.tuned, "write", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        run.run(Limits(steps=2), workers=0)
    assert all(torch.equal(value, before[name]) for name, value in weights(tmp_path / "to").items())
    assert not (tmp_path / "to/.model.part").exists()
