"""What all operations share: choosing an implementation, autograd, and registration with torch.

An implementation is a module with two functions. `forward(*inputs)` returns a tuple: the result, then whatever else
the backward pass reads. `backward(grad, *values)` takes the values that the operation declares in `reads` and returns
one gradient for each name in `gradients`, None for an input that is None.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ace_kernels.backend import as_fake, is_traced

NAMESPACE = "ace_kernels"


class Operation:
    """One operation: call it with a backend's name and the inputs.

    Eagerly it runs through a `torch.autograd.Function`, which costs a fraction of a registered operation's overhead
    per call. Under torch.compile, export or FakeTensorMode it is one node of the graph, forward and backward.
    """

    def __init__(
        self,
        name: str,
        package: str,
        inputs: str,
        *,
        outputs: str,
        reads: str,
        gradients: str,
        fake: Callable[..., tuple[Tensor, ...]],
        passes_through: str = "",
    ) -> None:
        """Register the operation with torch.

        Args:
            name: of the operation, `torch.ops.ace_kernels.<name>`; its backward is `<name>_backward`.
            package: holds one module for each backend.
            inputs: as in a torch schema, `"Tensor x, Tensor? weight, float eps"`.
            outputs: names of what `forward` returns, separated by spaces; the first is the result.
            reads: names of the inputs and outputs that `backward` takes after the gradient, in its order.
            gradients: names of the inputs that `backward` returns gradients of, all of them in `reads`.
            fake: takes the inputs, returns empty tensors like the outputs.
            passes_through: an input whose gradient is that of the result.
        """
        declared = {value: kind for kind, value in (entry.split() for entry in inputs.split(", "))}
        values = [*declared, *outputs.split()]
        self.name = name
        self.package = package
        self._modules: dict[str, ModuleType] = {}
        self._outputs = len(outputs.split())
        self._reads = [values.index(value) for value in reads.split()]
        self._gradients = [reads.split().index(value) for value in gradients.split()]
        self._places = [list(declared).index(value) for value in gradients.split()]
        self._passes_through = list(declared).index(passes_through) if passes_through else None
        self._inputs = len(declared)
        self._fake = fake
        saved = ", ".join(f"{declared.get(value, 'Tensor')} {value}" for value in reads.split())
        self._register(inputs, f"Tensor grad, {saved}")

    def __call__(self, backend: str, *inputs: Any) -> Tensor:
        """The result, by the implementation in `<package>.<backend>`."""
        if is_traced():
            inputs = tuple(as_fake(x, inputs[0]) if isinstance(x, Tensor) else x for x in inputs)
            out = getattr(torch.ops.ace_kernels, self.name)(*inputs, backend)
        elif needs_gradient(*inputs):
            out = _Eager.apply(self, backend, *inputs)
        else:
            module = self.implementation(backend)
            with device_guard(inputs[0]):
                out = module.forward(*inputs)[0]
        return out[0] if isinstance(out, tuple) else out

    def implementation(self, backend: str) -> ModuleType:
        """The module of a backend; Triton is imported when it is first used."""
        if backend not in self._modules:
            self._modules[backend] = import_module(f"{self.package}.{backend}")
        return self._modules[backend]

    def save(self, ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
        """Keep what `backward` reads."""
        values = (*inputs, *outputs)
        read = [values[place] for place in self._reads]
        ctx.save_for_backward(*(x if isinstance(x, Tensor) else None for x in read))
        ctx.others = [None if isinstance(x, Tensor) else x for x in read]

    def input_gradients(
        self, ctx: Any, grad: Tensor, backward: Callable[..., tuple[Tensor | None, ...]]
    ) -> list[Tensor | None]:
        """One entry for each input."""
        read = [other if x is None else x for x, other in zip(ctx.saved_tensors, ctx.others, strict=True)]
        result: list[Tensor | None] = [None] * self._inputs
        if self._passes_through is not None:
            result[self._passes_through] = grad
        gradients = backward(grad, *read)
        for place, source, value in zip(self._places, self._gradients, gradients, strict=True):
            result[place] = None if read[source] is None else value
        return result

    def _register(self, inputs: str, reads: str) -> None:
        name = f"{NAMESPACE}::{self.name}"
        forward_op = torch.library.custom_op(
            name, self._run, mutates_args=(), schema=f"({inputs}, str backend) -> {_returns(self._outputs)}"
        )
        backward_op = torch.library.custom_op(
            f"{name}_backward",
            self._run_backward,
            mutates_args=(),
            schema=f"({reads}, str backend) -> {_returns(len(self._gradients))}",
        )
        forward_op.register_fake(lambda *inputs: _unpacked(self._fake(*inputs[:-1])))
        backward_op.register_fake(self._fake_backward)

        def setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor | tuple[Tensor, ...]) -> None:
            self.save(ctx, inputs[:-1], output if isinstance(output, tuple) else (output,))
            ctx.backend = inputs[-1]

        def differentiate(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
            operation = getattr(torch.ops.ace_kernels, f"{self.name}_backward")

            def backward(grad: Tensor, *read: Any) -> tuple[Tensor, ...]:
                gradients = operation(grad, *read, ctx.backend)
                return gradients if isinstance(gradients, tuple) else (gradients,)

            return (*self.input_gradients(ctx, grad, backward), None)

        forward_op.register_autograd(differentiate, setup_context=setup)

    def _run(self, *inputs: Any) -> Tensor | tuple[Tensor, ...]:
        with device_guard(inputs[0]):
            return _unpacked(self.implementation(inputs[-1]).forward(*inputs[:-1]))

    def _run_backward(self, grad: Tensor, *read: Any) -> Tensor | tuple[Tensor, ...]:
        with device_guard(grad):
            gradients = self.implementation(read[-1]).backward(grad.contiguous(), *read[:-1])
        # A registered operation cannot return None.
        return _unpacked(tuple(grad.new_empty(0) if g is None else g for g in gradients))

    def _fake_backward(self, grad: Tensor, *read: Any) -> Tensor | tuple[Tensor, ...]:
        likes = [read[place] for place in self._gradients]
        return _unpacked(
            tuple(grad.new_empty(0) if like is None else like.new_empty(like.shape) for like in likes)
        )


class _Eager(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operation: Operation, backend: str, *inputs: Any) -> Tensor:
        module = operation.implementation(backend)
        with device_guard(inputs[0]):
            outputs = module.forward(*inputs)
        operation.save(ctx, inputs, outputs)
        ctx.operation, ctx.module = operation, module
        return outputs[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        def backward(grad: Tensor, *read: Any) -> tuple[Tensor | None, ...]:
            with device_guard(grad):
                return ctx.module.backward(grad.contiguous(), *read)

        return (None, None, *ctx.operation.input_gradients(ctx, grad, backward))


def device_guard(x: Tensor) -> AbstractContextManager[object]:
    """Makes the GPU of `x` the current one: Triton launches on the current device, whatever its operands."""
    if x.device.type != "cuda" or x.device.index == torch.cuda.current_device():
        return nullcontext()
    return torch.cuda.device(x.device)


def needs_gradient(*inputs: Any) -> bool:
    """Whether autograd must record a call with these inputs."""
    return torch.is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in inputs)


def _returns(count: int) -> str:
    return "Tensor" if count == 1 else f"({', '.join(['Tensor'] * count)})"


def _unpacked(outputs: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return outputs[0] if len(outputs) == 1 else outputs
