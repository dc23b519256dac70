"""What surrounds a hole, grown over it."""

import pytest
import torch

from ace_agent.engines.mini.push_pull_fill import fill_from_kept


def layered(height: int, width: int) -> torch.Tensor:
    """Sky over land: every row has one colour."""
    rows = torch.linspace(-0.8, 0.8, height)
    rows[height // 2 :] *= -0.5
    return torch.stack([rows, -rows, rows * 0.3])[None, :, :, None].expand(1, 3, height, width).clone()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (33, 65)])
def test_layers_go_on_behind_a_hole(height: int, width: int) -> None:
    picture = layered(height, width)
    kept = torch.ones(1, 1, height, width)
    kept[..., height // 4 : 3 * height // 4, width // 4 : width // 2] = 0
    hole = kept.expand_as(picture) == 0
    spoilt = torch.where(hole, torch.full_like(picture, 0.9), picture)
    around, rows = fill_from_kept(spoilt, kept)
    assert torch.equal(around[~hole], picture[~hole]) and torch.equal(rows[~hole], picture[~hole])
    torch.testing.assert_close(rows, picture, atol=1e-5, rtol=0)
    assert (around - picture)[hole].abs().mean() < 0.5 * (spoilt - picture)[hole].abs().mean()


def test_what_is_hidden_does_not_show() -> None:
    """Nothing of a hole's own pixels is left, also where rows are hidden whole."""
    picture = torch.full((1, 3, 40, 40), 0.25)
    kept = torch.ones(1, 1, 40, 40)
    kept[..., 10:30, :] = 0
    picture[..., 10:30, :] = -1
    for grown in fill_from_kept(picture, kept):
        torch.testing.assert_close(grown, torch.full_like(grown, 0.25), atol=1e-5, rtol=0)


def test_where_nothing_is_kept_it_is_grey() -> None:
    for grown in fill_from_kept(torch.rand(2, 3, 16, 24), torch.zeros(2, 1, 16, 24)):
        assert grown.shape == (2, 3, 16, 24) and grown.abs().max() == 0
