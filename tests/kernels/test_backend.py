"""Without a usable Triton a GPU runs the reference, and is told so once."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace

import pytest
import torch

from ace_kernels import backend

ON_GPU = SimpleNamespace(device=torch.device("cuda"), dtype=torch.float16)
ON_CPU = SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(autouse=True)
def first_time(monkeypatch):
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    backend._notice.cache_clear()
    yield
    backend._notice.cache_clear()


@pytest.mark.parametrize(
    ("module", "notice"),
    [
        (None, "triton is missing"),
        (SimpleNamespace(__version__="2.1.0"), r"triton 2\.1\.0 is too old; pip install 'triton>=3\.4'"),
    ],
)
def test_a_gpu_without_a_usable_triton_falls_back_with_one_notice(module, notice, monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", module)
    with pytest.warns(UserWarning, match=notice):
        assert backend.choose(ON_GPU, None) == "reference"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert backend.choose(ON_GPU, None) == "reference"
        assert backend.choose(ON_CPU, None) == "cpu"


def test_a_gpu_with_triton_uses_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.10.0"))
    assert backend.choose(ON_GPU, None) == "triton"
