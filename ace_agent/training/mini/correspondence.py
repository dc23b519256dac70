"""Which pixels of a sample's frames its target's tokens show, which the pointer learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ace_agent.images.types import Pixels
from ace_agent.references.colors import TEXTURES
from ace_agent.references.types import Frame, Placement


@dataclass(frozen=True)
class Correspondence:
    """Target tokens whose place in a frame is known from the scene.

    Letters: K matches, F frames of the request, N tokens of the target.

    Args:
        tokens: int64 [K].
        frames: int64 [K], the frame that each token matches.
        position: float [K, 2], (x, y) in pixels of that frame.
        scale: float [K, 2], (x, y) in frame pixels per target pixel.
        absent: bool [F, N], true where a token shows nothing that could be copied from a frame.
    """

    tokens: Tensor
    frames: Tensor
    position: Tensor
    scale: Tensor
    absent: Tensor


UNCHANGED = 2.0
"""Mean difference, of 255 levels, up to which a patch counts as the same in two pictures."""


def correspond(
    target: tuple[Placement, ...],
    frames: list[Frame],
    picture: Pixels,
    patch: int,
    *,
    references: int = 0,
    base: int | None = None,
) -> Correspondence:
    """Match the tokens of a target to frames.

    Tokens match by placements with equal keys; where placements overlap, the one drawn last wins. Where `picture`
    differs from the base image, tokens also match a frame with equal pixels at the same place. Elsewhere a frame is
    absent, except within a patch of what it shares with the target. Without placements, as in pairs of a user's own,
    nothing is known and nothing is absent.

    Among frames that show a thing, those match that show it most nearly as wanted (see `_AS_WANTED` ...). If nothing is
    nearer, a reference picture matches whatever its style; tokens within a patch of its thing match too, so that the
    thing is copied up to its edge.

    Args:
        target: what `picture` shows.
        picture: the target, uint8 [H, W, 3].
        patch: side of a token in pixels.
        references: how many of the last frames are reference pictures.
        base: number of the base image among the frames; None: there is none.
    """
    height, width = picture.shape[:2]
    columns = width // patch
    apart = _with_parts(target)
    seen = [(frame.image.shape[:2], _with_parts(frame.placements)) for frame in frames]
    first = len(frames) - references
    best = {id(one): _best_rank(one, seen[:first], seen[first:], base) for one in apart}
    # A part that no frame shows by itself matches with its whole.
    whole = {id(part): place for place in target for part in place.parts if best[id(part)] > _ABSENT}
    showing = [
        {id(one): [place for place in places if _scene_rank(place, one) <= _OTHER_COLOR] for one in apart}
        for _, places in seen[:first]
    ]
    nearest = [
        {id(one) for one in apart if _reference_rank(place, one) == best[id(one)]}
        for _, (place, *_) in seen[first:]
    ]
    same = [_unchanged(frame.image, picture, patch) for frame in frames[:first]]
    absent = torch.ones(len(frames), height // patch * columns, dtype=torch.bool)
    found: list[tuple[int, int, tuple[float, float], tuple[float, float]]] = []
    margin = patch / width, patch / height
    for row in range(height // patch):
        for column in range(columns):
            token = row * columns + column
            at = (column + 0.5) * patch, (row + 0.5) * patch
            x, y = at[0] / width, at[1] / height
            over = [place for place in apart if _covers(place, x, y)]
            around = [place for place in apart if _covers(place, x, y, *margin)]
            repainted = base is None or not same[base][row, column]
            for number, (of, _) in enumerate(seen[:first]):
                if any(showing[number][id(one)] for one in around):
                    absent[number, token] = False
                shown = showing[number][id(over[-1])] if over else []
                for place in shown:
                    position, scale = _mapped(over[-1], place, at, (height, width), of)
                    inside = 0 <= position[0] < of[1] and 0 <= position[1] < of[0]
                    if inside and _scene_rank(place, over[-1], number == base) == best[id(over[-1])]:
                        found.append((token, number, position, scale))
                if not shown and number != base and repainted and same[number][row, column]:
                    absent[number, token] = False
                    found.append((token, number, at, (1.0, 1.0)))
            for number, (of, (place, *_)) in enumerate(seen[first:], first):
                near = [one for one in around if id(one) in nearest[number - first]]
                absent[number, token] = not near
                if near and (not over or whole.get(id(over[-1]), over[-1]) in near):
                    found.append((token, number, *_mapped(near[-1], place, at, (height, width), of)))
    return Correspondence(
        torch.tensor([token for token, *_ in found], dtype=torch.long),
        torch.tensor([number for _, number, *_ in found], dtype=torch.long),
        torch.tensor([position for _, _, position, _ in found], dtype=torch.float32).reshape(-1, 2),
        torch.tensor([scale for *_, scale in found], dtype=torch.float32).reshape(-1, 2),
        absent if target else torch.zeros_like(absent),
    )


def _unchanged(frame: Pixels, picture: Pixels, patch: int) -> np.ndarray:
    """Which patches of two pictures are the same, bool [rows, columns]; none if their sizes differ."""
    rows, columns = picture.shape[0] // patch, picture.shape[1] // patch
    if frame.shape != picture.shape:
        return np.zeros((rows, columns), bool)
    apart = np.abs(frame.astype(np.int16) - picture)[: rows * patch, : columns * patch]
    blocks = apart.reshape(rows, patch, columns, patch, 3)
    return np.asarray(blocks.mean((1, 3, 4)) <= UNCHANGED)


_AS_WANTED, _REFERENCE, _ON_OTHER_GROUND, _OTHER_COLOR, _OTHER_STYLE, _ABSENT = range(6)
"""Ranks of how nearly a frame shows a wanted thing, the best first.

