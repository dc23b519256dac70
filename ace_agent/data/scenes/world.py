"""The scene world: samples of every task from a random generator."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cached_property, lru_cache

from ace_agent.data.errors import DataError, Unfit, UnknownTask
from ace_agent.data.sample import Sample, Split, TrainingTurn
from ace_agent.data.scenes.chains import CHAINS as _CHAINS
from ace_agent.data.scenes.render import Renderer
from ace_agent.data.scenes.scene_sampler import Catalogue, SceneSampler
from ace_agent.data.scenes.tasks.table import FAMILY_OF, GENERATORS
from ace_agent.references import library
from ace_agent.references.descriptions import Description
from ace_agent.references.name_matching import NameMatcher, spellings
from ace_agent.references.objects import Object
from ace_agent.references.sprites import Sprites
from ace_agent.references.types import Frame
from ace_agent.references.vocabulary import NOUNS, STYLES

CHAINS: tuple[str, ...] = tuple(_CHAINS)

TASK_WEIGHTS: dict[str, float] = {
    # Text-to-image comes most, because people ask for it first and its backgrounds were learnt last; then tasks with
    # one exact answer, which are measured without a reader, above all those that depend on words
    # (docs/lab-notebook.md).
    "text_to_image": 16.0,
    "segment": 8.0, "depth": 2.0,
    "edge": 0.7, "contour": 2.0, "pose": 0.7, "scribble": 1.0, "doodle": 1.2,
    "grayscale": 3.0, **dict.fromkeys(("mosaic", "degrade"), 1.5),
    **dict.fromkeys(
        ("segment_to_image", "depth_to_image", "pose_to_image", "edge_to_image", "contour_to_image",
         "scribble_to_image", "doodle_to_image"), 6.0),
    "colorize": 4.0, "demosaic": 1.0, "restore": 1.5,
    "edit_color": 5.0, "edit_texture": 3.0, "edit_motion": 8.0, "edit_scene": 4.0, "edit_face": 2.5,
    "edit_style": 2.5, "edit_general": 3.0,
    "add": 5.0, "remove": 3.0, "replace": 5.0, "render_text": 4.0, "remove_text": 1.5,
    "inpaint": 4.0, "outpaint": 1.0,
    "extract_foreground": 3.0, "extract_background": 2.0, "fuse_layers": 2.5,
    "subject_reference": 4.5, "face_reference": 4.5,
    "style_reference": 4.0, "try_on": 3.0, "face_swap": 2.5,
    "multi_control": 6.0,
    "chain": 2.5, "chain:bring_back": 3.0, "chain:undo": 3.0,
    "chain:same_style": 6.0, "chain:same_place": 5.0, "chain:object_of_first": 6.0,
}  # fmt: skip
"""Weights of the tasks if none is named."""

_TRIES = 200


class World:
    """Makes samples.

    Args:
        sprites: pictures of the objects; None for those of the sprite file.
        size: side of the square pictures, in pixels.

    Raises:
        SpritesMissing: there is no sprite file.
    """

    def __init__(self, sprites: Sprites | None = None, size: int = 128) -> None:
        self.size = size
        self._renderer = Renderer(sprites or Sprites.load(), size)
        self._catalogue = Catalogue(self._renderer)
        self._reference = lru_cache(maxsize=2000)(self._make_reference)

    def sample(self, rng: random.Random, task: str | None = None, split: Split = "train") -> Sample:
        """One sample.

        Args:
            rng: the only source of randomness: equal states give equal samples.
            task: an id of the task catalogue or a name of `CHAINS`; None draws one.
            split: its wordings, pairs of nouns and landscapes occur in no other split.

        Raises:
            UnknownTask: ``task`` is neither.
        """
        name = task or rng.choices(list(TASK_WEIGHTS), list(TASK_WEIGHTS.values()))[0]
        if name not in GENERATORS and name not in _CHAINS:
            raise UnknownTask(f"No task {name!r}; there are: {', '.join([*GENERATORS, *CHAINS])}")
        for _ in range(_TRIES):
            # A generator per try, so that rejected draws do not change the next sample.
            sampler = SceneSampler(self._renderer, self._catalogue, random.Random(rng.getrandbits(64)), split)
            try:
                turns = _CHAINS[name](sampler) if name in _CHAINS else (GENERATORS[name](sampler),)
            except Unfit:
                continue
            family = "multi-turn" if name in _CHAINS else FAMILY_OF[name]
            return Sample(family, tuple(self._with_references(turn) for turn in turns))
        raise DataError(f"{name}: no sample fits after {_TRIES} draws")

    @cached_property
    def _matcher(self) -> NameMatcher:
        names = [name for name in self._catalogue.styles if name in NOUNS and not NOUNS[name].held_out]
        return NameMatcher(spellings(names))

    def _with_references(self, turn: TrainingTurn) -> TrainingTurn:
        named = library.find_references(self._matcher, turn.instruction, self._reference)
        return replace(turn, named=tuple(named))

    def _make_reference(self, look: Description) -> Frame:
        if look.style not in self._catalogue.styles[look.name]:
            look = replace(look, style=STYLES[0])
        thing = Object(look.name, look.style, color=look.color, texture=look.texture)
        return library.frame(self._renderer.sprite(thing), look)
