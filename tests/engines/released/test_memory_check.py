"""What fits is worked out before anything is loaded; no GPU is needed to test it, only its numbers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from pytest import MonkeyPatch, fixture, raises
from torch import nn

from ace_agent.engines.memory_budget import RELEASED_SIZES, Work
from ace_agent.engines.released import memory_check as module
from ace_agent.engines.released.memory_check import MemoryCheck
from ace_agent.engines.released.model_parts import ModelPart, ModelParts
from ace_agent.engines.released.t5 import T5TextEncoder
from ace_agent.errors import ModelError

GB = 10**9
EDIT = Work.on([(512, 512)] * 2)


class Machine:
    """Free gigabytes by device."""

    def __init__(self, **free: float) -> None:
        self.free = free

    def __call__(self, device: str = "cpu") -> int:
        return int(self.free[device.split(":")[0]] * GB)


@fixture
def encoder(tmp_path: Path) -> T5TextEncoder:
    return T5TextEncoder(tmp_path, tmp_path)


def parts(device: str = "cpu", offload: bool = False) -> ModelParts:
    return ModelParts(lambda: nn.Linear(2, 2), lambda: nn.Linear(2, 2), device, offload)  # type: ignore[arg-type, return-value]


def check(
    monkeypatch: MonkeyPatch,
    machine: Machine,
    encoder: T5TextEncoder,
    device: str = "cpu",
    work: Work = EDIT,
    held: ModelParts | None = None,
    **savings: bool,
) -> None:
    monkeypatch.setattr(module, "available_memory", machine)
    options = {"offload": False, "tiling": False} | savings
    room = MemoryCheck(RELEASED_SIZES, device, **options)
    room.check(work, encoder, ["a red fox"], held or parts(device))


def test_the_text_encoder_must_fit_where_it_runs(monkeypatch: MonkeyPatch, encoder: T5TextEncoder):
    check(monkeypatch, Machine(cpu=11), encoder)
    with raises(
        ModelError, match=r"the text encoder needs 10.0 GB of memory and 9.0 GB are free: close other"
    ):
        check(monkeypatch, Machine(cpu=9), encoder)
    monkeypatch.setattr(encoder, "missing", lambda texts: [])  # known texts need no encoder
    check(monkeypatch, Machine(cpu=9), encoder)


def test_a_gpu_too_small_for_the_text_encoder_leaves_it_to_the_cpu(
    monkeypatch: MonkeyPatch, encoder: T5TextEncoder
):
    check(monkeypatch, Machine(cuda=6, cpu=11), encoder, "cuda")
    assert encoder.device == "cpu"
    check(monkeypatch, Machine(cuda=24, cpu=11), encoder, "cuda")
    assert encoder.device == "cuda"
    with raises(ModelError, match=r"the text encoder needs 10.0 GB of memory and 8.0 GB are free"):
        check(monkeypatch, Machine(cuda=6, cpu=8), encoder, "cuda")


def test_offload_spills_the_text_encoder_to_a_disk_that_must_hold_it(
    monkeypatch: MonkeyPatch, encoder: T5TextEncoder
):
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(GB, 0, GB))
    check(monkeypatch, Machine(cpu=9.5), encoder, offload=True)
    with raises(ModelError, match=r"memory does not hold needs 5.0 GB of disk and .* has 1.0 GB free"):
        check(monkeypatch, Machine(cpu=5), encoder, offload=True)


def test_a_gpu_without_triton_also_needs_the_scores_of_attention(
    monkeypatch: MonkeyPatch, encoder: T5TextEncoder
):
    """Without fused kernels torch's attention may hold its scores, which nothing counted."""
    monkeypatch.setattr(encoder, "missing", lambda texts: [])
    check(monkeypatch, Machine(cuda=4.5, cpu=11), encoder, "cuda")
    monkeypatch.setattr(module, "attention_workspace", lambda device: GB)
    with raises(
        ModelError, match=r"a picture of 512 px squared needs 5\.\d GB of memory and 4\.5 GB are free"
    ):
        check(monkeypatch, Machine(cuda=4.5, cpu=11), encoder, "cuda")


