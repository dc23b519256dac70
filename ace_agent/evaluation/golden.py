"""Golden files of the released code: what a directory of them holds, read by content and not by name.

Batch index b, frame index f, image index k. docs/released.md describes every entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ace_agent.engines.released.checkpoints import convert_transformer
from ace_agent.engines.released.joint_packing import JointSample
from ace_agent.engines.released.transformer import ReleasedTransformer
from ace_agent.evaluation.errors import EvaluationError

Kind = Literal["schedule", "preprocess", "inference", "sampling", "loss", "forward"]
WEIGHTS = "weights"
_MARKS: dict[Kind, str] = {
    "schedule": "betas",
    "preprocess": "out_mask.0",
    "inference": "latent_final",
    "sampling": "x_final",
    "loss": "x_0",
    "forward": "out",
}
"""A tensor that only files of this kind hold, asked in this order."""


class GoldenError(EvaluationError):
    """A golden directory that cannot be read."""


@dataclass(frozen=True)
class Case:
    """One golden file."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Case:
        try:
            with safe_open(path, "pt") as file:
                return cls(path, {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {})  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise GoldenError(f"{path} cannot be read: {error}") from error

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def kind(self) -> Kind | None:
        """None for a file that holds no known quantity."""
        return next((kind for kind, mark in _MARKS.items() if mark in self.tensors), None)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise GoldenError(f"{self.path} lacks {name}")
        return self.tensors[name]

    def number(self, name: str, default: float) -> float:
        return float(self.metadata.get(name, default))

    def json(self, name: str) -> Any:
        return json.loads(self.metadata[name])

    def numbered(self, name: str) -> Iterator[tuple[int, Tensor]]:
        """`name.0`, `name.1` ... as far as they go."""
        index = 0
        while f"{name}.{index}" in self.tensors:
            yield index, self.tensors[f"{name}.{index}"]
            index += 1

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """Latent (h, w) of each target."""
        listed = self["x_shapes"].tolist() if "x_shapes" in self.tensors else self.json("x_shapes")
        return [(int(height), int(width)) for height, width in listed]

    @property
    def indicators(self) -> Tensor | None:
        found = self.tensors.get("text_position_embeddings")
        return self.tensors.get("tpe") if found is None else found

    def texts(self, b: int, kind: str = "frame_text") -> list[Tensor]:
        """Valid rows of the texts of sample b; rows after them are padding and mean nothing."""
        return [text[: int(self[f"{kind}_mask.{b}.{f}"].sum())] for f, text in self.numbered(f"{kind}.{b}")]

    def samples(self, prefix: str = "") -> list[JointSample]:
        """The batch, with the texts of one branch: "" or "null."."""
        samples = []
        for b, shape in enumerate(self.shapes):
            edits = [edit[0] for _, edit in self.numbered(f"edit.{b}")]
            masks = [self._mask(f"edit_mask.{b}.{k}") for k in range(len(edits))]
            texts = self.texts(b, f"{prefix}frame_text")
            samples.append(
                JointSample(shape, self._mask(f"x_mask.{b}"), tuple(edits), tuple(masks), tuple(texts))
            )
        return samples

    def _mask(self, name: str) -> Tensor | None:
        mask = self.tensors.get(name)
        return None if mask is None else mask[0]


def read_cases(folder: Path) -> list[Case]:
    """Every golden file of a directory but the weights, by name.

    Raises GoldenError for a missing directory and an unreadable file.
    """
    if not folder.is_dir():
        raise GoldenError(f"{folder} is not a directory")
    paths = sorted(folder.glob("*.safetensors"))
    return [Case.read(p) for p in paths if p.stem != WEIGHTS and not p.stem.endswith(f"_{WEIGHTS}")]


def weights_of(case: Case) -> Path:
    """`P_weights.safetensors` for a case whose name begins with `P_` (the longest such P), else `weights`."""
    folder = case.path.parent
    own = [
        path
        for path in folder.glob(f"*_{WEIGHTS}.safetensors")
        if case.name.startswith(path.stem.removesuffix(WEIGHTS))
    ]
    return max(own, key=lambda path: len(path.stem), default=folder / f"{WEIGHTS}.safetensors")


def load_transformer(weights: Path) -> ReleasedTransformer:
    """The model of a weights file; sizes that its config lacks are read from the tensors."""
    case = Case.read(weights)
    beside = weights.with_suffix("").with_suffix(".config.json")
    if beside.is_file():
        config = json.loads(beside.read_text())
    else:
        config = json.loads(case.metadata.get("config", "{}"))
    tensors = {name: tensor.float() for name, tensor in case.tensors.items()}
    if config.get("QK_NORM") is False:
        tensors = {name: tensor for name, tensor in tensors.items() if ".norm_" not in name}
    ours, state = convert_transformer(tensors, config.get("NUM_HEADS"))
    model = ReleasedTransformer(**ours)
    model.load_state_dict(state)
    return model.eval()


def grid_numbers(case: Case) -> list[int]:
    """The step counts of a schedule file."""
    return sorted(
        int(n.split(".")[0][5:]) for n in case.tensors if n.startswith("steps") and n.endswith(".timesteps")
    )


def largest(x: Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def difference(found: Tensor, wanted: Tensor) -> float:
    """Largest absolute difference; infinite if the shapes differ or a value is not finite."""
    if found.shape != wanted.shape:
        return float("inf")
    gap = (found.double() - wanted.double()).abs()
    return float("inf") if not bool(torch.isfinite(gap).all()) else largest(gap)
