"""The catalogue is complete and its examples obey it."""

from __future__ import annotations

import re

from ace_agent.plan.tasks import CATALOGUE, FAMILIES, TASKS


def test_the_catalogue_matches_the_paper() -> None:
    assert len(TASKS) == 44
    assert {row.family for row in CATALOGUE.values()} == set(FAMILIES)
    assert {row.family for row in TASKS.values()} == set(FAMILIES) - {"operations"}
    assert all(key == row.id for key, row in TASKS.items())


def test_every_task_of_ice_bench_is_covered_once() -> None:
    named = [name for row in TASKS.values() for name in row.ice_bench]
    assert len(named) == len(set(named)) == 31


def test_examples_name_no_image_that_the_task_does_not_take() -> None:
    for row in TASKS.values():
        assert row.examples and row.description.endswith(".")
        for example in row.examples:
            numbers = [int(number or 0) for number in re.findall(r"\{image(\d*)\}", example)]
            assert max(numbers, default=-1) < row.max_images, row.id
            assert bool(numbers) == (row.max_images > 0), row.id


def test_style_reference_has_a_base_only_with_two_pictures() -> None:
    row = TASKS["style_reference"]
    assert not row.has_base_with(1)
    assert row.has_base_with(2)
    assert not TASKS["subject_reference"].has_base_with(3)
    assert TASKS["edit_color"].has_base_with(1)
