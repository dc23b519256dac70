"""The scene reader learns from scenes of its own, and resumes where it stopped."""

import itertools
from pathlib import Path

import pytest
import torch

from ace_agent.data.sample import Split
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import STYLES
from ace_agent.training.scene_reader.run import Training, loss
from ace_agent.training.scene_reader.scenes import Scenes, label
from tests.reader_logits import WORDS, perfect


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes("train", 0)


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
