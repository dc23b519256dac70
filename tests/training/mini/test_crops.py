"""Windows of scenes, and the placements within them."""

import random

import numpy as np
import pytest
import torch

from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.world import World
from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.training.mini.crops import CROP_WEIGHTS, PIXELWISE, STEP, WINDOW, cropped, fits
from ace_agent.training.mini.stream import SceneStream, StreamOptions, draw

TOKENIZER = WordTokenizer(["a", "red", "car", "remove", "the", "make", "it", "night"])


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def fitting(world: World, task: str, rng: random.Random) -> TrainingTurn:
    while not fits(turn := draw(world, rng, task, "train").turns[-1]):
        pass
    return turn


def test_a_window_has_the_pixels_of_the_picture_and_all_that_changes(world):
    rng = random.Random(3)
    for task in ("edit_color", "remove", "edit_face"):
        turn = fitting(world, task, rng)
        assert turn.base is not None
        window = cropped(turn, rng)
        base, inside = turn.frames[turn.base].image, window.frames[turn.base].image
        assert inside.shape == window.target.shape == (WINDOW, WINDOW, 3)
        places = [
            (top, left)
            for top in range(0, base.shape[0] - WINDOW + 1, STEP)
            for left in range(0, base.shape[1] - WINDOW + 1, STEP)
            if np.array_equal(base[top : top + WINDOW, left : left + WINDOW], inside)
            and np.array_equal(turn.target[top : top + WINDOW, left : left + WINDOW], window.target)
        ]
        assert places
        changed = (inside != window.target).any(-1).sum()
        assert changed == (base != turn.target).any(-1).sum() > 0


def test_placements_move_with_the_window(world):
    """A thing's place in the window is its place in the picture minus the window's origin, in pixels."""
    rng = random.Random(5)
    turn = fitting(world, "edit_color", rng)
    window = cropped(turn, rng)
    side = turn.target.shape[0]
    starts = set()
    for whole, part in zip(turn.placements, window.placements, strict=True):
        assert part.w * WINDOW == pytest.approx(whole.w * side)
        assert part.h * WINDOW == pytest.approx(whole.h * side)
        starts.add((round(whole.x * side - part.x * WINDOW, 6), round(whole.y * side - part.y * WINDOW, 6)))
    ((left, top),) = starts
    assert left % STEP == top % STEP == 0


def test_a_change_wider_than_a_window_does_not_fit(world):
    rng = random.Random(1)
    turns = [draw(world, rng, task, "train").turns[-1] for task in ("edit_motion", "add") for _ in range(40)]
    for turn in turns:
        changed = (turn.frames[turn.base].image != turn.target).any(-1)
        spans = [int(np.ptp(np.flatnonzero(changed.any(axis)))) for axis in (0, 1)]
        assert fits(turn) == (max(spans) < WINDOW - STEP)
    assert {fits(turn) for turn in turns} == {True, False}
    assert all(fits(draw(world, rng, task, "train").turns[-1]) for task in PIXELWISE)


def test_a_batch_mixes_whole_pictures_and_windows_with_their_rows():
    stream = SceneStream(TOKENIZER, 3, StreamOptions(batch=3, crops=5))
    batch = stream[0]
    assert sorted(batch.rows) == [16] * 5 + [64] * 3 and len(batch) == 8
    for example, rows in zip(batch, batch.rows, strict=True):
        assert example.target.shape[1:].numel() == rows * 256
        assert rows == 64 or example.task in CROP_WEIGHTS
    halves = [SceneStream(TOKENIZER, 3, StreamOptions(batch=3, crops=5), part=(n, 2))[0] for n in (0, 1)]
    assert [example.instruction for half in halves for example in half] == [one.instruction for one in batch]
    assert all(
        torch.equal(a.target, b.target) for a, b in zip((e for h in halves for e in h), batch, strict=True)
    )


def test_tasks_without_windows_are_refused_before_drawing():
    with pytest.raises(ValueError, match=r"without windows: segment, text_to_image; take crops=0"):
        SceneStream(TOKENIZER, 0, StreamOptions(crops=1), tasks=("text_to_image", "remove", "segment"))
    stream = SceneStream(TOKENIZER, 0, StreamOptions(batch=0, crops=2), tasks=("remove",))
    assert {example.task for example in stream[0]} == {"remove"}
