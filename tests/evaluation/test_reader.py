"""The scene reader: what it is taught, how its logits become words, how it is stored."""

import itertools
from pathlib import Path

import pytest
import torch
from PIL import Image

from ace_agent.data.sample import Split
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.evaluation.errors import EvaluationError, ReaderMissing
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.reader_network import ReaderNetwork, Readings
from ace_agent.evaluation.reader_scenes import Scenes, label, scene_words
from ace_agent.evaluation.reader_training import Training, loss
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import STYLES

WORDS = scene_words()


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes("train", 0)


def perfect(labels: list) -> Readings:
    """Logits that say exactly what the labels say."""

    def one_hot(count: int, index: int) -> torch.Tensor:
        return torch.full((count,), -9.0).index_fill(0, torch.tensor([max(index, 0)]), 9.0)

    counts = WORDS.counts()
    size = len(labels)
    centers = torch.full((size, 1, 16, 16), -9.0)
    nouns = torch.zeros(size, counts["nouns"], 16, 16)
    colors = torch.zeros(size, counts["colors"], 16, 16)
    styles = torch.zeros(size, counts["styles"], 16, 16)
    for index, one in enumerate(labels):
        for noun, row, column, color, style in one.centers:
            centers[index, 0, row, column] = 9.0
            around = (
                index,
                slice(None),
                slice(max(row - 1, 0), row + 2),
                slice(max(column - 1, 0), column + 2),
            )
            for said, name, wanted in (
                (nouns, "nouns", noun),
                (colors, "colors", color),
                (styles, "styles", style),
            ):
                said[around] = one_hot(counts[name], wanted)[:, None, None]
    whole = (
        torch.stack([one_hot(counts[f"{name}s"], getattr(one, name)) for one in labels])
        for name in ("place", "time", "weather", "filter")
    )
    return Readings(centers, nouns, colors, styles, *whole)


def test_training_scenes_show_every_style_and_tests_those_of_the_benchmark() -> None:
    """Plain scenes have nothing that edits put into a picture; learned ones have all styles, and more things."""

    def things(split: Split, *, plain: bool) -> list[Object]:
        pictures = itertools.islice(Scenes(split, 0, plain=plain), 60)
        scenes = [picture.scene for picture in pictures]
        assert any(scene.filter for scene in scenes) != plain
        return [thing for scene in scenes for thing in scene.objects]

    plain = things("held-out", plain=True)
    assert not any(thing.hat or thing.texture or thing.glasses for thing in plain)
    learned, tested = things("train", plain=False), things("held-out", plain=False)
    assert len(learned) > 1.2 * len(tested)

    def of_first(listed: list[Object]) -> float:
        return sum(thing.style == STYLES[0] for thing in listed) / len(listed)

    assert of_first(learned) < 0.45 < of_first(tested)


def test_labels_become_words_again(scenes: Scenes) -> None:
    """A red car with its place, and a dog in a crown: what is worn is seen but is no object asked for."""
    things = (
        Object("car", x=0.3, y=0.9, size=0.36, color="blue"),
        Object("dog", "flat", x=0.74, y=0.92, size=0.36, hat="crown"),
    )
    picture = scenes.sampler.render(Scene(Background("beach", seed=3, time="sunset", weather="rain"), things))
    labels = label(picture, WORDS)
    reader = Reader(ReaderNetwork(**WORDS.counts()), WORDS)
    seen = reader.interpret(perfect([labels]), torch.zeros(1, 3, 128, 128))[0]
    assert {one.noun for one in seen.objects} == {"car", "dog", "worn crown"}
    car, dog = seen.find("car"), seen.find("dog")
    assert car is not None and dog is not None
    assert (car.color, car.style) == ("blue", "noto") and dog.style == "flat"
    assert car.x == pytest.approx(0.3, abs=0.06) and dog.x == pytest.approx(0.74, abs=0.06)
    assert (seen.place, seen.time, seen.weather, seen.filter) == ("beach", "sunset", "rain", "")


def test_the_right_answer_costs_least(scenes: Scenes) -> None:
    pictures = iter(scenes)
    labels = [label(next(pictures), WORDS) for _ in range(4)]
    right = loss(perfect(labels), labels)
    wrong = loss(perfect(labels[1:] + labels[:1]), labels)
    assert right < 0.01
    assert wrong > 1


def test_training_learns_and_goes_on_where_it_stopped(tmp_path: Path, scenes: Scenes) -> None:
    torch.set_num_threads(1)
    training = Training(tmp_path)
    pictures = iter(scenes)
    batch = [next(pictures) for _ in range(8)]
    losses = [training._step(batch, scenes.rng) for _ in range(8)]
    assert losses[-1] < losses[0]
    training.save()
    resumed = Training(tmp_path)
    assert resumed.step == 8
    for name, value in training.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])


def test_weights_come_with_their_words_and_report(tmp_path: Path) -> None:
    torch.manual_seed(1)
    reader = Reader(ReaderNetwork(**WORDS.counts()), WORDS, 0.01, {"accuracy": {"object": 0.5}})
    reader.save(tmp_path / "reader.safetensors")
    numbers = sum(value.numel() for value in reader.network.state_dict().values())
    assert (tmp_path / "reader.safetensors").stat().st_size < 2.1 * numbers  # bytes: half precision
    loaded = Reader.load(tmp_path / "reader.safetensors")
    assert (loaded.words, loaded.threshold, loaded.report) == (WORDS, 0.01, reader.report)
    pictures = [Image.effect_noise(size, 60).convert("RGB") for size in ((128, 128), (300, 150), (128, 128))]
    assert [seen.place for seen in loaded.read(pictures)] == [seen.place for seen in reader.read(pictures)]


def test_a_missing_or_broken_reader_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReaderMissing, match="train"):
        Reader.load(tmp_path / "absent")
    (tmp_path / "bad").write_bytes(b"no weights")
    with pytest.raises(EvaluationError, match="not a scene reader"):
        Reader.load(tmp_path / "bad")
