"""The choice of a backend: a GPU that the Triton kernels cannot use runs torch's attention, with one warning."""

from __future__ import annotations

import sys
import tomllib
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ace_kernels import BackendError, attention_workspace, backend, triton_support
from ace_kernels.ops.range_attention import sdpa

ON_GPU = SimpleNamespace(device=torch.device("cuda:0"), dtype=torch.float16)
ON_CPU = SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32)
TRITON = SimpleNamespace(__version__="3.10.0")


@pytest.fixture
def use(monkeypatch):
    """Pretend that a release of Triton is installed and that a chip is the GPU."""

    def use(chip, module=TRITON):
        monkeypatch.setitem(sys.modules, "triton", module)
        monkeypatch.setattr(triton_support, "_chip_name", lambda index: chip)

    monkeypatch.delenv(backend.VARIABLE, raising=False)
    caches = (backend._warn_once, triton_support._device_problem)
    for cached in caches:
        cached.cache_clear()
    yield use
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize(
    ("chip", "module", "warning"),
    [
        ("sm_90", None, "triton is missing"),
        (
            "sm_90",
            SimpleNamespace(__version__="3.4.0"),
            r"triton 3\.4\.0 is too old; pip install 'triton>=3\.5'",
        ),
        ("sm_75", TRITON, r"compute capability 7\.5 is below 8\.0"),
        ("gfx1100", TRITON, "gfx1100 is not one of gfx90a, gfx942, gfx950"),
    ],
)
def test_an_unsupported_gpu_falls_back_with_one_warning(chip, module, warning, use):
    """Turing was given kernels that need more shared memory than it has; a GPU without Triton ran the quadratic
    reference."""
    use(chip, module)
    with pytest.warns(UserWarning, match=warning):
        assert backend.choose_backend(ON_GPU, None) == "sdpa"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert backend.choose_backend(ON_GPU, None) == "sdpa"
        assert backend.choose_backend(ON_CPU, None) == "cpu"
    with pytest.raises(BackendError, match=warning):
        backend.choose_backend(ON_GPU, "triton")


@pytest.mark.parametrize(
    "chip", ["sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "gfx90a", "gfx942", "gfx950"]
)
def test_a_supported_gpu_uses_triton(chip, use):
    use(chip)
    assert backend.choose_backend(ON_GPU, None) == "triton"


def test_the_oldest_triton_is_that_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    (wanted,) = [entry for entry in project["dependencies"] if entry.startswith("triton")]
    assert wanted.startswith("triton>=" + ".".join(map(str, triton_support.OLDEST_TRITON)) + ",")


def test_other_devices_use_torchs_attention_without_a_warning(use):
    use("sm_90")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_mps = SimpleNamespace(device=torch.device("mps"), dtype=torch.float16)
        assert backend.choose_backend(on_mps, None) == "sdpa"
        double = SimpleNamespace(device=torch.device("cuda:0"), dtype=torch.float64)
        assert backend.choose_backend(double, None) == "sdpa"


def test_only_a_gpu_without_kernels_needs_room_for_scores(use, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    use("sm_90")
    assert attention_workspace("cpu") == attention_workspace("cuda:0") == 0
    triton_support._device_problem.cache_clear()
    use("sm_75")
    assert attention_workspace("cuda:0") == attention_workspace("mps") == 3 * sdpa.SCORE_BYTES
