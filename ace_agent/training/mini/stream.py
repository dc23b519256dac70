"""The endless, exactly repeatable stream of training batches drawn from the scene world.

Batch n of a run depends on the run's seed and n alone, so a resumed run sees what an uninterrupted one would have.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ace_agent.data.errors import DataError
from ace_agent.data.sample import Sample, TrainingTurn
from ace_agent.data.scenes.world import World
from ace_agent.engines.ace.packing import MAX_REFERENCES, REFERENCE_INDICATOR
from ace_agent.engines.mini.request_tensors import PreparedFrame, PreparedRequest, PreparedUnit
from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.images.types import Pixels
from ace_agent.plan.tasks import TASKS
from ace_agent.references.colors import TEXTURES
from ace_agent.references.types import Frame, Placement
from ace_agent.training.batches import Batch, part_of
from ace_agent.training.mini.crops import CROP_WEIGHTS, WINDOW, cropped, fits
from ace_agent.training.mini.naming import all_shown, shown

Split = Literal["train", "validation", "held-out"]


@dataclass(frozen=True)
class StreamOptions:
    """How many examples a batch has, and what is left out of them at random, so that the model can do without it."""

    batch: int = 32  # whole pictures
    crops: int = 0  # windows (crops.py)
    drop_text: float = 0.05  # the current turn's text and task, as guidance's null branch does
    drop_task: float = 0.05  # the current turn's task alone
    drop_history: float = 0.1
    drop_references: float = 0.25  # all reference pictures of an example
    drop_reference: float = 0.1  # each one


@dataclass(frozen=True)
class Correspondence:
    """Target tokens whose place in a frame is known from the scene: tokens int64 [K], frames int64 [K] (of the
    request), position float [K, 2] and scale float [K, 2], both (x, y), in frame pixels (per target pixel). absent bool
    [F, N] is true where a token shows nothing that could be copied of a frame."""

    tokens: Tensor
    frames: Tensor
    position: Tensor
    scale: Tensor
    absent: Tensor


@dataclass(frozen=True)
class Example:
    """One request with its answer: target float [3, h, w] in -1..1; changed float [1, h, w], 1 where it differs from
    the base image (all ones without one); shown and to_show int64 [N, 2], what the rows of its frames and
    of the target show (naming.py)."""

    request: PreparedRequest
    target: Tensor
    changed: Tensor
    correspondence: Correspondence
    shown: Tensor
    to_show: Tensor
    task: str
    instruction: str


def to_pixels(image: np.ndarray) -> Tensor:
    """uint8 [h, w, 3] -> float [3, h, w] in -1..1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def prepare_frame(frame: Frame, indicator: int) -> PreparedFrame:
    """A mask says which pixels are to change, all or nothing; in a reference picture how much of each is the thing."""
    pixels = to_pixels(frame.image)
    if frame.mask is None:
        return PreparedFrame(pixels, torch.ones(1, *pixels.shape[1:]), indicator)
    mask = torch.from_numpy(np.array(frame.mask)).float()[None] / 255
    return PreparedFrame(
        pixels, mask if indicator >= REFERENCE_INDICATOR else (mask > 0.5).float(), indicator
    )


def prepare_turn(
    turn: TrainingTurn, tokenizer: WordTokenizer, references: list[int] | None = None
) -> PreparedUnit:
    """A turn's text and frames, with the reference pictures listed (None: all)."""
    chosen = list(range(len(turn.named))) if references is None else references
    chosen = chosen[:MAX_REFERENCES]
    named = [(turn.named[k].start, turn.named[k].stop, slot) for slot, k in enumerate(chosen)]
    frames = [prepare_frame(frame, number) for number, frame in enumerate(turn.frames)]
    frames += [
        prepare_frame(turn.named[k].frame, REFERENCE_INDICATOR + slot) for slot, k in enumerate(chosen)
    ]
    return PreparedUnit(tokenizer(turn.instruction, named), tuple(frames))


def prepare_sample(
    sample: Sample, tokenizer: WordTokenizer, *, history: bool = True, references: bool = True
) -> PreparedRequest:
    """The whole of a sample as inference sees it."""
    turns = sample.turns if history else sample.turns[-1:]
    last = sample.turns[-1]
    units = [prepare_turn(turn, tokenizer, []) for turn in turns[:-1]]
    current = prepare_turn(last, tokenizer, None if references else [])
    units.append(replace(current, tokens=current.tokens.asking(last.task)))
    height, width = last.target.shape[:2]
    base = units[-1].frames[last.base] if last.base is not None else None
    return PreparedRequest(tuple(units), height, width, base)


