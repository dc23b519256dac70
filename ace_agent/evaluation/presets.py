"""The presets of harder samples: untrained things (`ood`), and contradictory requests (`contradictory`)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import Split, TrainingTurn
from ace_agent.data.scenes import captions, edits
from ace_agent.data.scenes.captions import facts, is_plural, the
from ace_agent.data.scenes.render import Renderer
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import Catalogue, SceneSampler, noun_of
from ace_agent.data.scenes.tasks.editing import edit_turn
from ace_agent.data.scenes.tasks.generation import picture_turn
from ace_agent.data.scenes.world import World
from ace_agent.data.shards import make_turn
from ace_agent.evaluation.answerers import References
from ace_agent.evaluation.choices import PRESETS
from ace_agent.evaluation.errors import EvaluationError
from ace_agent.evaluation.report import UNSEEN_GIVEN
from ace_agent.evaluation.suites import DEFAULT_TASKS, Drawn, Suite, draw, draw_rows, sample_seed
from ace_agent.images import filters, operators
from ace_agent.images.compositing import changed_mask
from ace_agent.images.files import readable_formats
from ace_agent.images.types import Pixels
from ace_agent.references import library
from ace_agent.references.colors import TINTS
from ace_agent.references.descriptions import Description
from ace_agent.references.grammar import article
from ace_agent.references.name_matching import NameMatcher
from ace_agent.references.sprites import Sprites
from ace_agent.references.types import Frame, NamedReference
from ace_agent.references.vocabulary import HELD_OUT_NAMES, STYLES

Generator = Callable[[SceneSampler], Sequence[TrainingTurn]]

UNSEEN_FILTERS: dict[str, Callable[[Pixels], Pixels]] = {
    "solarized": lambda image: np.asarray(ImageOps.solarize(Image.fromarray(image), 128)),
    "embossed": lambda image: np.asarray(Image.fromarray(image).filter(ImageFilter.EMBOSS)),
    "two-toned": lambda image: np.asarray(
        ImageOps.colorize(Image.fromarray(image).convert("L"), "#28005a", "#ffe650")
    ),
    "swapped channels": lambda image: np.ascontiguousarray(image[..., ::-1]),
}
"""Filters that no sample of the scene world has."""


class _Stage:
    """Scene samplers over one renderer."""

    def __init__(self, size: int = 128) -> None:
        self.sprites = Sprites.load()
        self._renderer = Renderer(self.sprites, size)
        self._catalogue = Catalogue(self._renderer)

    def sampler(self, rng: random.Random, split: Split) -> SceneSampler:
        return SceneSampler(self._renderer, self._catalogue, rng, split)


# ---- never trained


def _unseen_scene(sampler: SceneSampler) -> Scene:
    sprites = sampler.renderer.sprites
    name = sampler.pick([name for name in HELD_OUT_NAMES if sprites.has(name, STYLES[0])])
    return sampler.scene(things=[sampler.thing(name, style=STYLES[0], color=0)])


def unseen_object(sampler: SceneSampler) -> list[TrainingTurn]:
    """A picture of a thing that no training sample names, with its reference picture."""
    scene = _unseen_scene(sampler)
    turn = picture_turn(sampler, scene, captions.caption(sampler.rng, scene))
    return [replace(turn, named=_reference(sampler, turn.instruction, noun_of(scene.objects[0])))]


def _reference(sampler: SceneSampler, instruction: str, name: str) -> tuple[NamedReference, ...]:
    frame = library.frame(sampler.renderer.sprites.get(name, STYLES[0]), Description(name))
    return tuple(library.find_references(NameMatcher({name: name}), instruction, lambda look: frame))


def edit_of_unseen_object(sampler: SceneSampler) -> list[TrainingTurn]:
    """Remove, flip or relight a thing that was never trained."""
    scene = _unseen_scene(sampler)
    way = sampler.pick((edits.remove, edits.change_time, edits.flip))
    return [edit_turn(sampler, sampler.render(scene), way(sampler, scene))]


def unseen_style(sampler: SceneSampler) -> list[TrainingTurn]:
    """A picture in the style of another, where that style was never trained."""
    apply = UNSEEN_FILTERS[sampler.pick(list(UNSEEN_FILTERS))]
    before, example = sampler.render(sampler.scene()), sampler.render(sampler.scene())
    target = apply(before.pixels)
    return [
        TrainingTurn(
            task="style_reference",
            instruction=sampler.instruction("style_reference", {}),
            frames=(Frame(before.pixels, None, before.placements), Frame(apply(example.pixels), None)),
            target=target,
            base=0,
            region=changed_mask(before.pixels, target),
            placements=before.placements,
            judge={"exact": True},
        )
    ]


_OOD: dict[str, Generator] = {
    "unseen object, by name": unseen_object,
    UNSEEN_GIVEN: unseen_object,
    "edit of an unseen object": edit_of_unseen_object,
    "unseen style": unseen_style,
}
_OOD_REFERENCES: dict[str, References] = {
    "unseen object, by name": "none",
    UNSEEN_GIVEN: "given",
}


@dataclass(frozen=True)
class _PhotoTask:
    """A task that applies to any photograph and has one right answer.

    Args:
        kind: of request, in the wordings.
        slots: what the wording is filled with.
        given: makes the model's input of the photograph; None: the photograph itself.
    """

    task: str
    kind: str
    target: Callable[[Pixels], Pixels]
    slots: Mapping[str, str] = field(default_factory=dict)
    given: Callable[[Pixels], Pixels] | None = None


def _itself(photo: Pixels) -> Pixels:
    return photo


_PHOTO_TASKS = (
    _PhotoTask("grayscale", "grayscale", operators.grayscale),
    _PhotoTask("edge", "edge", operators.edges),
    _PhotoTask("mosaic", "mosaic", lambda photo: operators.mosaic(photo, photo.shape[0] // 16)),
    _PhotoTask("doodle", "doodle", operators.doodle),
    _PhotoTask("edit_style", "edit_style", filters.FILTERS["sepia"], {"style": "a sepia photo"}),
    _PhotoTask("edit_general", "general_adjust", filters.ADJUSTMENTS["brighter"], {"how": "brighter"}),
    _PhotoTask("restore", "restore", _itself, {"flaw": "noise"}, lambda photo: operators.noise(photo, 0, 26)),
    _PhotoTask("demosaic", "demosaic", _itself, given=lambda photo: operators.mosaic(photo, 6)),
)


def photographs(folder: Path, sampler: SceneSampler, suite: Suite, size: int = 128) -> Iterator[Drawn]:
    """Analyses and edits of someone's photographs, central squares at the model's own size.

    Raises:
        EvaluationError: the folder holds no picture that can be read.
    """
    photos = list(_photos(folder, size))
    if not photos:
        raise EvaluationError(f"{folder} holds no picture that can be read", "give a folder of photographs")
    for asked in _PHOTO_TASKS:
        for index in range(min(suite.per_task, len(photos))):
            photo = photos[index]
            given = asked.given(photo) if asked.given else photo
            target = asked.target(photo)
            words = sampler.instruction(asked.kind, dict(asked.slots))
            turn = make_turn(asked.task, words, (Frame(given),), target, 0, {"exact": True})
            yield Drawn(f"photograph: {asked.task}", "photographs", sample_seed(suite, index), (turn,))


def _photos(folder: Path, size: int) -> Iterator[Pixels]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            with Image.open(path, formats=readable_formats()) as file:
                yield np.asarray(ImageOps.fit(ImageOps.exif_transpose(file).convert("RGB"), (size, size)))
        except (OSError, ValueError):
            continue


# ---- contradictions


def absent_thing(sampler: SceneSampler) -> list[TrainingTurn]:
    """A request about a thing that is not there: nothing should change."""
    scene = sampler.scene()
    here = {noun_of(thing) for thing in scene.objects}
    thing = sampler.other([name for name in sampler.catalogue.styles if "+" not in name], *here)
    phrase = f"the {thing}"
    kind, slots = sampler.pick(
        (
            ("remove", {"the": phrase, "thing": thing}),
            ("edit_color", {"the": phrase, "color": sampler.pick(TINTS)}),
            ("motion_bigger", {"the": phrase, "thing": thing}),
        )
    )
    picture = sampler.render(scene)
    return [
        TrainingTurn(
            task={"motion_bigger": "edit_motion"}.get(kind, kind),
            instruction=sampler.instruction(kind, slots),
            frames=(Frame(picture.pixels, None, picture.placements),),
            target=picture.pixels,
            base=0,
            region=np.zeros(picture.pixels.shape[:2], np.uint8),
            placements=picture.placements,
            judge={**facts(scene, exact=True), "unchanged": True},
        )
    ]


def two_colors(sampler: SceneSampler) -> list[TrainingTurn]:
    """One thing in two colours at once: either colour is right."""
    scene = edits.colorful_scene(sampler)
    change = edits.recolor(sampler, scene)
    first = change.slots["color"]
    turn = edit_turn(sampler, sampler.render(scene), change, masked=0)
    changed = next(after for after in change.after.objects if after not in scene.objects)
    if changed.person or not changed.color:
        raise Unfit("the reader cannot tell a garment's colour")
    second = sampler.other(TINTS, first, *(thing.color for thing in scene.objects))
    words = turn.instruction.replace(first, f"{first} and {second}")
    judge = {
        "exact": False,
        "objects": [
            (noun_of(thing), f"{first} or {second}" if thing is changed else None, "")
            for thing in change.after.objects
        ],
    }
    return [replace(turn, instruction=words, judge=judge)]


def last_word(sampler: SceneSampler) -> list[TrainingTurn]:
    """Two turns that contradict: the later one holds, and starts from the earlier result."""
    ways = (
        (edits.colorful_scene, edits.recolor),
        (edits.outdoor_scene, edits.change_time),
        (edits.face_scene, edits.change_expression),
    )
    start, way = sampler.pick(ways)
    scene = start(sampler)
    first = way(sampler, scene)
    second = way(sampler, first.after)
    return [
        edit_turn(sampler, sampler.render(before), change, masked=0)
        for before, change in ((scene, first), (first.after, second))
    ]


def added_and_denied(sampler: SceneSampler) -> list[TrainingTurn]:
    """ "Add a dog, but no dog": in any case everything else must still be there."""
    scene = sampler.scene()
    thing = sampler.other(sampler.catalogue.by_category["animal"], *(noun_of(one) for one in scene.objects))
    phrase = article(thing, plural=is_plural(thing))
    picture = sampler.render(scene)
    return [
        TrainingTurn(
            task="add",
            instruction=f"add {phrase} to {{image}}, but there must be no {thing}",
            frames=(Frame(picture.pixels, None, picture.placements),),
            target=picture.pixels,
            base=0,
            region=None,
            placements=picture.placements,
            judge=facts(scene, exact=False),
        )
    ]


def removed_and_kept(sampler: SceneSampler) -> list[TrainingTurn]:
    """A thing is removed twice: the second time nothing is left to do."""
    scene = sampler.scene(2)
    thing = sampler.pick(scene.objects)
    change = edits.Change(
        "remove",
        "remove",
        {"the": the(sampler.rng, thing, scene), "thing": noun_of(thing)},
        edits.swap(scene, thing),
        local=True,
    )
    removal = edit_turn(sampler, sampler.render(scene), change, masked=0)
    after = sampler.render(change.after)
    again = replace(
        removal,
        instruction=sampler.instruction("remove", change.slots),
        frames=(Frame(after.pixels, None, after.placements),),
        target=after.pixels,
        judge={**facts(change.after, exact=True), "unchanged": True},
    )
    return [removal, again]


_CONTRADICTORY: dict[str, Generator] = {
    "a thing that is not there": absent_thing,
    "two colours at once": two_colors,
    "added and denied": added_and_denied,
    "the last word holds": last_word,
    "removed already": removed_and_kept,
}


def rows_of(preset: str) -> tuple[str, ...]:
    """The rows of a preset, which ``--tasks`` chooses from."""
    return {"ood": tuple(_OOD), "contradictory": tuple(_CONTRADICTORY)}.get(preset, DEFAULT_TASKS)


def check(preset: str, suite: Suite) -> None:
    """Check the preset and the rows before anything is loaded.

    Raises:
        EvaluationError: one is unknown; the hint lists the known ones.
    """
    if preset not in PRESETS:
        raise EvaluationError(f"no preset {preset!r}", f"there are: {', '.join(PRESETS)}")
    unknown = [row for row in suite.tasks if row not in rows_of(preset)]
    if unknown:
        raise EvaluationError(f"no task {', '.join(unknown)}", f"there are: {', '.join(rows_of(preset))}")


def drawn(preset: str, suite: Suite, photos: Path | None = None) -> Iterator[Drawn]:
    """The samples of a checked preset.

    Args:
        photos: for "ood", a folder of photographs to analyse and edit as well.
    """
    if preset == "ood":
        stage = _Stage()
        yield from draw_rows(_OOD, stage.sampler, suite, "out of distribution", _OOD_REFERENCES)
        if photos is not None:
            yield from photographs(photos, stage.sampler(random.Random(suite.seed), suite.split), suite)
    elif preset == "contradictory":
        yield from draw_rows(_CONTRADICTORY, _Stage().sampler, suite, "contradictory", {})
    else:
        yield from draw(World(), suite)
