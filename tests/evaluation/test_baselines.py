"""The trivial answers are the best of their kind, and contain one another."""

import numpy as np
import pytest

from ace_agent.evaluation.baselines import best_affine, best_constant, trivial_errors
from ace_agent.evaluation.metrics import error

RNG = np.random.default_rng(7)
SOURCE = RNG.random((16, 16, 3), np.float32)
REGION = np.zeros((16, 16), bool)
REGION[3:12, 2:14] = True


def test_affine_finds_a_gain_and_an_offset_per_channel() -> None:
    target = SOURCE * np.float32([0.5, 0.2, 0.9]) + np.float32([0.1, 0.3, 0.0])
    assert np.abs(best_affine(SOURCE, target, REGION) - target)[REGION].max() < 1e-5


def test_affine_does_not_mix_channels_and_matrix_does() -> None:
    """Grayscale is a colour matrix: as a baseline it would leave a model nothing to gain."""
    grey = (SOURCE @ np.float32([0.299, 0.587, 0.114]))[..., None].repeat(3, -1)
    errors = trivial_errors(SOURCE, grey, REGION)
    assert errors.matrix == pytest.approx(0, abs=1e-9)
    assert errors.affine is not None and errors.affine > 1e-3
    assert errors.best == errors.affine


def test_each_family_contains_the_one_before() -> None:
    for seed in range(5):
        target = np.random.default_rng(seed).random((16, 16, 3), np.float32) * 0.5 + SOURCE * 0.2
        errors = trivial_errors(SOURCE, target, REGION)
        assert errors.matrix <= errors.affine + 1e-7
        assert errors.affine <= min(errors.input, errors.constant) + 1e-7


def test_no_neighbour_does_better() -> None:
    target = np.random.default_rng(1).random((16, 16, 3), np.float32)
    constant, affine = best_constant(target, REGION), best_affine(SOURCE, target, REGION)
    for nudge in (np.float32(-0.01), np.float32(0.01)):
        assert error(constant + nudge, target, REGION) > error(constant, target, REGION)
        assert error(affine + nudge, target, REGION) > error(affine, target, REGION)
        assert error(affine + nudge * SOURCE, target, REGION) > error(affine, target, REGION)


def test_without_an_input_there_is_only_the_constant() -> None:
    errors = trivial_errors(None, SOURCE, REGION)
    assert errors.input is None and errors.affine is None
    assert errors.best == errors.constant > 0
