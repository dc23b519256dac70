from pathlib import Path

from pytest import MonkeyPatch, raises

from ace_agent.engines import memory_budget as module
from ace_agent.engines.memory_budget import (
    RELEASED_SIZES,
    Work,
    available_memory,
    check_memory,
    estimate_memory,
    preset_memory,
)
from ace_agent.errors import ModelError


def gigabytes(side: int, images: int = 1, **options: bool) -> float:
    work = Work.on([(side, side)] * (images + 1))
    return estimate_memory(RELEASED_SIZES, work, **options).picture / 1e9


def test_needs_grow_with_size_and_shrink_with_the_savings():
    assert 3 < gigabytes(512) < 5
    assert 6 < gigabytes(1024) < 9
    assert gigabytes(1024, tiling=True) < gigabytes(1024)
    assert gigabytes(512, offload=True) < gigabytes(512)
    assert gigabytes(512, images=9, offload=True) > gigabytes(512, images=1, offload=True)
    need = estimate_memory(RELEASED_SIZES, Work.on([(512, 512)]))
    assert need.peak == need.text > 9e9  # T5 alone, before the transformer


def test_the_list_of_models_has_two_sizes():
    needs = preset_memory("ace-0.6b-512")
    assert list(needs) == [512, 1024]
    assert needs[512].picture < needs[1024].picture
    assert list(preset_memory("ace-mini")) == [128]


def test_this_machine_has_some_memory():
    assert 10**8 < available_memory() < 10**14


def test_too_little_memory_is_one_line_with_a_remedy():
    check_memory(5, 5, "a picture", "")
    with raises(ModelError, match=r"a picture needs 9.0 GB of memory and 4.0 GB are free: use --offload"):
        check_memory(9 * 10**9, 4 * 10**9, "a picture", "use --offload")


def test_a_container_has_its_limit_less_what_is_not_cache(tmp_path: Path, monkeypatch: MonkeyPatch):
    """Weights that were read stay in the page cache, which a container gives back."""
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("2500000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 1900000\n")
    assert available_memory() == 2_400_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory() > 10**8
