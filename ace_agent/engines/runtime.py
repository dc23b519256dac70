"""Where and how a model runs: device, number format, memory savings. Torch is imported only to look at this machine's
devices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.engines.presets import MINI
from ace_agent.errors import InputError, ModelError

if TYPE_CHECKING:
    import torch

DEVICES = "auto, cpu, cuda, cuda:1 or mps"
DTYPES = ("auto", "float32", "float16", "bfloat16")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device_name(device: str) -> None:
    """Raises InputError for an invalid device name; whether this machine has the device is checked later."""
    if not _DEVICE.fullmatch(device):
        raise InputError(f"there is no device {device!r}", f"it is {DEVICES}")


@dataclass(frozen=True)
class Runtime:
    """The settings of `--device`, `--dtype`, `--offload` and `--vae-tiling`.

    `offload` keeps only the part in use on the device, and spreads the text encoder over device, memory and disk; on a
    CPU each part is unloaded after use. `vae_tiling` decodes in tiles of 512 px.
    """

    device: str = "auto"
    dtype: str = "auto"
    offload: bool = False
    vae_tiling: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for an unknown device or number format."""
        check_device_name(self.device)
        if self.dtype not in DTYPES:
            raise InputError(f"there is no number format {self.dtype!r}", f"it is one of {', '.join(DTYPES)}")

    def check_for(self, model: str | Path) -> None:
        """Raises InputError for settings that a model, known by its name alone, cannot use."""
        if str(model) == MINI:
            self.check_small(MINI)

    def check_small(self, name: str) -> None:
        """Raises InputError for settings that ace-mini, called `name`, cannot use."""
        if self.dtype not in ("auto", "float32"):
            raise InputError(
                f"{name} runs in float32, not in {self.dtype}",
                "leave --dtype off; it is for the released model",
            )
        for option, on in (("--offload", self.offload), ("--vae-tiling", self.vae_tiling)):
            if on:
                raise InputError(
                    f"{option} makes no sense with {name}, which is small and one piece",
                    "leave it off; it is for the released model",
                )

    def torch_device(self) -> torch.device:
        """The device, `auto` being the best there is. Raises ModelError if this machine lacks it."""
        import torch

        if self.device == "auto":
            if torch.cuda.is_available():
                return torch.device("cuda")
            return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
        found = torch.device(self.device)
        hint = "leave --device off to take what there is; `ace doctor` says what that is"
        if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            seen = f"PyTorch sees {count} CUDA device{'s' if count != 1 else ''} here"
            raise ModelError(f"{self.device} cannot be used: {seen}", hint)
        if found.type == "mps" and not torch.backends.mps.is_available():
            raise ModelError("mps cannot be used: PyTorch sees no Apple GPU here", hint)
        return found

    def torch_dtype(self, device: torch.device) -> torch.dtype:
        """The number format for autocast; `auto` is float16 on a GPU, as the weights were released for, and float32
        elsewhere.

        Raises InputError for float16 on a CPU, which PyTorch does not support.
        """
        import torch

        if self.dtype == "auto":
            return torch.float16 if device.type == "cuda" else torch.float32
        if self.dtype == "float16" and device.type == "cpu":
            raise InputError("float16 needs a GPU", "on a CPU take --dtype bfloat16 or float32")
        found: torch.dtype = getattr(torch, self.dtype)
        return found
