from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ace_agent.data.scenes import backgrounds, landscapes
from ace_agent.data.scenes.scene import PLACES, TIMES, WEATHERS, Background

OUTDOORS = [place for place in PLACES if Background(place).outdoors]


def _land(background: Background) -> list[tuple[str, tuple[tuple[float, float], ...]]]:
    shapes, _ = landscapes.shapes(background)
    return [(shape.label, shape.points) for shape in shapes if shape.label != "sky" or not shape.lit]


@pytest.mark.parametrize("place", OUTDOORS)
def test_time_and_weather_never_move_the_land(place: str) -> None:
    """Hills once moved at sunset, because the sun drew a number from their random stream."""
    day = Background(place, (), 7)
    for time in TIMES:
        for weather in WEATHERS:
            other = replace(day, time=time, weather=weather)
            assert _land(other) == _land(day)
            assert landscapes.horizon(other) == landscapes.horizon(day)


@pytest.mark.parametrize("place", OUTDOORS)
def test_night_looks_like_night(place: str) -> None:
    day = np.asarray(backgrounds.draw(Background(place, (), 3), 64)).mean()
    night = np.asarray(backgrounds.draw(Background(place, (), 3, "night"), 64)).mean()
    assert night < 0.6 * day


@pytest.mark.parametrize("place", PLACES)
def test_landscapes_cover_the_picture_and_differ_by_seed(place: str) -> None:
    first = np.asarray(backgrounds.draw(Background(place, (), 1), 128))
    second = np.asarray(backgrounds.draw(Background(place, (), 2), 128))
    assert (first != second).any()
    if place != "space":
        # A gap between shapes would show the black canvas.
        assert (first.max(-1) > 8).all()


def test_the_ground_is_nearer_towards_the_bottom() -> None:
    _, depth = backgrounds.maps(Background("meadow", (), 5), 128)
    below = depth[90:, 64].astype(int)
    assert (np.diff(below) >= 0).all()
    assert depth[5, 64] == 0


def test_plain_backgrounds_have_the_named_colour() -> None:
    white = np.asarray(backgrounds.draw(Background("plain", ("white",)), 32))
    assert (white == 250).all()
    fading = np.asarray(backgrounds.draw(Background("gradient", ("white", "black")), 32))
    assert fading[0].mean() > 240
    assert fading[-1].mean() < 70
