"""An auxiliary task of training: naming the thing, and its colour, that each row of frames and of the target shows.

Rows are compared with the word vectors that instructions are read with, so that "the car" and a row that shows a car
meet in one space, whatever the task. The weights that ship hold nothing of this.

Letters: N packed rows, C the transformer's width, K names, L words of the longest, D width of a word's vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ace_agent.engines.mini.text_encoder import WordTokenizer, pad_tokens
from ace_agent.references.colors import TINTS
from ace_agent.references.types import Frame, Placement
from ace_agent.references.vocabulary import NOUNS

UNKNOWN, NOTHING = -1, 0
"""Labels of rows of which nothing is known, and of rows without a thing, or whose thing has its own colours."""
FIGURE = "person"
_THINGS = {noun: number for number, noun in enumerate((*NOUNS, FIGURE), 1)}
_COLORS = {color: number for number, color in enumerate(TINTS, 1)}


def row_labels(placements: Sequence[Placement], rows: int, columns: int) -> Tensor:
    """Labels of a picture's tokens, row-major int64 [N, 2]: the thing at each token's centre, and its colour.

    Things drawn later are in front. A person has many colours, which count as unknown. Only bounding boxes are known,
    so a row in the corner of a box counts as the thing, too.
    """
    if not placements:
        return torch.full((rows * columns, 2), UNKNOWN)
    numbers = torch.tensor([NOTHING, UNKNOWN]).repeat(rows, columns, 1)
    y, x = (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns
    for place in placements:
        if place.is_lettering:
            continue
        noun = place.key.split("|")[0].split("+")[0]
        color = UNKNOWN if noun == FIGURE else _COLORS.get(place.color, NOTHING)
        within_y = (place.y <= y) & (y <= place.y + place.h)
        within_x = (place.x <= x) & (x <= place.x + place.w)
        numbers[within_y[:, None] & within_x[None, :]] = torch.tensor([_THINGS[noun], color])
    return numbers.flatten(0, 1)


class Labelled(Protocol):
    """An example with the labels of its rows, int64 [N, 2]."""

    @property
    def frame_labels(self) -> Tensor: ...

    @property
    def target_labels(self) -> Tensor: ...


class Names(nn.Module):
    """Scores of names, and of none of them, for rows of conditioning frames or of targets."""

    def __init__(self, names: Sequence[str], tokenizer: WordTokenizer, width: int, vector: int) -> None:
        super().__init__()
        ids = pad_tokens([tokenizer(name) for name in names])
        words = (ids != 0) & (ids != tokenizer("").ids[0])
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("shares", words / words.sum(1, keepdim=True), persistent=False)
        self.frames = nn.Linear(width, vector)
        self.targets = nn.Linear(width, vector)
        self.nothing = nn.Parameter(torch.zeros(1, vector))

    def forward(self, rows: Tensor, words: Tensor, *, target: bool = False) -> Tensor:
        """rows [N, C] and the vectors of all words [*, D]. Returns scores [N, 1 + K]."""
        assert isinstance(self.ids, Tensor) and isinstance(self.shares, Tensor)
        names = torch.cat([self.nothing, (F.embedding(self.ids, words) * self.shares[:, :, None]).sum(1)])
        project = self.targets if target else self.frames
        rows = project(F.layer_norm(rows, rows.shape[-1:], eps=1e-6))
        return rows @ names.t() * names.shape[1] ** -0.5


class Namer(nn.Module):
    """Scores of things and of colours, in the order of `row_labels`."""

    def __init__(self, tokenizer: WordTokenizer, width: int, vector: int) -> None:
        super().__init__()
        self.things = Names(list(_THINGS), tokenizer, width, vector)
        self.colors = Names(list(_COLORS), tokenizer, width, vector)

    def forward(self, rows: Tensor, words: Tensor, *, target: bool = False) -> tuple[Tensor, Tensor]:
        return self.things(rows, words, target=target), self.colors(rows, words, target=target)


class Naming:
    """The cross-entropy of a batch's known rows. `total` is their weight; the caller sums it over the processes."""

    def __init__(self, examples: Sequence[Labelled], draws: int, nothing: float) -> None:
        """Each example has `draws` targets. Rows without a thing weigh `nothing`, others one."""
        self.frames = _together([example.frame_labels for example in examples])
        self.targets = _together([example.target_labels for example in examples for _ in range(draws)])
        self.nothing = nothing
        self.total = float(self._weights(self.frames).sum() + self._weights(self.targets).sum())

    def _weights(self, numbers: Tensor) -> Tensor:
        return (numbers > NOTHING).float() + self.nothing * (numbers == NOTHING)

    def _sum(self, scores: Sequence[Tensor], numbers: Tensor) -> Tensor:
        numbers = numbers.to(scores[0].device)
        weights = self._weights(numbers)
        total = torch.zeros((), device=numbers.device)
        for own, number, weight in zip(scores, numbers.unbind(1), weights.unbind(1), strict=True):
            each = F.cross_entropy(own.float(), number.clamp_min(NOTHING), reduction="none")
            total = total + (each * weight).sum()
        return total

    def loss(self, namer: Namer, words: Tensor, frames: Tensor | None, targets: Tensor) -> Tensor:
        """This process's share [] of the mean; rows [N, C] of conditioning frames, if any, and of targets."""
        total = self._sum(namer(targets, words, target=True), self.targets)
        if frames is not None:
            total = total + self._sum(namer(frames, words), self.frames)
        return total / max(self.total, 1.0)


def _together(numbers: Sequence[Tensor]) -> Tensor:
    return torch.cat([torch.zeros(0, 2, dtype=torch.long), *numbers])


def frame_labels(frames: Sequence[Frame], patch: int) -> Tensor:
    """`row_labels` of packed frames, [N, 2]."""
    sides = [(frame.image.shape[0] // patch, frame.image.shape[1] // patch) for frame in frames]
    return _together([row_labels(frame.placements, *side) for frame, side in zip(frames, sides, strict=True)])
