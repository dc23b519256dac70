"""Linking pictures of one subject: similar, but not copies (arXiv 2410.00086, section 3.4)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ace_agent.data.pairs_from_images.embedding import Vectors

_BLOCK = 1024  # rows compared at a time: 4 KB a row and thousand pictures


@dataclass(frozen=True)
class Link:
    """Two pictures that probably show one subject.

    Args:
        first: number of a picture.
        second: number of another, above ``first``.
        similarity: their cosine.
    """

    first: int
    second: int
    similarity: float


def links(vectors: Vectors, band: tuple[float, float], neighbours: int = 8) -> list[Link]:
    """Mutual nearest neighbours of medium similarity.

    Every picture is compared with every other, in blocks: N * N * D multiplications, N * `_BLOCK` floats.

    Args:
        vectors: unit rows, float32 [N, D].
        band: lowest and highest cosine; above it two pictures count as copies.
        neighbours: how many of each picture's nearest within the band are considered. That neighbours must be
            mutual keeps pictures that resemble everything from linking everything.
    """
    low, high = band
    count = len(vectors)
    near: list[dict[int, float]] = []
    for start in range(0, count, _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -1
        block[(block < low) | (block > high)] = -1
        most = min(neighbours, count - 1)
        best = np.argpartition(-block, most - 1, axis=1)[:, :most] if most else np.zeros((len(block), 0), int)
        for row, columns in zip(block, best, strict=True):
            near.append({int(c): float(row[c]) for c in columns if row[c] >= 0})
    return [
        Link(i, j, round(similarity, 4))
        for i in range(count)
        for j, similarity in sorted(near[i].items())
        if i < j and i in near[j]
    ]


def clusters(count: int, linked: Iterable[Link]) -> list[int]:
    """The cluster of each of ``count`` pictures: the lowest number that it is connected to."""
    parent = list(range(count))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for link in linked:
        first, second = sorted((root(link.first), root(link.second)))
        parent[second] = first
    return [root(number) for number in range(count)]


def capped(
    linked: Sequence[Link],
    cluster: Sequence[int],
    names: Sequence[str],
    *,
    per_cluster: int,
    per_picture: int,
    seed: int,
    taken: Iterable[tuple[int, int]] = (),
) -> list[Link]:
    """Limit the pairs of each cluster and picture, so that no large cluster dominates.

    Args:
        linked: all links.
        cluster: of each picture.
        names: of the pictures; with the seed they determine which pairs are kept, whatever the order.
        per_cluster: pairs of one cluster.
        per_picture: pairs of one picture.
        seed: other seeds, other pairs.
        taken: pairs of an earlier run, which count but are not returned.
    """

    def lot(link: Link) -> str:
        text = f"{seed}-{names[link.first]}-{names[link.second]}"
        return hashlib.sha256(text.encode()).hexdigest()

    had = set(taken)
    of_cluster: Counter[int] = Counter(cluster[first] for first, _ in had)
    of_picture: Counter[int] = Counter(number for pair in had for number in pair)
    kept = []
    for link in sorted(linked, key=lot):
        full = max(of_picture[link.first], of_picture[link.second]) >= per_picture
        if (link.first, link.second) in had or full or of_cluster[cluster[link.first]] >= per_cluster:
            continue
        of_cluster[cluster[link.first]] += 1
        of_picture.update((link.first, link.second))
        kept.append(link)
    return kept
