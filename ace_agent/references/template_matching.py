"""Finding a drawing in a picture by the direction of its edges.

Legend: B pictures of H x W; h, w = H / 2, W / 2; N looks, a look being a noun in a drawing style.

A network of a few million weights mistakes a yellow chair for a cat, and one drawing style for another; the drawings
themselves, as templates, do not. Gradients are compared with their angles doubled, so that bright and dark edges are
the same, and a tint, the time of day or the background changes little (after dominant orientation templates,
Hinterstoisser et al., CVPR 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

SIDES = tuple(9.0 * 1.13**step for step in range(13))
"""Longest sides at which drawings are tried, in pixels of the halved picture: 18 to 78 in the whole one."""

WEIGHT = 30.0
"""Weight of a cosine of edges against log-probabilities. On 800 validation scenes 15 and 60 miss more styles."""
_CLOSELY = 4  # looks that are compared at full size; six make no difference

_REACH = 5  # pixels of the halved picture by which a thing's centre may be off
_FAINT = 1.0  # squared length of a window's edges below which they are noise
_EDGE = 2  # pixels around a drawing that are compared too
_NEARER = (0.94, 1.0, 1.06)  # sides tried at full size, around the best in the halved picture
_NEAR = 3  # pixels of shift tried at full size
_GROUNDS = (
    (0.45, 0.75, 0.95),
    (0.45, 0.65, 0.35),
)  # sky and meadow, behind the drawings when their edges are taken
_AROUND = round(SIDES[-1] / 2) + _EDGE + _REACH + 4
_MARGIN = 2 * _AROUND
"""Zeros around a picture, and half as many around a halved one, so that windows never leave it."""


class Drawings(Protocol):
    """Cropped RGBA drawings of things."""

    def get(self, name: str, style: str) -> Image.Image: ...


class Edges(NamedTuple):
    """Doubled edge directions of pictures, in a margin of zeros."""

    whole: Tensor  # [B, 2, H + 2 margin, W + 2 margin]
    halved: Tensor  # [B, 2, h + margin, w + margin]

    def of(self, index: int) -> Edges:
        """One picture's edges, still with a first dimension."""
        return Edges(self.whole[index : index + 1], self.halved[index : index + 1])


@dataclass(frozen=True)
class _Match:
    """Where a look fits best: the cosine of its edges with the picture's, -1..1, and its place.

    Args:
        side: its longest side, and its centre's row and column, in pixels of the halved picture with its margin.
        mirrored: whether it is mirrored left to right.
    """

    cosine: float
    side: float
    mirrored: bool
    row: int
    column: int


