"""A folder that diffusers saved: which pipeline it names, whether it is safe to load, and how large it is. No torch."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ace_agent.errors import ModelError

INDEX = "model_index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
VARIANTS = (".fp16.", ".bf16.", ".non_ema.")
DEFAULT_SIDE = 1024


@dataclass(frozen=True)
class ModelFolder:
    """What a folder says of itself. `side` in pixels, of the square that the model works on best."""

    path: Path
    pipeline: str
    side: int

    @classmethod
    def read(cls, path: Path) -> ModelFolder:
        """Read and check a folder.

        Raises:
            ModelError: its index cannot be read, or it holds code, pickles in place of safetensors, or no weights.
        """
        try:
            name = json.loads((path / INDEX).read_text())["_class_name"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{path / INDEX} names no pipeline", "save or download the model again"
            ) from error
        code = next(path.rglob("*.py"), None)
        if code is not None or not isinstance(name, str):
            what = code.relative_to(path) if code is not None else "its index"
            raise ModelError(
                f"{path} brings code of its own ({what}), which is never run", "take a model without code"
            )
        for folder in sorted(child for child in path.iterdir() if child.is_dir()):
            files = [file for file in folder.iterdir() if file.is_file()]
            pickled = next((file for file in files if file.suffix in PICKLES), None)
            if pickled is not None and not any(file.suffix == ".safetensors" for file in files):
                raise ModelError(
                    f"{pickled.relative_to(path)} in {path} is a pickle, which can run code when it is read",
                    "take the model's safetensors files",
                )
        found = cls(path, name, _native_side(path))
        if not any(found.weights()):
            raise ModelError(f"{path} holds no safetensors files", "download the model again")
        return found

    def weights(self) -> Iterator[Path]:
        """Its weight files in order, without those of a second number format."""
        for file in sorted(self.path.glob("*/*.safetensors")):
            if not any(mark in file.name for mark in VARIANTS):
                yield file

    def parameters(self) -> int:
        """Number of its parameters, from the files' headers. Raises ModelError for a damaged file."""
        return sum(map(_parameters_in, self.weights()))

    def sha256(self) -> str:
        """Of its index, its parts' settings and all its weights."""
        digest = hashlib.sha256()
        for file in (self.path / INDEX, *sorted(self.path.glob("*/*.json")), *self.weights()):
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()


def _parameters_in(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > file.stat().st_size:
                raise ValueError("its header is cut short")
            header = json.loads(stream.read(length))
        return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f"{file} is damaged", "download the model again") from error


def _native_side(path: Path) -> int:
    """From the denoiser's `sample_size`, in latent pixels; the default where it says none."""
    try:
        size = json.loads((path / "unet" / "config.json").read_text())["sample_size"]
        levels = json.loads((path / "vae" / "config.json").read_text())["block_out_channels"]
        return max(16, int(size) * 2 ** (len(levels) - 1))
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_SIDE
