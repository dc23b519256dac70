"""Training and testing the scene reader, on scenes of its own that no sample of a benchmark shows.

Resumable: the state is kept in a folder and another call goes on from it.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional

from ace_agent.data.sample import Split
from ace_agent.data.scenes.captions import facts
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene_sampler import noun_of
from ace_agent.evaluation.agreement import agreement, checks_of
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.reader_network import ReaderNetwork, Readings, channels_last
from ace_agent.files import write_atomic
from ace_agent.references.sprites import Sprites
from ace_agent.references.vocabulary import NOUNS
from ace_agent.training.optimizers import Optimizers
from ace_agent.training.processes import Processes
from ace_agent.training.scene_reader.scenes import WORN, Labels, Scenes, label, scene_words

_NEAR = 0.8  # grid cells; an answer one cell beside the centre is nearly right


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

_BATCH = 48
_RATE = 2e-3
_WARM_STEPS = 200
_AVERAGE = 0.998
_COOL = 0.3
"""Share of a call's minutes in which the learning rate falls to nothing."""


class Training:
    """A run of the reader, kept in ``folder`` and taken up again from there.

    Args:
        processes: says what it computes in; None: float32.
    """

    def __init__(self, folder: Path, processes: Processes | None = None) -> None:
        self.folder = folder
        self.processes = processes or Processes()
        self.words = scene_words()
        torch.manual_seed(0)
        self.network = channels_last(ReaderNetwork(**self.words.counts()))
        self.average = copy.deepcopy(self.network)
        self.optimizers = Optimizers(
            [self.network], muon_rate=_RATE, adam_rate=_RATE, decay=0.02, processes=self.processes
        )
        self.step, self.minutes = 0, 0.0
        if self._state.is_file():
            state = torch.load(self._state, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizers.load_state_dict(state["optimizers"])
            self.step, self.minutes = state["step"], state["minutes"]

    @property
    def _state(self) -> Path:
        return self.folder / "state.pt"

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "step": self.step,
            "minutes": self.minutes,
        }
        write_atomic(self._state, lambda part: torch.save(state, part))

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
            self.optimizers.scale_rate(cooling * min(1.0, (self.step - first + 1) / _WARM_STEPS))
            losses.append(self._step([next(pictures) for _ in range(_BATCH)], scenes.rng))
            self.minutes = before + spent
            if time.monotonic() - saved > every * 60:
                saved = time.monotonic()
                self.save()
                rate = (self.step - first) * _BATCH / (saved - started)
                yield f"{self.minutes:.1f} min, step {self.step}, {rate:.0f}/s, loss {np.mean(losses):.3f}"
                losses.clear()
        self.save()

    def _step(self, pictures: Sequence[RenderedScene], rng: random.Random) -> float:
        images = [np.asarray(softened(Image.fromarray(picture.pixels), rng)) for picture in pictures]
        inputs = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        with self.processes.autocast():
            readings = self.network(inputs.contiguous(memory_format=torch.channels_last))
        value = loss(
            Readings(*(logits.float() for logits in readings)),
            [label(picture, self.words) for picture in pictures],
        )
        self.optimizers.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizers.step()
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
        reader = Reader(self.average, self.words, sprites=Sprites.load())
        reader.threshold = _best_threshold(reader, _drawn("validation", pictures // 4))
        reader.report = {
            "minutes": round(self.minutes, 1),
            "pictures": self.step * _BATCH,
            **held_out(reader, pictures),
        }
        return reader


def held_out(reader: Reader, pictures: int) -> dict[str, Any]:
    """Accuracy and chance on held-out scenes, and accuracy on those that the benchmark draws ("plain")."""
    plain = measure(reader, _drawn("held-out", pictures, plain=True))["accuracy"]
    return {"held_out_pictures": pictures, **measure(reader, _drawn("held-out", pictures)), "plain": plain}


def _drawn(split: Split, count: int, *, plain: bool = False) -> list[RenderedScene]:
    pictures = iter(Scenes(split, 0, plain=plain))
    return [next(pictures) for _ in range(count)]


def _best_threshold(reader: Reader, pictures: Sequence[RenderedScene]) -> float:
    """The threshold at which most pictures have exactly their objects found."""
    images = [Image.fromarray(picture.pixels) for picture in pictures]

    def right(threshold: float) -> int:
        reader.threshold = threshold
        return sum(
            {one.noun for one in view.objects} == _nouns_shown(picture)
            for view, picture in zip(reader.read(images), pictures, strict=True)
        )

    return max((0.2, 0.3, 0.4, 0.5, 0.6), key=right)


def _nouns_shown(picture: RenderedScene) -> set[str]:
    worn = {WORN + spot.key.split("|")[0] for spot in picture.placements if "@" in spot.key}
    return {noun_of(thing) for thing in picture.scene.objects} | worn


def measure(reader: Reader, pictures: Sequence[RenderedScene]) -> dict[str, Any]:
    """Accuracy by kind of check, and chance: the same checks against another picture of the same split.

    "absent" is the share of nouns of the same category, one for each object, rightly not seen.
    """
    seen = reader.read([Image.fromarray(picture.pixels) for picture in pictures])
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


def _rightly_absent(picture: RenderedScene, view: Any) -> list[bool]:
    shown = _nouns_shown(picture)
    rng = random.Random(len(shown))
    answers = []
    for noun in sorted(shown & set(NOUNS)):
        alike = [n.name for n in NOUNS.values() if n.category == NOUNS[noun].category and n.name not in shown]
        answers.append(view.find(rng.choice(alike)) is None)
    return answers
