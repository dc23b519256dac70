"""The scene reader: finds what is in a picture, to grade requests with more than one right answer.

A small classifier of objects (which, where, their colour and drawing style), place, time, weather and
filter; the count is the number of objects found. Between the nouns and styles that it finds most likely
the sprites themselves decide (`ace_agent.references.template_matching`). It never trains ace-mini nor
chooses a checkpoint, and its own accuracy is printed beside every figure that uses it.

``python -m ace_agent.training.scene_reader train --minutes 60`` trains it, ``... test`` measures it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ace_agent.evaluation.errors import EvaluationError, ReaderMissing
from ace_agent.evaluation.reader_network import STRIDE, ReaderNetwork, Readings
from ace_agent.references.sprites import Sprites
from ace_agent.references.template_matching import DrawingMatcher, Edges

WEIGHTS: Path = Path(__file__).with_name("reader.safetensors")
SIDE = 128
"""Side of the square that has the area at which pictures are read."""

_MULTIPLE = 32  # the network halves a picture five times
_MOST_OBJECTS = 12
_NOUNS_MATCHED = 16
"""Nouns that are matched with sprites. On validation scenes 8 and 32 do as well; with 3 a twentieth of the tinted
things is missed."""
_UNLIKELY = 10.0  # the logarithm of how much less likely than the first a noun is that is not matched
AS_DRAWN = ""
"""The colour of untinted things."""


@dataclass(frozen=True)
class Words:
    """The reader's vocabulary, in the order of its outputs; stored with its weights."""

    nouns: tuple[str, ...]
    colors: tuple[str, ...]
    styles: tuple[str, ...]
    places: tuple[str, ...]
    times: tuple[str, ...]
    weathers: tuple[str, ...]
    filters: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        return {field.name: len(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True)
class SeenObject:
    """One object: its centre in fractions of the picture, and how sure the reader is of it (0..1)."""

    noun: str
    sure: float
    x: float
    y: float
    color: str
    style: str


@dataclass(frozen=True)
class Seen:
    """What the reader sees in one picture; the surest objects come first."""

    objects: tuple[SeenObject, ...]
    place: str
    time: str
    weather: str
    filter: str

    @property
    def count(self) -> int:
        return len(self.objects)

    def find(self, noun: str) -> SeenObject | None:
        """The surest object of that noun, or None."""
        return next((seen for seen in self.objects if seen.noun == noun), None)


class Reader:
    """A trained reader.

    Args:
        threshold: probability of a centre above which an object counts as seen.
        report: how it was trained and how well it reads held-out scenes, as stored with the weights.
        sprites: they decide between likely nouns and styles; None: the network alone.
    """

    def __init__(
        self,
        network: ReaderNetwork,
        words: Words,
        threshold: float = 0.5,
        report: dict[str, Any] | None = None,
        sprites: Sprites | None = None,
    ) -> None:
        self.network = network.eval()
        self.words = words
        self.threshold = threshold
        self.report = report or {}
        self.sprites = sprites
        self.matcher = None if sprites is None else DrawingMatcher(sprites)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Reader:
        """Read weights and words from ``path``, and the sprites to match.

        Raises:
            ReaderMissing: there is no such file.
            EvaluationError: it is no reader.
            SpritesMissing: there are no sprites.
        """
        if not path.is_file():
            raise ReaderMissing(
                f"{path}: the scene reader has no weights",
                "python -m ace_agent.training.scene_reader train --minutes 60",
            )
        try:
            with safe_open(path, "pt") as file:
                about = json.loads((file.metadata() or {})["reader"])
                state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            words = Words(**{name: tuple(listed) for name, listed in about["words"].items()})
            network = ReaderNetwork(**words.counts())
            network.load_state_dict(state)
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise EvaluationError(f"{path} is not a scene reader", "train one anew") from error
        return cls(network, words, about["threshold"], about["report"], Sprites.load())

    def save(self, path: Path) -> None:
        """Write float16 weights, the words, the threshold and the report as one safetensors file."""
        about = {"words": asdict(self.words), "threshold": self.threshold, "report": self.report}
        state = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(state, path, {"reader": json.dumps(about)})

    @torch.inference_mode()
    def read(self, pictures: Sequence[Image.Image], *, batch: int = 16) -> list[Seen]:
        """What is in each picture, in order; pictures of any size."""
        tensors = [_prepared(picture) for picture in pictures]
        seen: dict[int, Seen] = {}
        by_shape: dict[torch.Size, list[int]] = {}
        for index, tensor in enumerate(tensors):
            by_shape.setdefault(tensor.shape, []).append(index)
        for indices in by_shape.values():
            for start in range(0, len(indices), batch):
                chosen = indices[start : start + batch]
                stacked = torch.stack([tensors[index] for index in chosen])
                seen.update(zip(chosen, self.interpret(self.network(stacked), stacked), strict=True))
        return [seen[index] for index in range(len(tensors))]

    def interpret(self, readings: Readings, pictures: Tensor) -> list[Seen]:
        """Turn logits into words; ``pictures`` are what was read, float ``[B, 3, H, W]`` in 0..1."""
        words = self.words
        peaks = _only_peaks(readings.centers.sigmoid()).squeeze(1)
        nouns, styles = readings.nouns.log_softmax(1), readings.styles.log_softmax(1)
        colors = readings.colors.argmax(1)
        height, width = peaks.shape[1:]
        edges = None if self.matcher is None else self.matcher.edges(pictures)
        seen = []
        for index in range(len(peaks)):
            objects = []
            for row, column in (peaks[index] > self.threshold).nonzero().tolist():
                place = (column + 0.5) / width, (row + 0.5) / height
                noun, style, sure = self._identify(
                    nouns[index, :, row, column],
                    styles[index, :, row, column],
                    None if edges is None else edges.of(index),
                    place,
                )
                color = words.colors[int(colors[index, row, column])]
                objects.append(
                    SeenObject(noun, float(peaks[index, row, column]) * sure, *place, color, style)
                )
            objects.sort(key=lambda found: -found.sure)
            seen.append(
                Seen(
                    tuple(objects[:_MOST_OBJECTS]),
                    words.places[int(readings.places[index].argmax())],
                    words.times[int(readings.times[index].argmax())],
                    words.weathers[int(readings.weathers[index].argmax())],
                    words.filters[int(readings.filters[index].argmax())],
                )
            )
        return seen

    def _identify(
        self, nouns: Tensor, styles: Tensor, edges: Edges | None, place: tuple[float, float]
    ) -> tuple[str, str, float]:
        """The noun, the style and the probability of the noun, from log-probabilities ``[nouns]`` and ``[styles]``.

        People and what is worn have no sprites of their own, so what the network takes for one is not matched.
        """
        words = self.words
        first, style = int(nouns.argmax()), int(styles.argmax())
        if self.matcher is not None and edges is not None and self._drawings(first):
            likely = nouns.topk(min(_NOUNS_MATCHED, len(nouns))).indices.tolist()
            near = [noun for noun in likely if nouns[noun] > nouns[first] - _UNLIKELY]
            drawings = [drawing for noun in near for drawing in self._drawings(noun)]
            named = [(words.nouns[noun], words.styles[manner]) for noun, manner in drawings]
            likelihood = torch.stack([nouns[noun] + styles[manner] for noun, manner in drawings])
            sure = self.matcher.sure(edges, place, named, likelihood)
            first, style = drawings[int(sure.argmax())]
            chances = [
                chance for chance, (noun, _) in zip(sure.tolist(), drawings, strict=True) if noun == first
            ]
            return words.nouns[first], words.styles[style], sum(chances)
        return words.nouns[first], words.styles[style], float(nouns[first].exp())

    def _drawings(self, noun: int) -> list[tuple[int, int]]:
        """The noun with each style that it has a sprite in."""
        assert self.sprites is not None
        name, styles = self.words.nouns[noun], self.words.styles
        return [(noun, index) for index, style in enumerate(styles) if self.sprites.has(name, style)]


def _only_peaks(sure: Tensor) -> Tensor:
    """Zero every cell that has a surer one among its eight neighbours; ``[B, 1, h, w]`` in and out."""
    around = functional.max_pool2d(sure, 3, stride=1, padding=1)
    return sure * (sure >= around)


def _prepared(picture: Image.Image) -> Tensor:
    """float ``[3, h, w]`` in 0..1, of about `SIDE` squared pixels and sides that are multiples of 32."""
    width, height = picture.size
    scale = SIDE / (width * height) ** 0.5
    size = tuple(max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (width, height))
    resized = picture.convert("RGB")
    if resized.size != size:
        resized = resized.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(resized, np.float32) / 255.0).permute(2, 0, 1)


def grid_cell(x: float, y: float, height: int, width: int) -> tuple[int, int]:
    """Row and column of the grid cell at a place in fractions of a picture of that many pixels."""
    rows, columns = height // STRIDE, width // STRIDE
    return min(max(int(y * rows), 0), rows - 1), min(max(int(x * columns), 0), columns - 1)
