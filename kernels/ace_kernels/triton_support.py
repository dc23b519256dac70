"""Whether Triton can run here: its release, the GPU, the interpreter."""

from __future__ import annotations

import os
from functools import cache

import torch

OLDEST_TRITON = (3, 5)
OLDEST_CAPABILITY = (8, 0)
# AMD's data-centre chips with matrix instructions for both half formats. On consumer chips the kernels would spill.
CDNA = ("gfx90a", "gfx942", "gfx950")


def is_interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels, as in tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def triton_problem() -> str | None:
    """Why Triton cannot be used in this installation, or None."""
    try:
        import triton
    except ImportError as error:
        return f"triton is missing ({error}); pip install 'triton>=3.5'"
    found = tuple(int(part) for part in triton.__version__.split(".")[:2])
    if found < OLDEST_TRITON:
        return f"triton {triton.__version__} is too old; pip install 'triton>=3.5'"
    return None


def chip_problem(chip: str) -> str | None:
    """Why the kernels do not support a chip, or None."""
    if chip.startswith("gfx"):
        return None if chip in CDNA else f"{chip} is not one of {', '.join(CDNA)}"
    if chip.startswith("sm_"):
        capability = int(chip[3:-1]), int(chip[-1])
        if capability < OLDEST_CAPABILITY:
            return f"compute capability {capability[0]}.{capability[1]} is below 8.0"
    return None


def chip_name(device: torch.device) -> str:
    """`sm_90`, `gfx942` or `interpreter`: the key of the tile tables."""
    if is_interpreted():
        return "interpreter"
    return _chip_name(torch.cuda.current_device() if device.index is None else device.index)


@cache
def _chip_name(index: int) -> str:
    if torch.version.hip is not None:
        return str(torch.cuda.get_device_properties(index).gcnArchName).split(":")[0]
    major, minor = torch.cuda.get_device_capability(index)
    return f"sm_{major}{minor}"


def device_problem(device: torch.device) -> str | None:
    """Why the kernels cannot run on a CUDA or ROCm device, or None."""
    return _device_problem(torch.cuda.current_device() if device.index is None else device.index)


@cache
def _device_problem(index: int) -> str | None:
    """Cached, because every call of an operation asks."""
    return triton_problem() or chip_problem(_chip_name(index))