def test_the_remedy_names_only_what_helps(monkeypatch: MonkeyPatch, encoder: T5TextEncoder):
    monkeypatch.setattr(encoder, "missing", lambda texts: [])
    big = Work.on([(1024, 1024)] * 2)
    with raises(ModelError, match=r"1024 px squared needs 7.7 GB .* or use --offload or --vae-tiling$"):
        check(monkeypatch, Machine(cpu=2), encoder, work=big)
    with raises(ModelError, match=r"or use --offload$"):
        check(monkeypatch, Machine(cpu=2), encoder)
    with raises(ModelError, match=r"or leave pictures out$"):
        check(monkeypatch, Machine(cpu=2), encoder, work=big, offload=True, tiling=True)


def test_many_pictures_count_beside_a_small_target(monkeypatch: MonkeyPatch, encoder: T5TextEncoder):
    """Nine pictures of 512 px were once counted as nine of the target's size."""
    monkeypatch.setattr(encoder, "missing", lambda texts: [])
    check(monkeypatch, Machine(cpu=4.0), encoder, work=Work.on([(64, 64)]))
    with raises(ModelError, match="a picture of 512 px squared needs"):
        check(monkeypatch, Machine(cpu=4.0), encoder, work=Work.on([(64, 64), *[(512, 512)] * 9]))


def test_weights_that_are_loaded_are_not_asked_for_twice(monkeypatch: MonkeyPatch, encoder: T5TextEncoder):
    """A second request was once refused for the memory that the first one's weights took."""
    monkeypatch.setattr(encoder, "missing", lambda texts: [])
    loaded = parts()
    with raises(ModelError):
        check(monkeypatch, Machine(cpu=2), encoder, held=loaded)
    monkeypatch.setattr(ModelParts, "held", 2_700_000_000)
    check(monkeypatch, Machine(cpu=2), encoder, held=loaded)


def test_parts_make_room_for_the_text_encoder(monkeypatch: MonkeyPatch, encoder: T5TextEncoder):
    loaded = parts()
    with loaded.transformer.loaded():
        pass
    check(monkeypatch, Machine(cpu=11), encoder, held=loaded)
    assert loaded.transformer.is_loaded
    with raises(ModelError):
        check(monkeypatch, Machine(cpu=9), encoder, held=loaded)
    assert not loaded.transformer.is_loaded


def test_weights_reach_a_gpu_through_the_machines_memory(monkeypatch: MonkeyPatch, encoder: T5TextEncoder):
    monkeypatch.setattr(encoder, "missing", lambda texts: [])
    check(monkeypatch, Machine(cuda=6, cpu=2.5), encoder, "cuda")
    with raises(ModelError, match=r"reading the weights needs 2.8 GB of memory and 2.5 GB are free"):
        check(monkeypatch, Machine(cuda=6, cpu=2.5), encoder, "cuda", offload=True)


def test_offload_on_a_cpu_lets_each_part_go():
    """There is no other memory to move it to."""
    loads: list[int] = []

    def load() -> nn.Linear:
        loads.append(1)
        return nn.Linear(3, 3, bias=False)

    def part(offload: bool) -> ModelPart[nn.Linear]:
        return ModelPart(load, lambda module: module, "cpu", offload)

    def twice(part: ModelPart[nn.Linear]) -> Iterator[int]:
        for _ in range(2):
            with part.loaded():
                yield part.held
        yield part.held

    assert list(twice(part(False))) == [36, 36, 36]
    assert len(loads) == 1
    assert list(twice(part(True))) == [36, 36, 0]
    assert len(loads) == 3


def test_what_failed_at_work_is_let_go_too():
    part = ModelPart(lambda: nn.Linear(2, 2), lambda module: module, "cpu", True)
    with raises(RuntimeError), part.loaded():
        raise RuntimeError("out of memory")
    assert not part.is_loaded