class DrawingMatcher:
    """Compares pictures with drawings, whose templates are cached."""

    def __init__(self, drawings: Drawings) -> None:
        self.drawings = drawings
        self._templates: dict[tuple[str, str], list[tuple[Tensor, Tensor]]] = {}

    def edges(self, pictures: Tensor) -> Edges:
        """Of float ``[B, 3, H, W]`` in 0..1."""
        size = pictures.shape[2] // 2, pictures.shape[3] // 2
        halved = functional.interpolate(pictures, size, mode="bilinear", antialias=True)
        return Edges(
            functional.pad(_doubled_directions(pictures), (_MARGIN,) * 4),
            functional.pad(_doubled_directions(halved), (_AROUND,) * 4),
        )

    def sure(
        self, edges: Edges, place: tuple[float, float], looks: Sequence[tuple[str, str]], said: Tensor
    ) -> Tensor:
        """Probabilities ``[N]`` of the looks at a place.

        Args:
            edges: of one picture.
            place: x and y of the centre of what stands there, in fractions of the picture.
            looks: N nouns and styles, each of which is drawn.
            said: their log-probabilities before they are compared, ``[N]``.
        """
        matches = self._roughly(edges, place, looks)
        roughly = said + WEIGHT * torch.tensor([match.cosine for match in matches])
        chances = torch.full_like(said, -torch.inf)
        for index in roughly.topk(min(_CLOSELY, len(looks))).indices.tolist():
            chances[index] = said[index] + WEIGHT * self._closely(edges, matches[index], looks[index])
        return chances.softmax(0)

    def anywhere(self, edges: Edges, looks: Sequence[tuple[str, str]]) -> list[float]:
        """The best cosine of each look's edges anywhere in the halved picture; arguments as in `sure`."""
        best = torch.full((len(looks),), -1.0)
        templates = [self._template(look) for look in looks]
        for step in range(len(SIDES)):
            drawn = torch.cat([template[step][0] for template in templates])
            inked = torch.cat([template[step][1] for template in templates])
            spare = _AROUND - drawn.shape[-1] // 2
            cosines = _slid(edges.halved[:, :, spare:-spare, spare:-spare], drawn, inked, _FAINT)
            best = torch.maximum(best, cosines.view(len(looks), -1).amax(1))
        return best.tolist()

    def _roughly(
        self, edges: Edges, place: tuple[float, float], looks: Sequence[tuple[str, str]]
    ) -> list[_Match]:
        """Where each look fits best in the halved picture, over sizes, sides and shifts."""
        height, width = (side - _MARGIN for side in edges.halved.shape[2:])
        column, row = (round(at * size) + _AROUND for at, size in zip(place, (width, height), strict=True))
        templates = [self._template(look) for look in looks]
        best = [_Match(-1.0, SIDES[0], False, row, column)] * len(looks)
        for step, side in enumerate(SIDES):
            drawn = torch.cat([template[step][0] for template in templates])
            inked = torch.cat([template[step][1] for template in templates])
            cosines = _cosines(edges.halved, row, column, _REACH, drawn, inked)
            tops, at = cosines.view(len(looks), -1).max(1)
            for number, (top, index) in enumerate(zip(tops.tolist(), at.tolist(), strict=True)):
                if top > best[number].cosine:
                    mirrored, down, across = np.unravel_index(index, (2, *cosines.shape[1:]))
                    best[number] = _Match(
                        top, side, bool(mirrored), row + int(down) - _REACH, column + int(across) - _REACH
                    )
        return best

    def _closely(self, edges: Edges, found: _Match, look: tuple[str, str]) -> float:
        """The cosine at full size, near the best place in the halved picture."""
        drawing = self.drawings.get(*look).convert("RGBa")
        kept = slice(1, 2) if found.mirrored else slice(0, 1)
        best = -1.0
        for share in _NEARER:
            drawn, inked = _edges_of(drawing, 2 * found.side * share)
            cosines = _cosines(edges.whole, 2 * found.row, 2 * found.column, _NEAR, drawn[kept], inked[kept])
            best = max(best, float(cosines.max()))
        return best

    def _template(self, look: tuple[str, str]) -> list[tuple[Tensor, Tensor]]:
        """For each of `SIDES` the drawing's edges, of length one, and where it counts; as drawn and mirrored."""
        if look not in self._templates:
            drawing = self.drawings.get(*look).convert("RGBa")
            self._templates[look] = [_edges_of(drawing, side) for side in SIDES]
        return self._templates[look]


def _cosines(edges: Tensor, row: int, column: int, reach: int, drawn: Tensor, inked: Tensor) -> Tensor:
    """Of templates ``[n, 2, s, s]`` around a place of a picture; ``[n, 2 reach + 1, 2 reach + 1]``."""
    half = drawn.shape[-1] // 2 + reach
    return _slid(edges[:, :, row - half : row + half + 1, column - half : column + half + 1], drawn, inked)


def _slid(window: Tensor, drawn: Tensor, inked: Tensor, faintest: float = 1e-6) -> Tensor:
    """Cosines wherever templates fit into a window ``[1, 2, h, w]``; ``faintest`` is the least squared length."""
    alike = functional.conv2d(window, drawn)
    strength = functional.conv2d((window * window).sum(1, keepdim=True), inked)
    return (alike / strength.clamp(min=faintest).sqrt())[0]


def _edges_of(drawing: Image.Image, side: float) -> tuple[Tensor, Tensor]:
    """Edges ``[2, 2, n, n]`` and weights ``[2, 1, n, n]`` of a premultiplied drawing and of its mirror image; odd n."""
    scale = side / max(drawing.size)
    width, height = (max(3, round(length * scale)) for length in drawing.size)
    small = drawing.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0).convert("RGBA")
    length = 2 * (round(side) // 2 + _EDGE) + 1
    left, top = (length - width) // 2, (length - height) // 2
    around = (left, length - width - left, top, length - height - top)
    pixels = torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None]
    both = functional.pad(torch.cat([pixels, pixels.flip(3)]), around)
    color, opacity = both[:, :3], both[:, 3:]
    grounds = [torch.tensor(ground)[None, :, None, None] for ground in _GROUNDS]
    edges = torch.stack([_doubled_directions(color * opacity + ground * (1 - opacity)) for ground in grounds])
    inked = (functional.max_pool2d(opacity, 3, 1, 1) > 0.1).float()
    summed = edges.sum(0) * inked
    return summed / summed.flatten(1).norm(dim=1).clamp(min=1e-6)[:, None, None, None], inked


def _doubled_directions(pictures: Tensor) -> Tensor:
    """``[B, 3, h, w]`` to ``[B, 2, h, w]``: vectors at twice the gradient's angle, as long as the root of it.

    The square root keeps one strong outline from outweighing everything inside it.
    """
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    doubled = torch.stack([(across**2 - down**2).sum(1), (2 * across * down).sum(1)], 1)
    squared = doubled.norm(dim=1, keepdim=True)
    return doubled * (squared + 1e-4) ** -0.75
