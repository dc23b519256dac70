"""The scene reader: how its logits become words, and how it is stored."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.evaluation.errors import EvaluationError, ReaderMissing
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.reader_network import ReaderNetwork
from ace_agent.references.objects import Object
from ace_agent.training.scene_reader.scenes import Scenes, label
from tests.reader_logits import WORDS, perfect


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes("train", 0)


def test_labels_become_words_again(scenes: Scenes) -> None:
    """A red car with its place, and a dog in a crown: what is worn is found but is no object."""
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
