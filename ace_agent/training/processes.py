"""The processes that train together: sums over them, and the decisions of the first. A single process needs none."""

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
"""Numbers per reduction; reducing all gradients at once would double their memory."""


class Processes:
    """This process among those of one launch, by accelerate; without an accelerator a single process on the CPU.

    DistributedDataParallel would not do: its hooks need every parameter in every step, and a batch without pictures
    does not use the pointer's.
    """

    def __init__(self, accelerator: Accelerator | None = None) -> None:
        self._accelerator = accelerator
        self.rank = 0 if accelerator is None else accelerator.process_index
        self.count = 1 if accelerator is None else accelerator.num_processes
        at = torch.device("cpu") if accelerator is None else accelerator.device
        self.device = at if at.type != "cpu" else torch.device("cpu")  # accelerate numbers CPUs

    @classmethod
    def launched(cls, device: str = "auto", dtype: str = "float32") -> Processes:
        """The processes of `accelerate launch` or torchrun; with `dtype` bfloat16 the weights stay float32."""
        from accelerate import Accelerator

        if device not in ("auto", "cpu") and int(os.environ.get("WORLD_SIZE", "1")) == 1:
            os.environ.setdefault("ACCELERATE_TORCH_DEVICE", device)
        mixed = "bf16" if dtype == "bfloat16" else "no"
        return cls(Accelerator(mixed_precision=mixed, cpu=device == "cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of matrix products."""
        mixed = self._accelerator is not None and self._accelerator.mixed_precision == "bf16"
        return torch.bfloat16 if mixed else torch.float32

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which losses are computed."""
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
        """Sum the gradients over the processes; a parameter without a gradient in any of them keeps none."""
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
        """The pieces of work, of `count` equal ones, of this process; several processes may do the last ones."""
        size = -(-count // self.count)
        first = min(self.rank * size, count - size)
        return range(first, first + size)

    def gather_rows(self, own: Tensor, count: int) -> Tensor:
        """All `count` rows, on every process, from the `share` of each."""
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
        """The clock of the first process, and whether any process is to stop."""
        if self.count == 1:
            return seconds, stop
        own = torch.tensor([seconds if self.is_first else 0.0, float(stop)], dtype=torch.float64)
        first, stops = self.total(own).tolist()
        return first, stops > 0

    def gather(self, value: dict[str, list[float]]) -> list[dict[str, list[float]]]:
        """The values of all processes."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        gathered: list[dict[str, list[float]]] = gather_object([value])
        return gathered

    def wait(self) -> None:
        """Wait for all processes."""
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
