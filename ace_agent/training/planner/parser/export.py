"""Write a trained plan parser for ONNX Runtime: two graphs with 8-bit weights, and the tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ace_agent.planner.parser.weights import DECODER, ENCODER, TOKENIZER
from ace_agent.training.planner.parser.network import PlanParser

SMALLEST = 10_000
"""Values of the smallest matrix that is stored in 8 bits."""


class _Reader(nn.Module):
    """The encoder: word pieces, int64 [1, L], and places, [1, 3, L], to states, float [1, L, C]."""

    def __init__(self, parser: PlanParser) -> None:
        super().__init__()
        self.parser = parser

    def forward(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.parser.read(ids, places, ids != 0)


class _Writer(nn.Module):
    """The decoder: states [1, L, C] and what is written, int64 [1, T], to scores of what comes next, [SIZE + L]."""

    def __init__(self, parser: PlanParser) -> None:
        super().__init__()
        self.parser = parser

    def forward(self, states: Tensor, written: Tensor) -> Tensor:
        real = torch.ones(states.shape[:2], dtype=torch.bool)
        scores: Tensor = self.parser(states, real, written)[0, -1]
        return scores


def export(parser: PlanParser, encoder: Path, out: Path) -> None:
    """Write `encoder.onnx`, `decoder.onnx` and `tokenizer.json`. Needs the extra `train`."""
    parser.eval()
    out.mkdir(parents=True, exist_ok=True)
    ids = torch.randint(1000, 2000, (1, 20))
    states = torch.randn(1, 20, parser.tokens.embedding_dim)
    places = torch.zeros(1, 3, 20, dtype=torch.long)
    _graph(_Reader(parser), (ids, places), ("ids", "places", "states"), (1, 2), out / ENCODER)
    written = torch.ones(1, 5, dtype=torch.long)
    _graph(_Writer(parser), (states, written), ("states", "written", "scores"), (1, 1), out / DECODER)
    shutil.copyfile(encoder / "tokenizer.json", out / TOKENIZER)


def _graph(
    module: nn.Module,
    example: tuple[Tensor, Tensor],
    names: tuple[str, str, str],
    lengths: tuple[int, int],
    file: Path,
) -> None:
    """Write a graph of two inputs; `lengths` are the dimensions of each that may have any length."""
    import onnx

    program = torch.onnx.export(
        module.eval(),
        example,
        input_names=list(names[:2]),
        output_names=list(names[2:]),
        dynamic_shapes=tuple({dimension: torch.export.Dim.DYNAMIC} for dimension in lengths),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # it is where dynamo exports
    onnx.save(_eight_bit(program.model_proto), str(file))


def _eight_bit(model: Any) -> Any:
    """The model with its large weights in 8 bits, a scale for each row or column; unfolded as it is loaded.

    The products stay in float32: with 8-bit products the states were off by 13 %.
    """
    from onnx import helper, numpy_helper

    graph, unfolding = model.graph, []
    for stored in list(graph.initializer):
        weight = numpy_helper.to_array(stored)
        if weight.dtype != np.float32 or weight.ndim != 2 or weight.size < SMALLEST:
            continue
        axis, scale, rounded = min(
            (_rounded(weight, axis) for axis in (0, 1)),
            key=lambda way: float(np.square(way[1] * way[2] - weight).mean()),
        )
        name = stored.name
        graph.initializer.remove(stored)
        graph.initializer.extend(
            (
                numpy_helper.from_array(rounded, f"{name}_8"),
                numpy_helper.from_array(scale.ravel().astype(np.float32), f"{name}_scale"),
            )
        )
        unfolding.append(
            helper.make_node("DequantizeLinear", [f"{name}_8", f"{name}_scale"], [name], axis=axis)
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*unfolding, *nodes])
    return model


def _rounded(weight: npt.NDArray[Any], axis: int) -> tuple[int, npt.NDArray[Any], npt.NDArray[Any]]:
    """The axis that has a scale for each place, the scales, and the weights in 8 bits."""
    scale = np.abs(weight).max(1 - axis, keepdims=True).clip(1e-12) / 127
    return axis, scale, np.round(weight / scale).astype(np.int8)
