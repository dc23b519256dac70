import random

import numpy as np
import pytest
import torch

from ace_agent.data.scenes.world import World
from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.references.types import Frame, Placement
from ace_agent.training.mini.correspondence import correspond
from ace_agent.training.mini.stream import SceneStream, StreamOptions, draw, prepare_sample

TOKENIZER = WordTokenizer(["a", "red", "car", "remove", "the", "make", "it", "night"])


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_a_batch_is_a_function_of_seed_and_step():
    options = StreamOptions(batch=3)
    one, two = SceneStream(TOKENIZER, 5, options), SceneStream(TOKENIZER, 5, options)
    one[0]
    for a, b in zip(one[7], two[7], strict=True):
        assert a.instruction == b.instruction
        assert torch.equal(a.target, b.target)
    other = SceneStream(TOKENIZER, 6, options)[7]
    assert [e.instruction for e in other] != [e.instruction for e in two[7]]


def test_splits_share_no_batch():
    options = StreamOptions(batch=4)
    train = SceneStream(TOKENIZER, 0, options)[0]
    held = SceneStream(TOKENIZER, 0, options, split="held-out")[0]
    assert not {e.instruction for e in train} & {e.instruction for e in held}


def test_dropped_parts_are_missing():
    bare = StreamOptions(batch=6, drop_text=1.0, drop_history=1.0, drop_references=1.0)
    for example in SceneStream(TOKENIZER, 1, bare)[0]:
        assert len(example.request.units) == 1
        assert example.request.units[0].tokens == TOKENIZER("")
        assert all(frame.indicator < 10 for frame in example.request.frames)


def test_changed_marks_where_target_and_base_differ():
    keep = StreamOptions(batch=1, drop_text=0, drop_history=0, drop_references=0)
    stream = SceneStream(TOKENIZER, 2, keep, tasks=("remove",))
    example = stream[0].examples[0]
    base = example.request.base
    assert base is not None
    same = example.changed == 0
    assert 0 < same.float().mean() < 1
    assert ((example.target - base.pixels).abs() * same).max() <= 8 / 127.5 + 1e-6


def test_a_chain_keeps_its_turns_in_order(world):
    sample = draw(world, random.Random(0), "chain", "train")
    request = prepare_sample(sample, TOKENIZER)
    assert len(request.units) == len(sample.turns) >= 2
    assert len(request.units[-1].frames) == len(sample.turns[-1].frames) + len(sample.turns[-1].named)


def test_correspondence_follows_shift_scale_and_mirror():
    """A car in the right half of the target, drawn mirrored at twice the scale in a 64 px frame."""
    image = np.zeros((64, 64, 3), np.uint8)
    target = (Placement("car", 0.5, 0.5, 0.25, 0.25, False),)
    frame = Frame(image, None, (Placement("car", 0.0, 0.0, 1.0, 1.0, True),))
    found = correspond(target, [frame], np.zeros((128, 128, 3), np.uint8), 16)
    # The box covers pixels 64..96 of the target: tokens 4 and 5 of rows 4 and 5.
    assert found.tokens.tolist() == [36, 37, 44, 45]
    assert torch.allclose(found.scale, torch.tensor([[-2.0, 2.0]]).expand(4, 2))
    # Token 36's centre is (72, 72): a quarter across the box, so three quarters across the mirrored frame.
    assert torch.allclose(found.position[0], torch.tensor([48.0, 16.0]))


def test_references_match_to_their_edge_and_are_absent_elsewhere():
    """A flat car in the middle of the target, and a reference in another style: a patch around it matches, too."""
    white = np.full((64, 64, 3), 255, np.uint8)
    car = (
        Placement("car|flat", 0.375, 0.375, 0.25, 0.25, False),
        Placement("cat|noto", 0.0, 0.0, 0.25, 0.25, False),
    )
    reference = Frame(white, None, (Placement("car|noto", 0.0625, 0.0625, 0.875, 0.875, False),))
    found = correspond(car, [reference], np.zeros((128, 128, 3), np.uint8), 16, references=1)
    around = {row * 8 + column for row in range(2, 6) for column in range(2, 6)}
    assert set(found.tokens.tolist()) == around
    assert set(found.absent[0].nonzero().flatten().tolist()) == set(range(64)) - around
    # The box is 48..80 of the target and 4..60 of the frame: token 18's centre (40, 40) lies 8 pixels outside it.
    assert torch.allclose(found.position[0], torch.tensor([4 - 8 * 1.75, 4 - 8 * 1.75]))


@pytest.mark.parametrize(
    ("base", "reference", "matched"),
    [
        (("car|noto", "red"), ("car|noto", "blue"), [1]),  # the right colour, from the library
        (("car|noto", "blue"), ("car|noto", "blue"), [0]),  # both: the scene has its light
        (("car|noto", "red"), ("car|flat", "blue"), [0]),  # the right drawing, in another colour
        (("car|flat", "red"), ("car|flat", "blue"), [1]),  # another drawing in both
        (("cat|noto", "blue"), ("cat|noto", "blue"), []),
    ],
)
def test_the_frame_that_shows_a_thing_most_nearly_matches(base, reference, matched):
    white, box = np.full((64, 64, 3), 255, np.uint8), (0.25, 0.25, 0.5, 0.5, False)
    target = (Placement("car|noto", *box, "blue"),)
    frames = [Frame(white, None, (Placement(key, *box, color),)) for key, color in (base, reference)]
    found = correspond(target, frames, np.zeros((64, 64, 3), np.uint8), 16, references=1, base=0)
    inside = [5, 6, 9, 10]
    pairs = zip(found.tokens.tolist(), found.frames.tolist(), strict=True)
    assert {frame for token, frame in pairs if token in inside} == {*matched}
    assert found.absent[1].all() == (1 not in matched)


