"""From answers to grades to figures."""

import numpy as np
import pytest
from PIL import Image

from ace_agent.evaluation.grading import CLASS_COLORS, Answered, figure, grade, standard_error, trivial_figure

RNG = np.random.default_rng(3)


def picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels.astype(np.uint8))


def edit(seed: int) -> tuple[Image.Image, Image.Image]:
    """A picture, and the same with one patch changed."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (32, 32, 3))
    target = base.copy()
    target[8:24, 8:20] = rng.integers(0, 256, (16, 12, 3))
    return picture(base), picture(target)


def answered(output: str, seed: int = 0, task: str = "edit_color") -> Answered:
    base, target = edit(seed)
    return Answered(task, base, None, target, {"base": base, "target": target}[output], exact=True)


def test_the_target_scores_one_and_keeps_everything() -> None:
    given = grade(answered("target"))
    assert (given.measure, given.value, given.keep) == ("score", 1.0, 60.0)


def test_the_input_scores_exactly_the_baseline_of_doing_nothing() -> None:
    grades = [grade(answered("base", seed)) for seed in range(4)]
    assert figure(grades) == trivial_figure(grades, "input")
    assert figure(grades) <= 0
    assert trivial_figure(grades, "affine") == pytest.approx(0, abs=1e-6)
    assert all(one.keep == 60.0 for one in grades)


def test_the_figure_weighs_samples_by_the_size_of_their_change() -> None:
    """One sample done, one left: 1 - (0 + e2) / (b1 + b2), not the mean of 1 and 1 - e2 / b2."""
    done, left = grade(answered("target", 1)), grade(answered("base", 2))
    best = [min(one.trivial[name] for name in ("input", "constant", "affine")) for one in (done, left)]
    assert figure([done, left]) == pytest.approx(1 - left.error / sum(best))
    assert standard_error([done, left]) > 0
    assert standard_error([done]) is None


def test_a_negative_is_an_affine_recolour_and_has_no_score_of_its_own() -> None:
    base, _ = edit(0)
    target = picture(255 - np.asarray(base))
    given = grade(Answered("edit_style", base, None, target, base, exact=True))
    assert given.value is None and given.error > 0


def test_lines_are_graded_by_f1_beside_trivial_answers() -> None:
    lines = np.zeros((32, 32, 3))
    lines[:, 10] = 255
    base, target = picture(RNG.integers(0, 256, (32, 32, 3))), picture(lines)
    given = grade(Answered("edge", base, None, target, target, exact=True))
    assert (given.measure, given.value, given.keep) == ("f1", 1.0, None)
    # All ink: three of 32 columns lie within 1 px of the line, and the line is found.
    assert given.trivial["constant"] == pytest.approx(2 * (3 / 32) / (1 + 3 / 32))
    assert set(given.trivial) == {"input", "constant", "affine"}


def test_segments_are_graded_by_miou_over_all_samples() -> None:
    """Class 0 and 1, half each; the second answer is all class 0: IoU of 0 is 96/128 ... over both."""
    halves = np.zeros((8, 8, 3))
    halves[:4], halves[4:] = CLASS_COLORS[0] * 255, CLASS_COLORS[1] * 255
    wrong = np.broadcast_to(CLASS_COLORS[0] * 255, (8, 8, 3))
    base = picture(RNG.integers(0, 256, (8, 8, 3)))
    grades = [
        grade(Answered("segment", base, None, picture(halves), picture(output), exact=True))
        for output in (halves, wrong)
    ]
    assert [one.value for one in grades] == [1.0, pytest.approx(0.25)]
    assert figure(grades) == pytest.approx(((32 + 32) / (32 + 64) + 32 / (32 + 32)) / 2)


def test_requests_with_many_right_answers_are_left_to_the_reader() -> None:
    base, target = edit(5)
    hole = np.zeros((32, 32))
    hole[4:28, 4:24] = 255
    given = grade(Answered("inpaint", base, picture(hole), target, target, exact=False))
    assert (given.measure, given.value) == ("reader", None)
    assert given.keep == 60.0


def test_an_output_of_another_size_is_refused() -> None:
    base, target = edit(0)
    with pytest.raises(ValueError, match="wanted"):
        grade(Answered("add", base, None, target, base.resize((16, 16)), exact=True))
