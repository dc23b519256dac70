"""The choice of a backend: without a usable Triton a GPU runs the reference, with one warning."""

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
def fresh_warnings(monkeypatch):
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    backend._warn_once.cache_clear()
    yield
    backend._warn_once.cache_clear()


@pytest.mark.parametrize(
    ("module", "warning"),
    [
        (None, "triton is missing"),
        (SimpleNamespace(__version__="2.1.0"), r"triton 2\.1\.0 is too old; pip install 'triton>=3\.4'"),
    ],
)
def test_a_gpu_without_a_usable_triton_falls_back_with_one_warning(module, warning, monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", module)
    with pytest.warns(UserWarning, match=warning):
        assert backend.choose_backend(ON_GPU, None) == "reference"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert backend.choose_backend(ON_GPU, None) == "reference"
        assert backend.choose_backend(ON_CPU, None) == "cpu"


def test_a_gpu_with_triton_uses_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.10.0"))
    assert backend.choose_backend(ON_GPU, None) == "triton"