MAPS = frozenset(
    {task.id for task in TASKS.values() if task.family == "control"} - {"colorize", "demosaic", "restore"}
    | {"multi_control"}
)
"""Tasks whose frames show where a thing is to be and not what it looks like: there is nothing to copy of a contour."""
UNCHANGED = 2.0
"""Mean difference, of 255, up to which a frame shows what the target does at the same place."""


def correspond(
    target: tuple[Placement, ...],
    frames: list[Frame],
    picture: Pixels,
    patch: int,
    *,
    references: int = 0,
    base: int | None = None,
) -> Correspondence:
    """Match the tokens of `picture`, which shows things at `target`, to frames.

    By placements with equal keys, of which the last one drawn wins where they overlap; and where `picture` is as the
    base image (number `base`) is not, by equal pixels at the same place. Everywhere else frames are told to be absent,
    but for a token's width around what they share, unless `target` is empty: of anyone's own pictures nothing is known.

    Of frames that show a thing those match that show it most nearly as it is to be: on ground that is not wanted it is
    further than in a reference picture. The last `references` frames are reference pictures. Where nothing is nearer
    they match whatever the style, and tokens within a patch of their thing match too, so that it is copied to its edge.
    """
    height, width = picture.shape[:2]
    columns = width // patch
    apart = _with_parts(target)
    seen = [(frame.image.shape[:2], _with_parts(frame.placements)) for frame in frames]
    first = len(frames) - references
    best = {id(one): _best_look(one, seen[:first], seen[first:], base) for one in apart}
    # A part that nothing shows by itself is shown with its whole.
    whole = {id(part): place for place in target for part in place.parts if best[id(part)] > _ABSENT}
    showing = [
        {id(one): [place for place in places if _look(place, one) <= _OTHER_COLOR] for one in apart}
        for _, places in seen[:first]
    ]
    nearest = [
        {id(one) for one in apart if _reference_look(place, one) == best[id(one)]}
        for _, (place, *_) in seen[first:]
    ]
    same = [_unchanged(frame.image, picture, patch) for frame in frames[:first]]
    absent = torch.ones(len(frames), height // patch * columns, dtype=torch.bool)
    found: list[tuple[int, int, tuple[float, float], tuple[float, float]]] = []
    margin = patch / width, patch / height
    for row in range(height // patch):
        for column in range(columns):
            token = row * columns + column
            at = (column + 0.5) * patch, (row + 0.5) * patch
            x, y = at[0] / width, at[1] / height
            over = [place for place in apart if _covers(place, x, y)]
            around = [place for place in apart if _covers(place, x, y, *margin)]
            repainted = base is None or not same[base][row, column]
            for number, (of, _) in enumerate(seen[:first]):
                if any(showing[number][id(one)] for one in around):
                    absent[number, token] = False
                shown = showing[number][id(over[-1])] if over else []
                for place in shown:
                    position, scale = _mapped(over[-1], place, at, (height, width), of)
                    inside = 0 <= position[0] < of[1] and 0 <= position[1] < of[0]
                    if inside and _look(place, over[-1], number == base) == best[id(over[-1])]:
                        found.append((token, number, position, scale))
                if not shown and number != base and repainted and same[number][row, column]:
                    absent[number, token] = False
                    found.append((token, number, at, (1.0, 1.0)))
            for number, (of, (place, *_)) in enumerate(seen[first:], first):
                near = [one for one in around if id(one) in nearest[number - first]]
                absent[number, token] = not near
                if near and (not over or whole.get(id(over[-1]), over[-1]) in near):
                    found.append((token, number, *_mapped(near[-1], place, at, (height, width), of)))
    return Correspondence(
        torch.tensor([token for token, *_ in found], dtype=torch.long),
        torch.tensor([number for _, number, *_ in found], dtype=torch.long),
        torch.tensor([position for _, _, position, _ in found], dtype=torch.float32).reshape(-1, 2),
        torch.tensor([scale for *_, scale in found], dtype=torch.float32).reshape(-1, 2),
        absent if target else torch.zeros_like(absent),
    )


def _unchanged(frame: Pixels, picture: Pixels, patch: int) -> np.ndarray:
    """Which patches of two pictures are the same, bool [rows, columns]; none of pictures of two sizes."""
    rows, columns = picture.shape[0] // patch, picture.shape[1] // patch
    if frame.shape != picture.shape:
        return np.zeros((rows, columns), bool)
    apart = np.abs(frame.astype(np.int16) - picture)[: rows * patch, : columns * patch]
    blocks = apart.reshape(rows, patch, columns, patch, 3)
    return np.asarray(blocks.mean((1, 3, 4)) <= UNCHANGED)


_AS_WANTED, _REFERENCE, _ON_OTHER_GROUND, _OTHER_COLOR, _OTHER_STYLE, _ABSENT = range(6)
"""How far what a frame shows is from what is wanted, the nearest first. A scene has its light and a reference picture
has not; but a thing of another scene that is to stand elsewhere comes with the ground that it stood on."""


def _look(place: Placement, wanted: Placement, of_base: bool = False) -> int:
    """Of what a scene shows, which may be the base image."""
    if _is_exact(place, wanted):
        return _AS_WANTED if of_base or _same_place(place, wanted) else _ON_OTHER_GROUND
    return _OTHER_COLOR if _drawing(place) == _drawing(wanted) else _ABSENT


def _reference_look(place: Placement, wanted: Placement) -> int:
    """Of what a reference picture shows, whatever its style where only the name is right."""
    if _is_exact(place, wanted):
        return _REFERENCE
    return _OTHER_STYLE if place.key.split("|")[0] == wanted.key.split("|")[0] else _ABSENT


def _is_exact(place: Placement, wanted: Placement) -> bool:
    return place.key in (wanted.key, wanted.key.split("#")[0]) and place.color == wanted.color


def _same_place(place: Placement, wanted: Placement) -> bool:
    """To a hundredth of a picture."""
    pairs = zip((place.x, place.y, place.w, place.h), (wanted.x, wanted.y, wanted.w, wanted.h), strict=True)
    return place.flip == wanted.flip and all(abs(one - other) <= 0.01 for one, other in pairs)


def _drawing(place: Placement) -> list[str]:
    """What a thing is drawn from, without what it is covered with."""
    name, *parts = place.key.split("#")[0].split("|")
    return [name, *(part for part in parts if part not in TEXTURES)]


_Seen = Sequence[tuple[tuple[int, ...], list[Placement]]]


def _best_look(wanted: Placement, scenes: _Seen, references: _Seen, base: int | None) -> int:
    """The least look among all frames; one beyond `_ABSENT` where nothing shows it."""
    looks = [
        _look(place, wanted, number == base) for number, (_, places) in enumerate(scenes) for place in places
    ]
    looks += [_reference_look(place, wanted) for _, (place, *_) in references]
    best = min(looks, default=_ABSENT)
    return best if best < _ABSENT else _ABSENT + 1


def _covers(place: Placement, x: float, y: float, margin_x: float = 0.0, margin_y: float = 0.0) -> bool:
    """Whether a point is over a thing, all in fractions of the picture."""
    across = place.x - margin_x <= x <= place.x + place.w + margin_x
    return across and place.y - margin_y <= y <= place.y + place.h + margin_y


def _mapped(
    top: Placement, place: Placement, at: tuple[float, float], size: tuple[int, int], frame: tuple[int, ...]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where pixel `at` of the target, which shows a thing at `top`, is in a frame that shows it at `place`, and the
    magnification; sizes are (height, width)."""
    (height, width), (frame_height, frame_width) = size, frame
    mirrored = place.flip != top.flip
    across = (at[0] / width - top.x) / top.w
    across = 1 - across if mirrored else across
    down = (at[1] / height - top.y) / top.h
    position = (place.x + across * place.w) * frame_width, (place.y + down * place.h) * frame_height
    scale_x = place.w * frame_width / (top.w * width) * (-1 if mirrored else 1)
    return position, (scale_x, place.h * frame_height / (top.h * height))


def _with_parts(placements: Sequence[Placement]) -> list[Placement]:
    return [one for place in placements for one in (place, *place.parts)]


def draw(world: World, rng: random.Random, task: str | None, split: Split) -> Sample:
    """A sample of the task, or of any; once in many thousands no scene fits and another is drawn."""
    while True:
        try:
            return world.sample(rng, task, split)
        except DataError:
            continue


def make_example(
    sample: Sample, tokenizer: WordTokenizer, options: StreamOptions, patch: int, rng: random.Random
) -> Example:
    """A sample with what `options` says left out of it at random."""
    last = sample.turns[-1]
    history = sample.turns[:-1] if rng.random() >= options.drop_history else ()
    keep = rng.random() >= options.drop_references
    chosen = [k for k in range(len(last.named)) if keep and rng.random() >= options.drop_reference]
    units = [prepare_turn(turn, tokenizer, []) for turn in history]
    current = prepare_turn(last, tokenizer, chosen)
    if rng.random() >= options.drop_task:
        current = replace(current, tokens=current.tokens.asking(last.task))
    if rng.random() < options.drop_text:
        current = PreparedUnit(tokenizer(""), current.frames)
    target = to_pixels(last.target)
    height, width = target.shape[1:]
    base = current.frames[last.base] if last.base is not None else None
    changed = torch.ones(1, height, width)
    if base is not None and base.pixels.shape == target.shape:
        changed = ((target - base.pixels).abs().amax(0, keepdim=True) > 8 / 127.5).float()
    request = PreparedRequest((*units, current), height, width, base)
    frames = [frame for turn in history for frame in turn.frames]
    references = [last.named[k].frame for k in chosen[:MAX_REFERENCES]]
    named = all_shown([*frames, *last.frames, *references], patch)
    given = [replace(one, placements=()) for one in last.frames] if last.task in MAPS else last.frames
    frames += [*given, *references]
    start = len(frames) - len(last.frames) - len(references)
    number = None if last.base is None else start + last.base
    matches = correspond(last.placements, frames, last.target, patch, references=len(references), base=number)
    wanted = shown(last.placements, height // patch, width // patch)
    return Example(request, target, changed, matches, named, wanted, last.task, last.instruction)


_TRIES = 10
"""Draws of a sample that fits into a window, before one is taken that does not."""


class SceneStream(Dataset[Batch[Example]]):
    """Item n is batch n of the run `seed`, or the part of it that process `part[0]` of `part[1]` trains on."""

    def __init__(
        self,
        tokenizer: WordTokenizer,
        seed: int,
        options: StreamOptions,
        *,
        patch: int = 16,
        size: int = 128,
        tasks: tuple[str, ...] | None = None,
        split: Split = "train",
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Of `tasks` those of `CROP_WEIGHTS` have windows.

        Raises:
            ValueError: windows are asked for, and of a task that has none.
        """
        if options.crops and (without := set(tasks or ()) - CROP_WEIGHTS.keys()):
            raise ValueError(f"tasks without windows: {', '.join(sorted(without))}; take crops=0 for them")
        self.tokenizer = tokenizer
        self.seed = seed
        self.options = options
        self.patch = patch
        self.size = size
        self.tasks = tasks
        self.split: Split = split
        self.part = part
        self._world: World | None = None

    def __getitem__(self, step: int) -> Batch[Example]:
        # Scenes have one size and windows another, so a process knows what the others' examples cost without drawing
        # them. They take turns, so that processes get their share of both.
        whole, crops = self.options.batch, self.options.crops
        count = whole + crops
        windows = [(number + 1) * crops // count > number * crops // count for number in range(count)]
        rows = tuple(((WINDOW if window else self.size) // self.patch) ** 2 for window in windows)
        own = part_of(rows, *self.part)
        examples = [
            self.example(random.Random(f"{self.split}-{self.seed}-{step}-{number}"), window=windows[number])
            for number in own
        ]
        return Batch(tuple(examples), own.start, rows)

    def example(self, rng: random.Random, *, window: bool = False) -> Example:
        if self._world is None:
            self._world = World(size=self.size)
        task = rng.choice(self.tasks) if self.tasks else None
        if not window:
            sample = draw(self._world, rng, task, self.split)
        else:
            task = task or rng.choices(list(CROP_WEIGHTS), list(CROP_WEIGHTS.values()))[0]
            for _ in range(_TRIES):
                turn = draw(self._world, rng, task, self.split).turns[-1]
                if fits(turn):
                    break
            sample = Sample(TASKS[task].family, (cropped(turn, rng),))
        return make_example(sample, self.tokenizer, self.options, self.patch, rng)
