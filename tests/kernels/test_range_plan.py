"""The plan: every query row once, every key of its ranges once, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ace_kernels import ArgumentError, RangePlan, Segment


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Segment], int, int]:
    num_keys = draw(st.integers(0, 90))
    lengths = draw(st.lists(st.integers(0, 40), max_size=8))
    edge = st.integers(0, num_keys)
    segments, row = [], 0
    for length in lengths:
        ranges = [tuple(sorted((draw(edge), draw(edge)))) for _ in range(2)]
        segments.append(Segment((row, row + length), *ranges))
        row += length
    return segments, row, num_keys


def allowed(segments: list[Segment], num_queries: int, num_keys: int) -> np.ndarray:
    """Which query row reads which key: the meaning of the segments, written out."""
    mask = np.zeros((num_queries, num_keys), int)
    for s in segments:
        for begin, end in (s.k1, s.k2):
            mask[slice(*s.q), begin:end] = 1
    return mask


@given(batches(), st.sampled_from([16, 32]), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_tiles_and_dense_mask_cover_exactly_the_segments(batch, block, random):
    segments, num_queries, num_keys = batch
    want = allowed(segments, num_queries, num_keys)
    random.shuffle(segments)
    plan = RangePlan.build(segments, num_queries, num_keys, block=block)
    assert (plan.to_dense().numpy() == want).all()

    forward = np.zeros_like(want)
    queries = np.zeros(num_queries, int)
    for q0, q1, a, b, c, d in plan.tiles.tolist():
        assert q1 - q0 <= block
        queries[q0:q1] += 1
        forward[q0:q1, a:b] += 1
        forward[q0:q1, c:d] += 1
    assert (queries == 1).all()
    assert (forward == want).all()

    backward = np.zeros_like(want)
    keys = np.zeros(num_keys, int)
    for k0, k1, first, last in plan.key_tiles.tolist():
        assert k1 - k0 <= block
        keys[k0:k1] += 1
        for q0, q1 in plan.readers[first:last].tolist():
            backward[q0:q1, k0:k1] += 1
    assert (keys == 1).all()
    assert (backward == want).all()


@given(batches(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_segments_does_not_matter(batch, random):
    segments, num_queries, num_keys = batch
    plan = RangePlan.build(segments, num_queries, num_keys)
    swapped = [Segment(s.q, s.k2, s.k1) for s in segments]
    random.shuffle(swapped)
    other = RangePlan.build(swapped, num_queries, num_keys)
    assert plan.segments == other.segments
    for name in ("layout", "tiles", "key_tiles", "readers"):
        assert torch.equal(getattr(plan, name), getattr(other, name))


def test_longest_tiles_come_first():
    plan = RangePlan.build([Segment((0, 20), (0, 5)), Segment((20, 60), (5, 50), (0, 2))], 60, 50, block=16)
    work = [b - a + d - c for _, _, a, b, c, d in plan.tiles.tolist()]
    assert work == [47, 47, 47, 5, 5]


def test_adjacent_and_overlapping_ranges_become_one():
    plan = RangePlan.build(
        [Segment((0, 1), (0, 4), (4, 9)), Segment((1, 2), (3, 9), (1, 5)), Segment((2, 3), (7, 7), (2, 4))],
        3,
        9,
    )
    assert [(s.k1, s.k2) for s in plan.segments] == [((0, 9), (0, 0)), ((1, 9), (0, 0)), ((2, 4), (0, 0))]


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([Segment((0, 4), (0, 11))], r"segments\[0\]\.k1: wanted a range inside 0\.\.10, got 0\.\.11"),
        ([Segment((0, 4), (0, 1), (5, 3))], r"segments\[0\]\.k2: .* got 5\.\.3"),
        ([Segment((-1, 4), (0, 1))], r"segments\[0\]\.q: .* got -1\.\.4"),
        ([Segment((0, 3), (0, 1))], r"row 3 is not covered"),
        ([Segment((1, 4), (0, 1))], r"row 0 is not covered"),
        ([Segment((0, 3), (0, 1)), Segment((2, 4), (0, 1))], r"row 2 is covered twice"),
        ([], r"row 0 is not covered"),
    ],
)
def test_wrong_segments_are_named(segments, message):
    with pytest.raises(ArgumentError, match=message):
        RangePlan.build(segments, 4, 10)


def test_wrong_sizes_are_named():
    with pytest.raises(ArgumentError, match="block: wanted a power of two from 16 to 256, got 24"):
        RangePlan.build([], 0, 0, block=24)
    with pytest.raises(ArgumentError, match="num_keys: wanted 0 to 2147483647, got 2147483648"):
        RangePlan.build([], 0, 2**31)
