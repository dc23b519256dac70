"""The corpus: every task, right scripts, wordings and nouns that no two splits share."""

from __future__ import annotations

import random
from itertools import islice

from ace_agent.plan.tasks import TASKS
from ace_agent.training.planner.corpus import VOICES, _Maker, examples, wordings


def test_no_wording_is_in_two_splits() -> None:
    train, test = (
        {w.request for rows in wordings(split).values() for w in rows if w.split == split}
        for split in ("train", "test")
    )
    assert len(train) > 150
    assert len(test) > 15
    assert not train & test


def test_the_same_seed_draws_the_same_requests() -> None:
    assert list(islice(examples("train", 1), 50)) == list(islice(examples("train", 1), 50))
    assert list(islice(examples("train", 1), 50)) != list(islice(examples("train", 2), 50))


def test_every_task_and_voice_is_drawn() -> None:
    drawn = list(islice(examples("train"), 4000))
    assert {line.task for e in drawn for line in e.script.steps} == set(TASKS)
    assert {e.voice for e in drawn} >= {*VOICES, "refusal", "undo"}


def test_references_of_scripts_exist() -> None:
    for example in islice(examples("test"), 1000):
        for at, line in enumerate(example.script.steps):
            for reference in (*line.images, *((line.mask,) if line.mask else ())):
                number = int(reference[1:])
                assert number <= (len(example.captions) if reference[0] == "@" else at)
            row = TASKS[line.task]
            assert row.min_images <= len(line.images) <= row.max_images
            assert line.mask is not None or row.mask != "required" or line.task == "outpaint"


def test_a_request_that_needs_pictures_is_refused_without_any() -> None:
    maker = _Maker("train", random.Random(0))
    refusals = [maker._refusal([]) for _ in range(2000)]
    assert all(not one.script.steps and "{" not in one.request for one in refusals)
    assert any("the other one" in one.request for one in refusals)
