"""Contact sheets."""

import numpy as np
from PIL import Image

from ace_agent.reports.contact_sheet import TILE, Entry, sheet

RED, GREEN, BLUE = (Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue"))


def test_inputs_output_and_target_are_side_by_side() -> None:
    drawn = np.asarray(sheet("edits", [Entry("make it green " * 30, "score 0.5", [RED], GREEN, BLUE)] * 3))
    for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)):
        assert (drawn == colour).all(-1).sum() == 3 * TILE * TILE


def test_a_long_chain_shows_its_first_and_last_input() -> None:
    drawn = np.asarray(sheet("chains", [Entry("", "", [RED, BLUE, BLUE, GREEN], GREEN, None)]))
    assert (drawn == (255, 0, 0)).all(-1).sum() == TILE * TILE
    assert (drawn == (0, 0, 255)).all(-1).sum() == 0


def test_a_wide_picture_is_shown_whole() -> None:
    drawn = np.asarray(sheet("wide", [Entry("", "", [], Image.new("RGB", (100, 50), "lime"), None)]))
    assert (drawn == (0, 255, 0)).all(-1).sum() == TILE * TILE // 2
