"""Random scenes, within one split."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import Split
from ace_agent.data.scenes import wordings
from ace_agent.data.scenes.landscapes import horizon
from ace_agent.data.scenes.render import Renderer
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene import PLACES, TIMES, WEATHERS, Background, Scene
from ace_agent.references import colors, people
from ace_agent.references.objects import Object, Person, hash_text
from ace_agent.references.vocabulary import HAIR, HAIRY, NOUNS, STYLES

_T = TypeVar("_T")

# Weights of categories; people ask for animals and vehicles most.
_CATEGORY_WEIGHTS = {
    "animal": 5.0, "vehicle": 2.6, "food": 1.8, "plant": 1.3, "building": 1.3, "sky": 0.5, "thing": 2.6,
    "garment": 0.5, "hat": 0.25, "person": 1.5, "face": 0.8,
}  # fmt: skip
_RARE_SHARE = 0.2  # of draws that may give a rare noun
_FIGURES = 0.06  # share of objects that are drawn figures
_STYLE_WEIGHTS = {"noto": 0.7, "fluent": 0.12, "flat": 0.10, "blob": 0.08}
_MIRRORED = 0.15
"""Share of objects that are mirrored, unlike their reference pictures."""
_LANDSCAPES = {"train": (0, 40), "validation": (1000, 12), "held-out": (2000, 12)}
"""First seed and number of each split's landscapes: few enough for the renderer's cache."""


def canonical_size(thing: Object) -> float:
    """Longest side of a single object whose size the words leave open, as a fraction of the picture.

    All objects share it: with a size per category, the pointer was off by a quarter in scale and by seven pixels in
    place after 196,000 samples.
    """
    return 0.59 if thing.person else 0.5


SPLIT_BUCKETS = 12  # pairs of words are hashed into them; bucket 0 validates, bucket 1 is held out

COLORFUL = 0.45  # share of a sprite's pixels that a tint must change for it to be recoloured


def split_of(*words: str) -> Split:
    """The split of a set of words, whatever their order."""
    bucket = hash_text("+".join(sorted(words))) % SPLIT_BUCKETS
    return "validation" if bucket == 0 else "held-out" if bucket == 1 else "train"


class Catalogue:
    """The nouns and styles that the sprites cover."""

    def __init__(self, renderer: Renderer) -> None:
        sprites = renderer.sprites
        self.styles: dict[str, tuple[str, ...]] = {}
        for name in sprites.names():
            self.styles[name] = tuple(style for style in STYLES if sprites.has(name, style))
        known = [noun for noun in NOUNS.values() if noun.name in self.styles and not noun.held_out]
        self.by_category = {
            category: tuple(noun.name for noun in known if noun.category == category)
            for category in _CATEGORY_WEIGHTS
        }
        self.frequent = {
            category: tuple(name for name in names if not NOUNS[name].rare)
            for category, names in self.by_category.items()
        }
        self._sprites = sprites
        self._tints: dict[tuple[str, str], bool] = {}

    def tintable(self, name: str, style: str) -> bool:
        """Whether a tint changes most of an object, by its flag and by measurement."""
        key = (name, style)
        if key not in self._tints:
            sprites, flagged = self._sprites, name in NOUNS and NOUNS[name].tintable
            self._tints[key] = flagged and colors.tint_share(sprites.get(*key), sprites.body(*key)) > COLORFUL
        return self._tints[key]


class SceneSampler:
    """Draws scenes at random for one sample.

    Args:
        renderer: renders them.
        catalogue: what can be drawn.
        rng: the only source of randomness.
        split: which wordings, pairs and landscapes may be used.
    """

    def __init__(self, renderer: Renderer, catalogue: Catalogue, rng: random.Random, split: Split) -> None:
        self.renderer, self.catalogue, self.rng, self.split = renderer, catalogue, rng, split

    # ---- words

    def instruction(self, kind: str, slots: Mapping[str, str] | None = None, *, masked: bool = False) -> str:
        """An instruction of a kind of request, with its slots filled."""
        return wordings.compose(self.rng, self.split, kind, slots or {}, masked=masked)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, options: Sequence[_T]) -> _T:
        return self.rng.choice(options)

    def other(self, options: Sequence[_T], *used: _T) -> _T:
        """One of ``options`` that is not among ``used``."""
        return self.rng.choice([option for option in options if option not in used])

    # ---- parts of scenes

    def noun(self, *categories: str) -> str:
        """A noun of one of the categories, or of any."""
        names = categories or tuple(_CATEGORY_WEIGHTS)
        category = self.rng.choices(names, [_CATEGORY_WEIGHTS[name] for name in names])[0]
        common = self.catalogue.frequent[category]
        if self.chance(_RARE_SHARE):
            return self.rng.choice(self.catalogue.by_category[category])
        return self.rng.choice(common)

    def style(self) -> str:
        return self.rng.choices(list(_STYLE_WEIGHTS), list(_STYLE_WEIGHTS.values()))[0]

    def seed(self) -> int:
        first, count = _LANDSCAPES[self.split]
        return first + self.rng.randrange(count)

    def background(self, *, plain: float = 0.15, simple: float = 0.55) -> Background:
        """A background: a share ``plain`` without a place, a share ``simple`` of the rest by day in clear weather."""
        if self.chance(plain):
            return self.plain_background()
        place = self.rng.choice(PLACES)
        drawn = Background(place, (), self.seed())
        if not drawn.outdoors or self.chance(simple):
            return drawn
        time = self.rng.choice(TIMES)
        weather = self.rng.choice(WEATHERS) if self.chance(0.5) else "clear"
        return replace(drawn, time=time, weather=weather)

    def plain_background(self) -> Background:
        if self.chance(0.7):
            return Background("plain", (self.rng.choice(list(colors.PAPERS)),))
        return Background("gradient", tuple(self.rng.sample(list(colors.PAPERS), 2)))

    def person(self, *, bust: bool = False, pose: str = "") -> Person:
        rng = self.rng
        return Person(
            skin=rng.choice(list(people.SKINS)),
            hair=rng.choice(people.HAIRS),
            hair_color=rng.choice(list(people.HAIR_COLORS)),
            expression=rng.choice(people.EXPRESSIONS),
            garment=rng.choice(people.GARMENTS),
            garment_color=rng.choice(list(colors.RGB)),
            trousers=rng.choice(list(colors.RGB)),
            pose=pose or rng.choice(list(people.POSES)),
            sway=tuple(float(rng.randint(-6, 6)) for _ in range(9)),
            beard=rng.random() < 0.15,
            bust=bust,
        )

    def thing(self, name: str = "", *, style: str = "", color: float = 0.3) -> Object:
        """An object that is not placed yet: a noun, or a figure, in a style that has it."""
        if name == "person" or (not name and self.chance(_FIGURES)):
            return Object("person", size=self.rng.uniform(0.52, 0.66), person=self.person())
        name = name or self.noun()
        if name in HAIRY and self.chance(0.5):
            name = f"{name}+{self.rng.choice(list(HAIR))}"
        style = style or self.style()
        if style not in self.catalogue.styles[name]:
            style = STYLES[0]
        tint = ""
        if self.catalogue.tintable(name, style) and self.chance(color):
            tint = self.rng.choice(colors.TINTS)
        size = NOUNS[name.split("+")[0]].size * self.rng.uniform(0.85, 1.15)
        return Object(name, style, size=size, color=tint, flip=self.chance(_MIRRORED))

    def place(
        self, things: Sequence[Object], background: Background, *, still: bool = False
    ) -> tuple[Object, ...]:
        """Place the objects side by side, on the ground or in the air; ``still`` leaves nothing to chance."""

        def between(low: float, high: float) -> float:
            return (low + high) / 2 if still else self.rng.uniform(low, high)

        count = len(things)
        slots = {1: (0.5,), 2: (0.28, 0.72), 3: (0.2, 0.5, 0.8)}[count]
        reach = {1: 0.14, 2: 0.05, 3: 0.025}[count]
        shrink = {1: 1.0, 2: 0.86, 3: 0.68}[count]
        ground = max(horizon(background) + 0.2, 0.78)
        placed = []
        for thing, slot in zip(things, slots, strict=True):
            size = thing.size * shrink
            if count > 1 and not thing.person:
                size = min(size, 0.46 if count == 2 else 0.31)
            if background.place in ("plain", "gradient", "space"):
                middle = between(0.42, 0.58) if count == 1 else 0.62
                y = min(0.94, max(size + 0.06, middle + size / 2))
            elif not thing.person and NOUNS[thing.name.split("+")[0]].place == "air":
                y = max(size + 0.04, between(0.36, 0.52))
            else:
                y = max(between(ground, 0.94), size + 0.04)
            x = slot + between(-reach, reach)
            placed.append(replace(thing, x=round(x, 3), y=round(y, 3), size=round(size, 3)))
        return tuple(placed)

    def scene(
        self,
        count: int | None = None,
        *,
        things: Sequence[Object] = (),
        background: Background | None = None,
        style: str = "",
        color: float = 0.3,
    ) -> Scene:
        """A scene of ``things``, or of ``count`` random ones, whose pairs belong to the split."""
        number = count if count is not None else self.rng.choices((1, 2, 3), (0.6, 0.3, 0.1))[0]
        for _ in range(300):
            behind = background or self.background()
            shared = style or self.style()
            drawn = list(things) or [self.thing(style=shared, color=color) for _ in range(number)]
            if len({noun_of(thing) for thing in drawn}) < len(drawn):
                continue
            if self.fits(*(noun_of(thing) for thing in drawn), behind.place):
                return Scene(behind, self.place(drawn, behind))
        raise Unfit("no pair of this split")

    def canonical_background(self, background: Background) -> Background:
        """The background with the split's first landscape."""
        first, _ = _LANDSCAPES[self.split]
        return replace(background, seed=first)

    def canonical(self, scene: Scene) -> Scene:
        """The one scene for a caption: sizes, places, directions and the landscape, which no word names, are fixed.

        A model this small averages over what words leave open: with random sizes and places, "a red car in a meadow"
        became a meadow with a red haze.
        """
        return self.arranged(self.in_canonical_landscape(scene))

    def in_canonical_landscape(self, scene: Scene) -> Scene:
        """The scene in the fixed landscape of its place."""
        return replace(scene, background=self.canonical_background(scene.background))

    def arranged(self, scene: Scene) -> Scene:
        """The scene in its own landscape, with its objects as in `canonical`."""
        things = [replace(thing, flip=False, size=canonical_size(thing)) for thing in scene.objects]
        return replace(scene, objects=self.place(things, scene.background, still=True) if things else ())

    def fits(self, *words: str) -> bool:
        """Whether the words' pairs belong to this split.

        A training sample has training pairs only; a sample of another split has at least one of its own and none of the
        third split's.
        """
        own = self.split == "train" or any(
            split_of(a, b) == self.split for a, b in itertools.combinations(words, 2)
        )
        return own and self.allows(*words)

    def allows(self, *words: str) -> bool:
        """Whether no pair of the words belongs to another split."""
        return {split_of(a, b) for a, b in itertools.combinations(words, 2)} <= {"train", self.split}

    # ---- pictures

    def render(self, scene: Scene) -> RenderedScene:
        return self.renderer.render(scene)

    def first_fit(self, make: Callable[[], _T | None], tries: int = 40) -> _T:
        """The first result of ``make`` other than None.

        Raises:
            Unfit: after ``tries`` Nones.
        """
        for _ in range(tries):
            made = make()
            if made is not None:
                return made
        raise Unfit("nothing fits")


def noun_of(obj: Object) -> str:
    """An object's noun in instructions."""
    return "person" if obj.person else obj.name.split("+")[0]
