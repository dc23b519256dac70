"""Weights as 4-bit integers."""

import torch

from ace_agent.engines.ace import quantized_weights


def test_large_matrices_lose_no_more_than_by_plain_rounding_and_others_half_precision() -> None:
    torch.manual_seed(0)
    state = {"large": torch.randn(300, 16, 3, 5) * torch.logspace(-3, 1, 300)[:, None, None, None]}
    state |= {"small": torch.randn(8, 9), "row": torch.randn(70_000), "none": torch.zeros(300, 300)}
    written, shapes = quantized_weights.packed(state)
    assert written["large"].dtype == torch.uint8 and written["large"].shape == (300, 128)
    assert written["small"].dtype == written["row"].dtype == torch.float16
    read = quantized_weights.unpacked(written, shapes)
    assert read.keys() == state.keys() and read["large"].shape == state["large"].shape
    rows, again = state["large"].flatten(1), read["large"].flatten(1)
    for start in range(0, 240, quantized_weights.GROUP):
        group, off = rows[:, start : start + 64], (again - rows)[:, start : start + 64]
        plain = group.abs().amax(1)[:, None] / 7
        rounded = (group / plain).round() * plain
        # a scale has eleven bits
        assert (off.square().sum(1) <= (rounded - group).square().sum(1) * 1.02).all()
    assert 0.05 < ((again - rows).norm() / rows.norm()) < 0.12
    for name in ("small", "row"):
        assert torch.equal(read[name], state[name].half().float())
    assert read["none"].abs().max() == 0
