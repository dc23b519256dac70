"""Training and testing the scene reader, on scenes of its own that no sample of a benchmark shows.

Resumable: the state is kept in a folder and another call goes on from it.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional

from ace_agent.data.captions import facts
from ace_agent.data.colors import TEXTURES, TINTS
from ace_agent.data.errors import Unfit
from ace_agent.data.operators import FILTERS
from ace_agent.data.render import Picture, Renderer
from ace_agent.data.sample import Split
from ace_agent.data.scene import PLACES, TIMES, WEATHERS, Background, Lettering, Object, Scene
from ace_agent.data.sprites import Sprites
from ace_agent.data.studio import Catalogue, Studio, noun_of
from ace_agent.data.vocabulary import HELD_OUT_NAMES, NOUNS, STYLES
from ace_agent.evaluation.agreement import agreement, checks_of
from ace_agent.evaluation.reader import SIDE, WEIGHTS, Reader, Words, grid_cell
from ace_agent.evaluation.reader_network import ReaderNetwork, Readings, channels_last

WORN = "worn "
"""Before the noun of a hat or glasses that something wears: it is seen, but is no object of its own."""

_HATS = tuple(noun.name for noun in NOUNS.values() if noun.category == "hat")
_NEAR = 0.8  # grid cells; an answer one cell beside the centre is nearly right
_COLOR_BLIND = ("sepia", "negative", "neon", "pencil sketch", "black and white")


def scene_words() -> Words:
    """Everything the scene world can show, names kept out of ace-mini's training included."""
    return Words(
        nouns=(*sorted(NOUNS), "person", *(WORN + name for name in _HATS)),
        colors=tuple(TINTS),
        styles=tuple(STYLES),
        places=(*PLACES, "plain", "gradient"),
        times=tuple(TIMES),
        weathers=tuple(WEATHERS),
        filters=("", *FILTERS),
    )


# ---- scenes


class Scenes:
    """Random scenes with everything the reader must know, in one split's landscapes and pairs."""

    def __init__(self, split: Split, seed: int) -> None:
        renderer = Renderer(Sprites.load(), SIDE)
        self.rng = random.Random(f"reader {split} {seed}")
        self.studio = Studio(renderer, Catalogue(renderer), self.rng, split)
        self._unseen = [name for name in HELD_OUT_NAMES if renderer.sprites.has(name, STYLES[0])]

    def __iter__(self) -> Iterator[Picture]:
        while True:
            try:
                yield self.studio.render(self._varied(self._scene()))
            except Unfit:
                continue

    def _scene(self) -> Scene:
        """A scene as the benchmark's, or one with a name that ace-mini never sees."""
        rng = self.rng
        if rng.random() < 0.12:
            return self.studio.scene(things=[self.studio.thing(rng.choice(self._unseen))])
        scene = self.studio.scene(color=0.5)
        if rng.random() < 0.06:
            scene = replace(scene, objects=())
        return scene

    def _varied(self, scene: Scene) -> Scene:
        """Other positions and sizes than a fresh scene's, and what edits put into a picture."""
        rng = self.rng
        objects = []
        for thing in scene.objects:
            size = min(0.8, thing.size * rng.uniform(0.75, 1.3))
            x = min(max(thing.x + rng.gauss(0, 0.06), size / 2), 1 - size / 2)
            y = min(max(thing.y + rng.gauss(0, 0.04), size), 0.98)
            changed = replace(thing, size=size, x=x, y=y)
            if thing.name in NOUNS and NOUNS[thing.name].category in ("animal", "person", "face"):
                worn = rng.random()
                if worn < 0.06:
                    changed = replace(changed, hat=rng.choice(_HATS[:-2]))
                elif worn < 0.09:
                    changed = replace(changed, glasses=rng.choice(_HATS[-2:]))
            if not thing.person and not thing.color and rng.random() < 0.04:
                changed = replace(changed, texture=rng.choice(list(TEXTURES)))
            objects.append(changed)
        if _hides(objects):
            raise Unfit("one hides another")
        scene = replace(scene, objects=tuple(objects))
        if rng.random() < 0.12:
            scene = replace(scene, filter=rng.choice(list(FILTERS)))
        if rng.random() < 0.06:
            words = "".join(rng.choices("ABCDEFGHIJKLMNOPRSTUVWY", k=rng.randint(3, 7)))
            where = rng.choice(("top", "middle", "bottom"))
            scene = replace(scene, lettering=Lettering(words, rng.choice(("white", "red", "black")), where))
        return scene


