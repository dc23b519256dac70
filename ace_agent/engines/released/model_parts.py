"""The heavy parts of the released model: loaded when first used, and kept on the device as the runtime allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch
from torch import nn

from ace_agent.build_lock import building
from ace_agent.engines.memory_budget import free_memory
from ace_agent.engines.released.autoencoder import FirstStage
from ace_agent.engines.released.transformer import ReleasedTransformer

T = TypeVar("T")


class ModelPart(Generic[T]):
    """One part, and the function that loads it.

    With `offload` it is on `device` only while it is used. A CPU has no other memory to move it to, so there it is
    unloaded and loaded again.
    """

    def __init__(
        self, load: Callable[[], T], module_of: Callable[[T], nn.Module | None], device: str, offload: bool
    ) -> None:
        self._load = load
        self._module_of = module_of
        self._device = device
        self._offload = offload
        self._loaded: T | None = None

    @contextmanager
    def loaded(self) -> Iterator[T]:
        """The part, on the device."""
        if self._loaded is None:
            with building:
                self._loaded = self._load()
        part = self._loaded
        module = self._module_of(part)
        if not self._offload or module is None:
            yield part
        elif self._device == "cpu":
            try:
                yield part
            finally:
                self._loaded = None
        else:
            from accelerate import cpu_offload_with_hook

            _, hook = cpu_offload_with_hook(module, self._device)
            hook.hook.pre_forward(module)
            try:
                yield part
            finally:
                hook.offload()
                hook.remove()

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @property
    def held(self) -> int:
        """Bytes of weights on the device now."""
        module = None if self._loaded is None else self._module_of(self._loaded)
        kind = torch.device(self._device).type
        if module is None:
            return 0
        return sum(p.numel() * p.element_size() for p in module.parameters() if p.device.type == kind)

    def unload(self) -> None:
        self._loaded = None


class ModelParts:
    """The transformer and the first stage."""

    def __init__(
        self,
        transformer: Callable[[], ReleasedTransformer],
        first_stage: Callable[[], FirstStage],
        device: str,
        offload: bool,
    ) -> None:
        self.transformer: ModelPart[ReleasedTransformer] = ModelPart(
            transformer, lambda model: model, device, offload
        )
        self.first_stage: ModelPart[FirstStage] = ModelPart(
            first_stage, lambda stage: getattr(stage, "model", None), device, offload
        )

    @property
    def held(self) -> int:
        """Bytes of weights on the device now."""
        return self.transformer.held + self.first_stage.held

    @property
    def are_loaded(self) -> bool:
        return self.transformer.is_loaded and self.first_stage.is_loaded

    def unload(self) -> None:
        """Give the memory of both back."""
        self.transformer.unload()
        self.first_stage.unload()
        free_memory()