A thing in a scene has the scene's light, which a reference picture lacks; but a thing of another scene that is to stand
elsewhere would be copied with the ground around it.
"""


def _scene_rank(place: Placement, wanted: Placement, of_base: bool = False) -> int:
    """The rank of a thing in a scene, which may be the base image."""
    if _is_exact(place, wanted):
        return _AS_WANTED if of_base or _same_place(place, wanted) else _ON_OTHER_GROUND
    return _OTHER_COLOR if _drawing(place) == _drawing(wanted) else _ABSENT


def _reference_rank(place: Placement, wanted: Placement) -> int:
    """The rank of a reference picture's thing; it matches by name alone whatever its style."""
    if _is_exact(place, wanted):
        return _REFERENCE
    return _OTHER_STYLE if place.key.split("|")[0] == wanted.key.split("|")[0] else _ABSENT


def _is_exact(place: Placement, wanted: Placement) -> bool:
    return place.key in (wanted.key, wanted.key.split("#")[0]) and place.color == wanted.color


def _same_place(place: Placement, wanted: Placement) -> bool:
    """Whether two things stand at the same place, to a hundredth of a picture."""
    pairs = zip((place.x, place.y, place.w, place.h), (wanted.x, wanted.y, wanted.w, wanted.h), strict=True)
    return place.flip == wanted.flip and all(abs(one - other) <= 0.01 for one, other in pairs)


def _drawing(place: Placement) -> list[str]:
    """What a thing is drawn from, without the texture that covers it."""
    name, *parts = place.key.split("#")[0].split("|")
    return [name, *(part for part in parts if part not in TEXTURES)]


_Seen = Sequence[tuple[tuple[int, ...], list[Placement]]]


def _best_rank(wanted: Placement, scenes: _Seen, references: _Seen, base: int | None) -> int:
    """The best rank among all frames; beyond `_ABSENT` where no frame shows the thing."""
    ranks = [
        _scene_rank(place, wanted, number == base)
        for number, (_, places) in enumerate(scenes)
        for place in places
    ]
    ranks += [_reference_rank(place, wanted) for _, (place, *_) in references]
    best = min(ranks, default=_ABSENT)
    return best if best < _ABSENT else _ABSENT + 1


def _covers(place: Placement, x: float, y: float, margin_x: float = 0.0, margin_y: float = 0.0) -> bool:
    """Whether a point is over a thing, all in fractions of the picture."""
    across = place.x - margin_x <= x <= place.x + place.w + margin_x
    return across and place.y - margin_y <= y <= place.y + place.h + margin_y


def _mapped(
    top: Placement, place: Placement, at: tuple[float, float], size: tuple[int, int], frame: tuple[int, ...]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Map pixel `at` of a thing at `top` in the target to a frame that shows the thing at `place`.

    Sizes are (height, width). Returns the position in the frame and the magnification, both (x, y).
    """
    (height, width), (frame_height, frame_width) = size, frame
    mirrored = place.flip != top.flip
    across = (at[0] / width - top.x) / top.w
    across = 1 - across if mirrored else across
    down = (at[1] / height - top.y) / top.h
    position = (place.x + across * place.w) * frame_width, (place.y + down * place.h) * frame_height
    scale_x = place.w * frame_width / (top.w * width) * (-1 if mirrored else 1)
    return position, (scale_x, place.h * frame_height / (top.h * height))


def _with_parts(placements: Sequence[Placement]) -> list[Placement]:
    return [one for place in placements for one in (place, *place.parts)]
