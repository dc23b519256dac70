"""The processes that train together: sums over them, and what the first one decides. One alone needs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator

BUCKET = 16_000_000
"""Numbers of one reduction; all gradients in one would double their memory."""


class Processes:
    """This process among those of one launch, by accelerate; None is one process on the CPU.

    Gradients are summed here and not by DistributedDataParallel: its hooks need every parameter in every step, and
    a batch without pictures leaves the pointer's parameters out.
    """

    def __init__(self, accelerator: Accelerator | None = None) -> None:
        self._accelerator = accelerator
        self.rank = 0 if accelerator is None else accelerator.process_index
        self.count = 1 if accelerator is None else accelerator.num_processes
        at = torch.device("cpu") if accelerator is None else accelerator.device
        self.device = at if at.type != "cpu" else torch.device("cpu")  # accelerate numbers CPUs

    @classmethod
    def launched(cls, device: str = "auto", dtype: str = "float32") -> Processes:
        """As `accelerate launch` started them; `dtype` bfloat16 computes in it and keeps float32 weights."""
        from accelerate import Accelerator

        if device not in ("auto", "cpu") and int(os.environ.get("WORLD_SIZE", "1")) == 1:
            os.environ.setdefault("ACCELERATE_TORCH_DEVICE", device)
        mixed = "bf16" if dtype == "bfloat16" else "no"
        return cls(Accelerator(mixed_precision=mixed, cpu=device == "cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """What matrices are multiplied in."""
        mixed = self._accelerator is not None and self._accelerator.mixed_precision == "bf16"
        return torch.bfloat16 if mixed else torch.float32

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[Any]:
        """Around what computes a loss."""
        if self._accelerator is None:
            return nullcontext()
        context: AbstractContextManager[Any] = self._accelerator.autocast()
        return context

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over the processes, without gradients."""
        if self.count == 1:
            return values
        # Not accelerate's reduce, which copies twice: a step sums a hundred megabytes of gradients.
        summed = values.detach().to(self.device, copy=True)
        torch.distributed.all_reduce(summed)
        return summed

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every process the sum of all gradients; a parameter that none has a gradient for keeps none."""
        if self.count == 1:
            return
        has = torch.tensor([float(p.grad is not None) for p in parameters])
        shared = self.total(has).tolist()
        for bucket in _buckets([p for p, some in zip(parameters, shared, strict=True) if some]):
            flat = torch.cat([_gradient(p).flatten() for p in bucket])
            pieces = self.total(flat).split([p.numel() for p in bucket])
            for parameter, piece in zip(bucket, pieces, strict=True):
                parameter.grad = piece.view_as(parameter)

    def share(self, count: int) -> range:
        """Which of `count` equal pieces of work this process does; the last may be done by several."""
        size = -(-count // self.count)
        first = min(self.rank * size, count - size)
        return range(first, first + size)

    def gather_rows(self, own: Tensor, count: int) -> Tensor:
        """All `count` rows of which every process has its `share`, the same on every process."""
        if self.count == 1:
            return own
        assert self._accelerator is not None
        size = len(own)
        parts = self._accelerator.gather(own).split(size)
        rows = own.new_empty((count, *own.shape[1:]))
        for rank, part in enumerate(parts):
            first = min(rank * size, count - size)
            rows[first : first + size] = part
        return rows

    def agree(self, seconds: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock, and whether any process wants to stop."""
        if self.count == 1:
            return seconds, stop
        own = torch.tensor([seconds if self.is_first else 0.0, float(stop)], dtype=torch.float64)
        first, stops = self.total(own).tolist()
        return first, stops > 0

    def gather(self, value: dict[str, list[float]]) -> list[dict[str, list[float]]]:
        """Every process's value."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        gathered: list[dict[str, list[float]]] = gather_object([value])
        return gathered

    def wait(self) -> None:
        """Until all have come here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()


def _gradient(parameter: nn.Parameter) -> Tensor:
    return parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    size = 0
    for parameter in parameters:
        if bucket and size + parameter.numel() > BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(parameter)
        size += parameter.numel()
    if bucket:
        yield bucket
