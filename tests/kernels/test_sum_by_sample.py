"""The order of rows by sample: computed once for all blocks that share an index."""

from __future__ import annotations

import torch

from ace_kernels.sum_by_sample import order_by_sample


def test_an_index_is_sorted_once():
    index = torch.tensor([1, 0, 1, 2])
    order, bounds = order_by_sample(index, 4)
    assert order.tolist() == [1, 0, 2, 3]
    assert bounds.tolist() == [0, 1, 3, 4, 4]
    again, _ = order_by_sample(index, 4)
    assert again is order


def test_a_changed_index_or_count_is_sorted_anew():
    index = torch.tensor([1, 0, 1, 2])
    order_by_sample(index, 4)
    index[0] = 0
    assert order_by_sample(index, 4)[1].tolist() == [0, 2, 3, 4, 4]
    assert order_by_sample(index, 3)[1].tolist() == [0, 2, 3, 4]
