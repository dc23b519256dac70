"""Networks saved with their arguments in diffusers' folder layout: `config.json` and
`diffusion_pytorch_model.safetensors`.

diffusers' own mixins would do the same, but importing them loads transformers, peft and torch's compiler, which takes
longer than a whole first picture (docs/design.md).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from ace_agent.engines.ace import quantized_weights

CONFIG_FILE, WEIGHTS_FILE = "config.json", "diffusion_pytorch_model.safetensors"
LARGE = 2**28
"""Bytes of weights from which a model is built on the meta device, so that its weights are in memory once. For smaller
models that costs more than it saves, because torch loads its compiler for it."""


def configured(init: Callable[..., None]) -> Callable[..., None]:
    """Decorates a model's `__init__`: all its arguments, defaults included, become the model's `config`."""
    signature = inspect.signature(init)

    @wraps(init)
    def noted(self: Any, *given: Any, **named: Any) -> None:
        bound = signature.bind(self, *given, **named)
        bound.apply_defaults()
        init(self, *given, **named)
        self.config = {name: value for name, value in bound.arguments.items() if name != "self"}

    return noted


class SavedModule(nn.Module):
    """A network that can be written to a folder and read again; its `__init__` is `configured`."""

    config: dict[str, Any]
    retired: ClassVar[dict[str, Any]] = {}
    """Arguments that earlier versions wrote into `config.json`, with the one value that this class stands for."""

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of its parameters."""
        return next(self.parameters()).dtype

    def save_config(self, folder: str | Path) -> None:
        """Write the model's arguments without its weights."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        facts = {"_class_name": type(self).__name__, **self.config}
        (Path(folder) / CONFIG_FILE).write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as it is, in its own dtype."""
        self.save_config(folder)
        state = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(state, Path(folder) / WEIGHTS_FILE, {"format": "pt"})

    def save_compact(self, folder: str | Path) -> None:
        """Write the model with its large matrices as small integers (`quantized_weights`)."""
        self.save_config(folder)
        quantized_weights.write_state(self.state_dict(), Path(folder) / WEIGHTS_FILE)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new model from its arguments; names that begin with an underscore are ignored.

        Raises:
            ValueError: a retired argument has a value that this class cannot have.
            TypeError: an unknown name.
        """
        for name in config.keys() & cls.retired.keys():
            if config[name] != cls.retired[name]:
                raise ValueError(f"{name}: {cls.__name__} has {cls.retired[name]!r}, not {config[name]!r}")
        own = {name: value for name, value in config.items() if name not in cls.retired}
        return cls(**{name: value for name, value in own.items() if not name.startswith("_")})

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load a folder that `save_pretrained` or `save_compact` wrote, in float32 and in evaluation mode.

        Raises:
            OSError: a file is not there.
            ValueError: a file is damaged, of an earlier version, or of a model with other parameters.
        """
        file, described = Path(folder) / WEIGHTS_FILE, Path(folder) / CONFIG_FILE
        place = "meta" if file.stat().st_size > LARGE else "cpu"
        try:
            with torch.device(place):
                model = cls.from_config(json.loads(described.read_text()))
            state = quantized_weights.read_state(file)
        except TypeError as error:
            raise ValueError(f"{described}: {error}") from error
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(f"{file}: {str(error).splitlines()[0]}") from error
        wanted = {name: value.shape for name, value in model.state_dict().items()}
        if other := wanted.items() ^ {(name, value.shape) for name, value in state.items()}:
            name = min(name for name, _ in other)
            raise ValueError(f"{file} is not of the model that its {CONFIG_FILE} describes, by {name}")
        model.load_state_dict(state, assign=True)
        return model.eval()
