"""Labels of what rows show, and the loss of naming it."""

from dataclasses import dataclass

import numpy as np
import torch

from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.references.colors import TINTS
from ace_agent.references.types import Frame, Placement
from ace_agent.references.vocabulary import NOUNS
from ace_agent.training.mini.naming import NOTHING, UNKNOWN, Namer, Naming, frame_labels, row_labels
from ace_agent.training.optimizers import Optimizers

IMAGE = np.zeros((64, 64, 3), np.uint8)
THINGS = {noun: number for number, noun in enumerate(NOUNS, 1)}
CAR, MAN, RED = THINGS["car"], THINGS["man"], TINTS.index("red") + 1


@dataclass(frozen=True)
class Shows:
    frame_labels: torch.Tensor
    target_labels: torch.Tensor


def placed(key: str, x: float, y: float, color: str = "") -> Placement:
    return Placement(key, x, y, 0.5, 0.5, False, color)


def test_labels_are_the_front_thing_at_each_centre_and_its_colour():
    numbers = row_labels((placed("car|noto", 0, 0, "red"), placed("man+red|noto#2", 0.25, 0.25)), 4, 4)
    things, colors = numbers.view(4, 4, 2).unbind(2)
    assert things.tolist() == [[CAR, CAR, 0, 0], [CAR, MAN, MAN, 0], [0, MAN, MAN, 0], [0, 0, 0, 0]]
    assert colors.tolist() == [[RED, RED, -1, -1], [RED, 0, 0, -1], [-1, 0, 0, -1], [-1, -1, -1, -1]]
    person = row_labels((placed("person|noto|ab", 0, 0),), 2, 2)
    assert person[0, 0] == len(NOUNS) + 1 and (person[:, 1] == UNKNOWN).all()


def test_lettering_hides_no_thing():
    things = (placed("car|noto", 0, 0, "red"), placed('"STOP"|letters', 0, 0, "white"))
    assert torch.equal(row_labels(things, 4, 4), row_labels(things[:1], 4, 4))


def test_a_picture_without_placements_has_no_weight():
    numbers = frame_labels([Frame(IMAGE), Frame(IMAGE, None, (placed("car|noto", 0, 0, "red"),))], 16)
    assert (numbers[:16] == UNKNOWN).all() and (numbers[16:] > NOTHING).sum() == 8
    assert frame_labels([], 16).shape == (0, 2)
    naming = Naming([Shows(numbers, numbers[:16])], 2, 0.25)
    assert naming.total == 8 + 12 * 0.25  # the target counts nothing, however often it is drawn
    assert Naming([], 1, 0.25).total == 0


def test_rows_learn_their_labels():
    torch.manual_seed(0)
    tokenizer = WordTokenizer(["car", "cow", "fire", "truck", *TINTS])
    words = torch.randn(len(tokenizer), 16)
    namer = Namer(tokenizer, 32, 16)
    things = torch.tensor([CAR, THINGS["cow"], THINGS["fire truck"], NOTHING, UNKNOWN])
    colors = torch.tensor([RED, NOTHING, RED + 1, UNKNOWN, UNKNOWN])
    numbers = torch.stack([things, colors], 1)
    naming = Naming([Shows(numbers, numbers.flip(0))], 1, 1.0)
    rows = torch.randn(2, 5, 32)
    optimizers = Optimizers({"namer": namer}, muon_rate=None, adam_rate=0.03, decay=0)
    losses = []
    for _ in range(60):
        optimizers.zero_grad()
        loss = naming.loss(namer, words, *rows)
        loss.backward()
        optimizers.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    for own, target, wanted in ((rows[0], False, numbers), (rows[1], True, numbers.flip(0))):
        for scores, number in zip(namer(own, words, target=target), wanted.unbind(1), strict=True):
            known = number != UNKNOWN
            assert torch.equal(scores.argmax(1)[known], number[known])
    assert naming.loss(namer, words, None, rows[1]) < naming.loss(namer, words, *rows)
