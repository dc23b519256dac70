"""Muon for the matrices and kernels of the networks' blocks, AdamW for everything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Tensor, nn

from ace_agent.training.processes import Processes

NARROWEST = 48
"""Smaller side of the smallest matrix that Muon trains."""
# Coefficients of the quintic Newton-Schulz iteration (Jordan et al. 2024, "Muon").
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly; [K, m, n] -> [K, m, n], by Newton-Schulz iteration."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised, scaled to AdamW's update size (arXiv 2502.16982, 0.2 * sqrt(longer side)).

    torch.optim.Muon iterates in bfloat16, one matrix at a time; on a CPU without bfloat16 units that took 0.7 s of a 5
    s training step. This one stacks matrices of one shape, iterates in the processes' dtype, and divides the work among
    them.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.processes = processes or Processes()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            for shape, parameters in by_shape.items():
                buffers = []
                for parameter in parameters:
                    state = self.state[parameter]
                    if "momentum" not in state:
                        state["momentum"] = torch.zeros_like(parameter)
                    buffers.append(state["momentum"])
                gradients = [cast(Tensor, parameter.grad).contiguous() for parameter in parameters]
                weights: list[Tensor] = [*parameters]
                torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
                ahead = torch._foreach_lerp(gradients, buffers, group["momentum"])
                own = [ahead[i] for i in self.processes.share(len(ahead))]
                stack = torch.stack(own).flatten(2).to(self.processes.dtype)
                updates = self.processes.gather_rows(orthogonalize(stack), len(ahead))
                updates = updates.to(parameters[0].dtype) * (0.2 * max(updates.shape[1:]) ** 0.5)
                updates = updates.unflatten(2, shape[1:])
                torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(weights, list(updates.unbind()), alpha=-group["lr"])


def _is_inner(name: str, parameter: nn.Parameter) -> bool:
    """Whether Muon trains a parameter: a matrix, or kernels as one, that maps hidden features to hidden features."""
    if not ("blocks." in name or "layers." in name) or "film" in name or parameter.ndim not in (2, 4):
        return False
    return min(parameter.flatten(1).shape) >= NARROWEST


class Optimizers:
    """Both optimisers as one: `step`, `zero_grad`, `scale_rate`, `state_dict`, `load_state_dict`."""

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        *,
        muon_rate: float | None,
        adam_rate: float,
        decay: float,
        factors: Mapping[str, float] = MappingProxyType({}),
        processes: Processes | None = None,
    ) -> None:
        """`muon_rate` None gives everything to AdamW. Frozen parameters are skipped.

        `factors` scale AdamW's rate for the networks that they name.
        """
        matrices: list[nn.Parameter] = []
        rest: dict[float, list[nn.Parameter]] = defaultdict(list)
        for network, module in modules.items():
            for name, parameter in module.named_parameters():
                if not parameter.requires_grad:
                    continue
                inner = muon_rate is not None and _is_inner(name, parameter)
                (matrices if inner else rest[factors.get(network, 1.0)]).append(parameter)
        self.parameters = [*matrices, *(parameter for group in rest.values() for parameter in group)]
        adam = torch.optim.AdamW(
            [{"params": group, "lr": adam_rate * factor} for factor, group in rest.items()],
            lr=adam_rate,
            betas=(0.9, 0.98),
            weight_decay=decay,
        )
        self.all: tuple[torch.optim.Optimizer, ...] = (adam,)
        if muon_rate is not None and matrices:
            self.all = (Muon(matrices, muon_rate, decay, 0.95, processes), adam)
        self.rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.all]

    def scale_rate(self, factor: float) -> None:
        """Set every learning rate to `factor` times its full value."""
        for optimizer, rates in zip(self.all, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor

    def step(self) -> None:
        for optimizer in self.all:
            optimizer.step()

    def zero_grad(self) -> None:
        for optimizer in self.all:
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return {str(i): optimizer.state_dict() for i, optimizer in enumerate(self.all)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for i, optimizer in enumerate(self.all):
            optimizer.load_state_dict(state[str(i)])
