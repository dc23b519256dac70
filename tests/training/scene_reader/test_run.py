"""The scene reader learns from scenes of its own, and resumes where it stopped."""

import itertools
from pathlib import Path

import pytest
import torch

from ace_agent.data.sample import Split
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import STYLES
from ace_agent.training.scene_reader.loss import reader_loss
from ace_agent.training.scene_reader.run import OPTIONS, ReaderSubject
from ace_agent.training.scene_reader.scenes import ReaderBatch, ReaderStream, Scenes, label
from ace_agent.training.trainer import Trainer
from tests.reader_logits import WORDS, perfect


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes("train", 0)


def test_training_scenes_have_every_style_and_test_scenes_those_of_the_benchmark() -> None:
    """Plain scenes have nothing that edits add; training scenes have all styles, and more things."""

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


def new_trainer(folder: Path) -> Trainer:
    return Trainer(folder, ReaderSubject(), OPTIONS)


def first_of(batch: ReaderBatch, count: int) -> ReaderBatch:
    return ReaderBatch(batch.pictures[:count], batch.labels[:count])


def test_the_loss_is_least_for_the_right_answer(scenes: Scenes) -> None:
    pictures = iter(scenes)
    labels = [label(next(pictures), WORDS) for _ in range(4)]
    right = reader_loss(perfect(labels), labels)
    wrong = reader_loss(perfect(labels[1:] + labels[:1]), labels)
    assert right < 0.01
    assert wrong > 1


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    """Batch norm's running statistics change with every step, too, and belong in checkpoints and the average."""
    torch.set_num_threads(1)
    stream = ReaderStream(WORDS)
    batches = [first_of(stream[step], 6) for step in range(4)]
    whole = new_trainer(tmp_path / "whole")
    losses = [whole.train_step(batch).total.item() for batch in (*batches[:2], *batches[:2] * 3)]
    assert losses[-1] < losses[0]
    whole = new_trainer(tmp_path / "whole")
    parts = new_trainer(tmp_path / "parts")
    for batch in batches:
        whole.train_step(batch)
    for batch in batches[:2]:
        parts.train_step(batch)
    parts.save()
    resumed = new_trainer(tmp_path / "parts")
    assert resumed.resume() and resumed.step == 2
    for batch in batches[2:]:
        resumed.train_step(batch)
    network, other = whole.subject.networks["reader"], resumed.subject.networks["reader"]
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, other.state_dict()[name]), name
    average, others = whole.averages["reader"].values, resumed.averages["reader"].values
    assert any(name.endswith("running_var") for name in average)
    assert all(torch.equal(value, others[name]) for name, value in average.items())


def test_batches_depend_on_the_step_alone() -> None:
    stream = ReaderStream(WORDS)
    once, again = stream[3], stream[3]
    assert torch.equal(once.pictures, again.pictures) and once.labels == again.labels
    assert not torch.equal(once.pictures, stream[4].pictures)