def _hides(objects: Sequence[Object]) -> bool:
    """Whether two objects stand so close that the farther one could not be read."""
    return any(
        abs(first.x - second.x) < 0.3 * (first.size + second.size) and abs(first.y - second.y) < 0.4
        for index, first in enumerate(objects)
        for second in objects[:index]
    )


# ---- labels


@dataclass(frozen=True)
class Labels:
    """What a picture shows, as the network should say it.

    Args:
        centers: for each object, noun, row, column, colour and style; -1 where that says nothing.
        place: index; likewise the other three, -1 where they do not apply.
    """

    centers: list[tuple[int, int, int, int, int]]
    place: int
    time: int
    weather: int
    filter: int


def label(picture: Picture, words: Words) -> Labels:
    """The labels of a rendered scene."""
    scene = picture.scene
    objects = iter(sorted(scene.objects, key=lambda thing: thing.y))
    centers = []
    for spot in picture.placements:
        row, column = grid_cell(spot.x + spot.w / 2, spot.y + spot.h / 2, picture.size, picture.size)
        if "@" in spot.key:
            worn = words.nouns.index(WORN + spot.key.split("|")[0])
            centers.append((worn, row, column, -1, -1))
            continue
        thing = next(objects)
        plain = not thing.color or thing.texture or scene.filter in _COLOR_BLIND
        color = -1 if plain else words.colors.index(thing.color)
        style = -1 if thing.person or scene.filter else words.styles.index(thing.style)
        centers.append((words.nouns.index(noun_of(thing)), row, column, color, style))
    return Labels(
        centers,
        words.places.index(scene.background.place),
        *_sky(scene.background, words),
        words.filters.index(scene.filter),
    )


def _sky(background: Background, words: Words) -> tuple[int, int]:
    if not background.outdoors:
        return -1, -1
    return words.times.index(background.time), words.weathers.index(background.weather)


def loss(readings: Readings, labels: Sequence[Labels]) -> Tensor:
    """Focal loss of centres (arXiv 1904.07850, eq. 1) plus cross-entropies of the rest.

    What an object is, is asked at its centre and the eight cells around, where its peak may fall.
    """
    total = _center_loss(readings.centers, labels)
    spots = [(index, *center) for index, one in enumerate(labels) for center in one.centers]
    if spots:
        picture, noun, row, column, color, style = torch.tensor(spots).unbind(1)
        bottom, right = readings.nouns.shape[2] - 1, readings.nouns.shape[3] - 1
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                y, x = (row + down).clamp(0, bottom), (column + across).clamp(0, right)
                share = 1 / 3 if down == across == 0 else 1 / 12
                total = total + share * _named(readings.nouns[picture, :, y, x], noun)
                total = total + share * _named(readings.colors[picture, :, y, x], color)
                total = total + share * _named(readings.styles[picture, :, y, x], style)
    for name, logits in (
        ("place", readings.places),
        ("time", readings.times),
        ("weather", readings.weathers),
        ("filter", readings.filters),
    ):
        total = total + 0.5 * _named(logits, torch.tensor([getattr(one, name) for one in labels]))
    return total


def _named(logits: Tensor, wanted: Tensor) -> Tensor:
    known = wanted >= 0
    if not known.any():
        return logits.sum() * 0
    return functional.cross_entropy(logits[known], wanted[known])


