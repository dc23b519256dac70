"""Metrics against values computed by hand."""

import numpy as np
import pytest
from PIL import Image

from ace_agent.evaluation.metrics import (
    KEEP_CEILING,
    as_picture,
    as_region,
    changed_region,
    class_overlap,
    error,
    f1,
    keep_psnr,
    line_background,
    line_pixels,
    match_lines,
    mean_iou,
    score,
)


def flat(value: float, side: int = 8) -> np.ndarray:
    return np.full((side, side, 3), value, np.float32)


EVERYWHERE = np.ones((8, 8), bool)


def test_error_of_a_constant_offset_is_its_square() -> None:
    """A constant offset has no gradients, so only the mean squared error is left."""
    assert error(flat(0.7), flat(0.2), EVERYWHERE) == pytest.approx(0.25, rel=1e-5)


def test_error_adds_gradients_at_three_scales() -> None:
    """A ramp of 0.1 a column against black, 4 x 4, one gradient each way.

    MSE: (0 + .01 + .04 + .09) / 4 = .035. Scale 1: 12 steps across of .1 and 12 down of 0: .01 / 2 = .005.
    Scale 2: 2 steps across of .2, 2 down of 0: .04 / 2 = .02. Scale 4: one block, no steps.
    """
    ramp = np.tile(np.arange(4, dtype=np.float32) / 10, (4, 1))[..., None].repeat(3, -1)
    whole = np.ones((4, 4), bool)
    assert error(ramp, np.zeros_like(ramp), whole) == pytest.approx(0.035 + 0.005 + 0.02, rel=1e-5)


def test_error_ignores_pixels_outside_the_region() -> None:
    region = np.zeros((8, 8), bool)
    region[2:5, 2:5] = True
    output = flat(0.5)
    output[~region] = np.random.default_rng(0).random((int((~region).sum()), 3))
    assert error(output, flat(0.5), region) == pytest.approx(0, abs=1e-12)


def test_error_charges_a_blur_for_its_missing_edges() -> None:
    """Stripes answered by their mean: all 56 steps across are missing a gradient of 1, none of 56 down."""
    stripes = flat(0.0)
    stripes[:, ::2] = 1.0
    blurred = error(flat(0.5), stripes, EVERYWHERE)
    assert blurred == pytest.approx(0.25 + 0.5, rel=1e-5)


def test_error_refuses_what_it_cannot_measure() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        error(flat(0), flat(0), ~EVERYWHERE)
    with pytest.raises(ValueError, match="same shape"):
        error(flat(0), flat(0, 4), EVERYWHERE)
    with pytest.raises(ValueError, match="region"):
        error(flat(0), flat(0), np.ones((4, 4), bool))


def test_score_is_relative_to_the_best_trivial_answer() -> None:
    assert score(0.0, [0.4, 0.2]) == 1.0
    assert score(0.2, [0.4, 0.2]) == 0.0
    assert score(0.1, [0.4, 0.2]) == pytest.approx(0.5)
    assert score(0.4, [0.4, 0.2]) == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="exact"):
        score(0.1, [0.0, 0.2])


def test_changed_region_ignores_six_levels() -> None:
    source, target = flat(0.5), flat(0.5)
    target[1, 2, 0] += 6 / 255
    target[3, 4, 1] += 7 / 255
    assert np.argwhere(changed_region(source, target)).tolist() == [[3, 4]]


def test_keep_is_psnr_outside_the_region() -> None:
    region = np.zeros((8, 8), bool)
    region[:4] = True
    output = flat(0.5)
    output[:4] = 0.0
    assert keep_psnr(output, flat(0.5), region) == KEEP_CEILING
    output[4:] += 0.1
    assert keep_psnr(output, flat(0.5), region) == pytest.approx(20.0, abs=1e-3)
    assert keep_psnr(output, flat(0.5), EVERYWHERE) is None


def test_f1_allows_one_pixel() -> None:
    target, near, far = flat(0), flat(0), flat(0)
    target[:, 3] = 1
    near[:, 4] = 1
    far[:, 5] = 1
    assert f1(near, target, EVERYWHERE) == 1.0
    assert f1(far, target, EVERYWHERE) == 0.0


def test_f1_is_the_harmonic_mean() -> None:
    """Half of the line drawn, and as much again in the wrong place: precision 1/2; recall 5/8.

    Rows 0-3 of the line are drawn; row 4 of the target is within 1 px of row 3.
    """
    target, output = flat(0), flat(0)
    target[:, 1] = 1
    output[:4, 1] = 1
    output[:4, 6] = 1
    match = match_lines(line_pixels(output, np.zeros(3)), line_pixels(target, np.zeros(3)))
    assert (match.drawn, match.drawn_right, match.wanted, match.wanted_found) == (8, 4, 8, 5)
    assert match.f1 == pytest.approx(2 * 0.5 * 0.625 / 1.125)


def test_f1_reads_dark_lines_on_light_paper_and_coloured_bones_on_black() -> None:
    paper = flat(1)
    paper[2] = 0
    assert line_background(paper, EVERYWHERE).tolist() == [1, 1, 1]
    assert f1(paper, paper, EVERYWHERE) == 1.0
    bones = flat(0)
    bones[2] = (0.0, 85 / 255, 1.0)
    assert line_pixels(bones, line_background(bones, EVERYWHERE)).sum() == 8


def test_masked_forms_are_graded_inside_the_mask() -> None:
    """Outside a mask the photograph stays: its paper and its lines are no part of the drawing."""
    inside = np.zeros((8, 8), bool)
    inside[:, :3] = True
    target, output = flat(0.9), flat(0.1)
    target[:, :3] = output[:, :3] = 0
    target[4, :3] = output[4, :3] = 1
    assert f1(output, target, inside) == 1.0
    assert f1(output, target, EVERYWHERE) < 0.8


def test_f1_of_nothing() -> None:
    drawn = flat(0)
    drawn[2] = 1
    assert f1(flat(0), flat(0), EVERYWHERE) == 1.0
    assert f1(drawn, flat(0), EVERYWHERE) == 0.0
    assert f1(flat(0), drawn, EVERYWHERE) == 0.0


COLOURS = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1]], np.float32)


def test_mean_iou_over_classes_that_occur() -> None:
    """Half red, half black; a quarter of the picture is taken for black: red 16/32, black 32/48."""
    target = flat(0)
    target[:4] = COLOURS[1]
    output = target.copy()
    output[:2] = (0.2, 0.1, 0.1)  # nearest to black
    overlap = class_overlap(output, target, COLOURS, EVERYWHERE)
    assert overlap.tolist() == [[32, 48], [16, 32], [0, 0]]
    assert mean_iou(overlap) == pytest.approx((32 / 48 + 16 / 32) / 2)
    assert mean_iou(class_overlap(target, target, COLOURS, EVERYWHERE)) == 1.0


def test_mean_iou_charges_a_class_that_is_not_there() -> None:
    target, output = flat(0), flat(0)
    output[0] = COLOURS[2]
    assert mean_iou(class_overlap(output, target, COLOURS, EVERYWHERE)) == pytest.approx((56 / 64 + 0) / 2)


def test_pictures_and_masks_from_pil() -> None:
    picture = as_picture(Image.new("RGBA", (3, 2), (255, 0, 51, 255)))
    assert picture.shape == (2, 3, 3) and picture.dtype == np.float32
    assert picture[0, 0].tolist() == pytest.approx([1, 0, 0.2])
    assert as_region(Image.new("L", (3, 2), 255)).all()
    assert not as_region(Image.new("1", (3, 2), 0)).any()
