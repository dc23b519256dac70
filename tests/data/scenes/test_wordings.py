from __future__ import annotations

import random

import pytest

from ace_agent.data.sample import Split
from ace_agent.data.scenes.wordings import compose, tables, wordings


@pytest.mark.parametrize("kind", tables())
def test_every_request_has_enough_wordings_and_no_two_splits_share_one(kind: str) -> None:
    found = wordings(kind)
    assert len(found.train) >= 8
    assert len(found.validation) == len(found.held_out) == 3
    together = [*found.train, *found.validation, *found.held_out]
    distinct = set(together) - ({"=<caption>", "=<caption>."} if kind == "text_to_image" else set())
    assert len(distinct) >= 14
    assert not set(found.train) & {*found.validation, *found.held_out}
    assert not set(found.validation) & set(found.held_out)


def test_wordings_of_a_split_stay_in_it() -> None:
    """No held-out instruction is in another split, with or without "please"."""
    slots = {"the": "the dog"}
    said: dict[Split, set[str]] = {}
    splits: tuple[Split, ...] = ("train", "validation", "held-out")
    for split in splits:
        rng = random.Random(1)
        said[split] = {compose(rng, split, "remove", slots).lower() for _ in range(600)}
    assert not said["train"] & said["validation"]
    assert not said["train"] & said["held-out"]
    assert not said["validation"] & said["held-out"]


def test_a_picture_is_mentioned_at_most_once_and_often_not() -> None:
    rng = random.Random(0)
    said = [compose(rng, "train", "remove", {"the": "the dog", "thing": "dog"}) for _ in range(400)]
    assert all(text.count("{image}") <= 1 for text in said)
    share = sum("{image}" in text for text in said) / len(said)
    assert 0.2 < share < 0.7
    assert not any(mark in text for text in said for mark in "<>~@^=%")


def test_a_map_is_named_without_a_pronoun() -> None:
    """ "turn the contour it into ..." was once an instruction."""
    rng = random.Random(0)
    for _ in range(300):
        text = compose(rng, "train", "contour_to_image", {"caption": "a dog"})
        assert not any(
            f"{word} {pronoun} " in text for word in ("contour", "outline") for pronoun in ("it", "this")
        )