def _center_loss(logits: Tensor, labels: Sequence[Labels]) -> Tensor:
    """Every cell should stay silent but the centres; cells beside a centre matter less."""
    rows, columns = torch.arange(logits.shape[2])[:, None], torch.arange(logits.shape[3])[None]
    wanted = torch.zeros_like(logits[:, 0])
    near = torch.zeros_like(wanted)
    for index, one in enumerate(labels):
        for _, row, column, _, _ in one.centers:
            wanted[index, row, column] = 1
            bump = torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * _NEAR**2))
            near[index] = torch.maximum(near[index], bump)
    sure = logits[:, 0].sigmoid()
    spoken = wanted * (1 - sure) ** 2 * functional.softplus(-logits[:, 0])
    silent = (1 - wanted) * (1 - near) ** 4 * sure**2 * functional.softplus(logits[:, 0])
    return (spoken + silent).sum() / wanted.sum().clamp(min=1)


def softened(image: Image.Image, rng: random.Random) -> Image.Image:
    """Now and then a little blur or grain, as in what a model paints."""
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.25:
        grain = np.random.default_rng(rng.getrandbits(32)).normal(
            0, rng.uniform(2, 10), (*image.size[::-1], 3)
        )
        image = Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    return image


# ---- training

_BATCH = 32
_RATE = 2e-3
_WARM_STEPS = 200
_AVERAGE = 0.998
_COOL = 0.3
"""Share of a call's minutes in which the learning rate falls to nothing."""


class Training:
    """A run of the reader, kept in ``folder`` and taken up again from there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words = scene_words()
        torch.manual_seed(0)
        self.network = channels_last(ReaderNetwork(**self.words.counts()))
        self.average = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), _RATE, weight_decay=0.02)
        self.step, self.minutes = 0, 0.0
        if self._state.is_file():
            state = torch.load(self._state, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.minutes = state["step"], state["minutes"]

    @property
    def _state(self) -> Path:
        return self.folder / "state.pt"

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "minutes": self.minutes,
        }
        torch.save(state, self._state.with_suffix(".new"))
        self._state.with_suffix(".new").replace(self._state)

    def run(self, minutes: float, *, every: float = 2.0) -> Iterator[str]:
        """Train ``minutes`` more, saving every ``every``; yields a line of progress now and then."""
        scenes = Scenes("train", self.step)
        pictures = iter(scenes)
        started = saved = time.monotonic()
        before, losses = self.minutes, []
        first = self.step
        self.network.train()
        while (spent := (time.monotonic() - started) / 60) < minutes:
            cooling = min(1.0, max(1e-3, (minutes - spent) / (minutes * _COOL)))
            for group in self.optimizer.param_groups:
                group["lr"] = _RATE * cooling * min(1.0, (self.step - first + 1) / _WARM_STEPS)
            losses.append(self._step([next(pictures) for _ in range(_BATCH)], scenes.rng))
            self.minutes = before + spent
            if time.monotonic() - saved > every * 60:
                saved = time.monotonic()
                self.save()
                rate = (self.step - first) * _BATCH / (saved - started)
                yield f"{self.minutes:.1f} min, step {self.step}, {rate:.0f}/s, loss {np.mean(losses):.3f}"
                losses.clear()
        self.save()

    def _step(self, pictures: Sequence[Picture], rng: random.Random) -> float:
        images = [np.asarray(softened(Image.fromarray(picture.image), rng)) for picture in pictures]
        inputs = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        readings = self.network(inputs.contiguous(memory_format=torch.channels_last))
        value = loss(readings, [label(picture, self.words) for picture in pictures])
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        decay = min(_AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            theirs = self.network.state_dict()
            for name, ours in self.average.state_dict().items():
                if ours.is_floating_point():
                    ours.lerp_(theirs[name], 1 - decay)
        return value.item()

    def reader(self, *, pictures: int = 1000) -> Reader:
        """The averaged reader, its threshold set on validation scenes, its accuracy on held-out ones."""
        reader = Reader(self.average, self.words)
        reader.threshold = _best_threshold(reader, _drawn("validation", pictures // 4))
        reader.report = {
            "minutes": round(self.minutes, 1),
            "pictures": self.step * _BATCH,
            "held_out_pictures": pictures,
            **measure(reader, _drawn("held-out", pictures)),
        }
        return reader


def _drawn(split: Split, count: int) -> list[Picture]:
    pictures = iter(Scenes(split, 0))
    return [next(pictures) for _ in range(count)]


def _best_threshold(reader: Reader, pictures: Sequence[Picture]) -> float:
    """The threshold at which most pictures have exactly their objects found."""
    images = [Image.fromarray(picture.image) for picture in pictures]

    def right(threshold: float) -> int:
        reader.threshold = threshold
        return sum(
            {one.noun for one in view.objects} == _nouns_shown(picture)
            for view, picture in zip(reader.read(images), pictures, strict=True)
        )

    return max((0.2, 0.3, 0.4, 0.5, 0.6), key=right)


def _nouns_shown(picture: Picture) -> set[str]:
    worn = {WORN + spot.key.split("|")[0] for spot in picture.placements if "@" in spot.key}
    return {noun_of(thing) for thing in picture.scene.objects} | worn


def measure(reader: Reader, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Accuracy by kind of check, and chance: the same checks against another picture of the same split.

    "absent" is the share of nouns of the same category, one for each object, rightly not seen.
    """
    seen = reader.read([Image.fromarray(picture.image) for picture in pictures])
    right: dict[str, list[bool]] = {}
    lucky: dict[str, list[bool]] = {}
    for index, picture in enumerate(pictures):
        named = facts(picture.scene, exact=False)
        checks = checks_of(named, "left right", reader.words.nouns)
        for tally, view in ((right, seen[index]), (lucky, seen[index - 1])):
            for kind, passed in agreement(checks, view).by_kind().items():
                tally.setdefault(kind, []).extend(passed)
        right.setdefault("count", []).append(seen[index].count == named["count"])
        lucky.setdefault("count", []).append(seen[index - 1].count == named["count"])
        right.setdefault("absent", []).extend(_rightly_absent(picture, seen[index]))
    accuracy = {kind: round(float(np.mean(passed)), 4) for kind, passed in sorted(right.items())}
    chance = {kind: round(float(np.mean(passed)), 4) for kind, passed in sorted(lucky.items())}
    return {"accuracy": accuracy, "chance": {**chance, "absent": 0.0}}


