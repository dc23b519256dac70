"""Scenes as frozen descriptions: an edit makes another description, and both are rendered."""

from __future__ import annotations

from dataclasses import dataclass

from ace_agent.references.objects import Object

PLACES = ("meadow", "beach", "desert", "snow", "sea", "city", "room", "mountains", "forest", "space")
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "rain", "snow", "fog")
INDOORS = ("plain", "gradient", "room", "space")
"""Backgrounds without a sky of their own: time or weather does not change them."""


@dataclass(frozen=True)
class Background:
    """What lies behind the objects.

    Args:
        place: one of `PLACES`, or "plain" or "gradient" with ``colors``.
        colors: names of the plain colour, or of the gradient's top and bottom.
        seed: fixes the landscape's shapes; time and weather never move them.
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
    """Words drawn over a picture.

    Args:
        words: what they say.
        color: colour name.
        where: "top", "middle" or "bottom".
    """

    words: str
    color: str = "white"
    where: str = "top"


@dataclass(frozen=True)
class Scene:
    """Everything in a picture.

    Args:
        background: what lies behind.
        objects: what stands in it, in the order they were added.
        lettering: words over it.
        filter: a name of `filters.FILTERS` applied last; "" for none.
        adjust: names of `filters.ADJUSTMENTS`, in order, applied before the filter.
    """

    background: Background
    objects: tuple[Object, ...] = ()
    lettering: Lettering | None = None
    filter: str = ""
    adjust: tuple[str, ...] = ()
