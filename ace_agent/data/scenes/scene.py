"""Scenes as frozen descriptions. An edit makes another description, and both are rendered."""

from __future__ import annotations

from dataclasses import dataclass

from ace_agent.references.objects import Object

PLACES = ("meadow", "beach", "desert", "snow", "sea", "city", "room", "mountains", "forest", "space")
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "rain", "snow", "fog")
INDOORS = ("plain", "gradient", "room", "space")
"""Backgrounds that time and weather do not change."""


@dataclass(frozen=True)
class Background:
    """The background of a scene.

    Args:
        place: one of `PLACES`, or "plain" or "gradient" with ``colors``.
        colors: names of the plain colour, or of the gradient's top and bottom.
        seed: determines the landscape's shapes, whatever the time and weather.
        time: one of `TIMES`.
        weather: one of `WEATHERS`.
    """

    place: str
    colors: tuple[str, ...] = ()
    seed: int = 0
    time: str = "day"
    weather: str = "clear"

    @property
    def outdoors(self) -> bool:
        return self.place not in INDOORS


@dataclass(frozen=True)
class Lettering:
    """Lettering over a picture.

    Args:
        words: the text.
        color: colour name.
        where: "top", "middle" or "bottom".
    """

    words: str
    color: str = "white"
    where: str = "top"


@dataclass(frozen=True)
class Scene:
    """The description of a picture.

    Args:
        background: behind the objects.
        objects: in the order they were added.
        lettering: over everything.
        filter: a name of `filters.FILTERS` applied last; "" for none.
        adjust: names of `filters.ADJUSTMENTS`, in order, applied before the filter.
    """

    background: Background
    objects: tuple[Object, ...] = ()
    lettering: Lettering | None = None
    filter: str = ""
    adjust: tuple[str, ...] = ()