def _rightly_absent(picture: Picture, view: Any) -> list[bool]:
    shown = _nouns_shown(picture)
    rng = random.Random(len(shown))
    answers = []
    for noun in sorted(shown & set(NOUNS)):
        alike = [n.name for n in NOUNS.values() if n.category == NOUNS[noun].category and n.name not in shown]
        answers.append(view.find(rng.choice(alike)) is None)
    return answers


# ---- command line


@click.group()
def main() -> None:
    """The scene reader of the benchmark."""


@main.command()
@click.option("--minutes", type=float, default=10.0, show_default=True, help="How much longer to train.")
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    default=Path("runs/reader"),
    show_default=True,
    help="Kept here.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=WEIGHTS, help="Weights to write.")
@click.option("--threads", type=int, default=1, show_default=True)
def train(minutes: float, run: Path, out: Path, threads: int) -> None:
    """Train, or go on training, then write the weights with their accuracy on held-out scenes."""
    torch.set_num_threads(threads)
    training = Training(run)
    for line in training.run(minutes):
        click.echo(line)
    reader = training.reader()
    reader.save(out)
    click.echo(f"{out}: {reader.report}")


@main.command()
@click.option("--pictures", type=int, default=1000, show_default=True)
def test(pictures: int) -> None:
    """Measure the stored weights on held-out scenes again."""
    for name, figures in measure(Reader.load(), _drawn("held-out", pictures)).items():
        click.echo(f"{name}: " + ", ".join(f"{kind} {value:.3f}" for kind, value in figures.items()))


if __name__ == "__main__":
    main()
