from itertools import pairwise

import pytest
from PIL import Image

from ace_agent.engines.ace.condition_unit import ConditionUnit, contiguous_history, indicator_number


def test_indicators_are_numbered_from_the_plain_one():
    assert [indicator_number(token) for token in ("{image}", "{image1}", "{image12}", "image")] == [
        0,
        1,
        12,
        None,
    ]


def test_a_unit_refuses_masks_that_do_not_fit():
    image = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="one entry per image"):
        ConditionUnit("x", (image,), ())
    with pytest.raises(ValueError, match="image's size"):
        ConditionUnit("x", (image,), (Image.new("L", (8, 9)),))


def test_history_keeps_everything_that_fits():
    assert contiguous_history([64, 64, 64], 1024) == 0


def test_the_anchor_jumps_to_half_the_budget_and_then_stays_put():
    """With equal turns the anchor moves once in many turns, so that what was computed for a prefix lasts."""
    anchors = [contiguous_history([64] * turns, 640) for turns in range(40)]
    assert anchors[:11] == [0] * 11
    assert anchors[11] == 6
    moves = sum(after != before for before, after in pairwise(anchors))
    assert moves < 40 / 4
    for turns, anchor in enumerate(anchors):
        assert 64 * (turns - anchor) <= 640


def test_a_turn_larger_than_the_budget_leaves_no_history():
    assert contiguous_history([64, 2000], 1024) == 2
