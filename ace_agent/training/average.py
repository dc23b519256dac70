"""The moving average of what training changes: the weights that ship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a module's `learned_state`. What is frozen is not copied."""

    def __init__(self, module: nn.Module) -> None:
        self.live = learned_state(module)
        self.values = {name: value.detach().clone() for name, value in self.live.items()}

    @torch.no_grad()
    def update(self, decay: float) -> None:
        if self.values:
            torch._foreach_lerp_(list(self.values.values()), list(self.live.values()), 1 - decay)

    def state_dict(self) -> dict[str, Tensor]:
        return self.values

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for name, value in self.values.items():
            value.copy_(state[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module holds the average; the live values come back bit for bit."""
        kept = {name: value.detach().clone() for name, value in self.live.items()}
        try:
            self._put(self.values)
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self.live.items():
            value.copy_(values[name])


def trained(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def learned_state(module: nn.Module) -> dict[str, Tensor]:
    """What training changes, by name: the parameters that learn, and running statistics such as batch norm's."""
    parameters = dict(module.named_parameters())
    statistics = {
        name: value
        for name, value in module.state_dict(keep_vars=True).items()
        if name not in parameters and value.is_floating_point()
    }
    return {**trained(module), **statistics}