@pytest.mark.parametrize(
    ("left", "base", "matched"), [(0.25, 1, 0), (0.5, 1, 2), (0.5, 0, 0), (0.255, None, 0)]
)
def test_an_earlier_picture_is_copied_where_the_thing_stands_as_it_did(left, base, matched):
    """Elsewhere its ground is not wanted: the reference picture ranks higher, unless the picture is the base."""
    white, box = np.full((64, 64, 3), 255, np.uint8), (0.25, 0.5, 0.5, False)
    earlier = Frame(white, None, (Placement("car|noto", left, *box),))
    other = Frame(white, None, (Placement("cat|noto", 0.0, 0.0, 0.25, 0.25, False),))
    reference = Frame(white, None, (Placement("car|noto", 0.1, 0.1, 0.8, 0.8, False),))
    target = (Placement("car|noto", 0.25, *box),)
    picture = np.zeros((64, 64, 3), np.uint8)
    found = correspond(target, [earlier, other, reference], picture, 16, references=1, base=base)
    inside = [5, 6, 9, 10]
    pairs = zip(found.tokens.tolist(), found.frames.tolist(), strict=True)
    assert {frame for token, frame in pairs if token in inside} == {matched}


@pytest.mark.parametrize("task", ["contour_to_image", "segment_to_image", "multi_control"])
def test_things_are_copied_from_references_and_not_from_maps(task):
    keep = StreamOptions(batch=12, drop_text=0, drop_history=0, drop_references=0, drop_reference=0)
    pointed = 0
    for example in SceneStream(TOKENIZER, 3, keep, tasks=(task,))[0].examples:
        match = example.correspondence
        maps = [number for number, frame in enumerate(example.request.frames) if frame.indicator < 10]
        assert maps and not set(match.frames.tolist()) & set(maps)
        pointed += len(match.tokens)
    assert pointed > 50


def test_restored_pixels_match_the_earlier_picture_and_unchanged_ones_do_not():
    """The left half changed in between: it alone is copied from before, at the same place."""
    before = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    base = before.copy()
    base[:, :64] = 0
    somewhere = (Placement("car|noto", 0.0, 0.0, 0.1, 0.1, False),)
    found = correspond(somewhere, [Frame(before), Frame(base)], before, 16, base=1)
    left = [row * 8 + column for row in range(8) for column in range(4)]
    assert found.tokens.tolist() == left and not found.frames.any()
    assert found.position[1].tolist() == [24.0, 8.0] and (found.scale == 1).all()
    assert found.absent[1].all() and found.absent[0].sum() == 32 and not found.absent[0][left].any()
    unknown = correspond((), [Frame(before), Frame(base)], before, 16, base=1)
    assert unknown.tokens.tolist() == left and not unknown.absent.any()


@pytest.mark.parametrize("known", [False, True])
def test_a_head_matches_with_its_figure_unless_a_frame_shows_it_better(known):
    """A figure as high as the target, whose head is its upper half; its reference picture shows another head."""
    white = np.full((64, 64, 3), 255, np.uint8)
    head = Placement("head|sad", 0.25, 0.0, 0.5, 0.5, False)
    target = (Placement("person|noto|1", 0.25, 0.0, 0.5, 1.0, False, parts=(head,)),)
    other = Placement("head|glad", 0.25, 0.0, 0.5, 0.5, False)
    reference = Frame(white, None, (Placement("person|noto|2", 0.25, 0.0, 0.5, 1.0, False, parts=(other,)),))
    shown = [Frame(white, None, (head,))] if known else []
    found = correspond(target, [*shown, reference], np.zeros((64, 64, 3), np.uint8), 16, references=1)
    heads = [
        int(frame)
        for token, frame in zip(found.tokens, found.frames, strict=True)
        if int(token) in (1, 2, 5, 6)
    ]
    legs = [
        int(frame) for token, frame in zip(found.tokens, found.frames, strict=True) if int(token) in (9, 10)
    ]
    assert heads == [0] * 4 and legs == [len(shown)] * 2


@pytest.mark.parametrize("task", ["face_swap", "try_on"])
def test_heads_and_clothes_correspond_where_whole_figures_do_not(world, task):
    """The place that a token is to point at in the other picture has the answer's colours."""
    apart, chance = [], []
    for seed in range(30):
        sample = draw(world, random.Random(seed), task, "train")
        last = sample.turns[-1]
        side = last.target.shape[0]
        found = correspond(last.placements, list(last.frames), last.target, 8)
        donor = last.frames[1].image.astype(float)
        for token, frame, (x, y) in zip(found.tokens, found.frames, found.position, strict=True):
            if frame == 1:
                row, column = divmod(int(token), side // 8)
                answer = last.target[row * 8 + 4, column * 8 + 4]
                apart.append(np.abs(donor[int(y), int(x)] - answer).mean())
                chance.append(np.abs(donor[side // 2, 2] - answer).mean())
    assert len(apart) > 30
    assert np.median(apart) < 0.3 * np.median(chance)  # a night darkens one of two
