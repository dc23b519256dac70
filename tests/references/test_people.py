from __future__ import annotations

import numpy as np
import pytest

from ace_agent.references import people
from ace_agent.references.objects import Person


@pytest.mark.parametrize("pose", people.POSES)
def test_a_figure_stays_within_its_box(pose: str) -> None:
    drawn = np.asarray(people.draw(Person(pose=pose, hair="curly"), 80))
    assert drawn.shape[0] == 80
    assert drawn[..., 3].max() == 255
    for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert (edge[:, 3] > 128).mean() < 0.2


def test_raised_arms_are_above_the_head() -> None:
    raised = people.joints(Person(pose="raising both arms"))
    standing = people.joints(Person(pose="standing"))
    assert raised["left wrist"][1] < raised["head"][1]
    assert standing["left wrist"][1] > standing["neck"][1]


def test_every_expression_is_drawn_differently() -> None:
    faces = {people.draw(Person(expression=mood, bust=True), 96).tobytes() for mood in people.EXPRESSIONS}
    assert len(faces) == len(people.EXPRESSIONS)


def test_head_boxes_cover_the_head() -> None:
    person = Person(hair="bald", skin="dark", bust=True)
    drawn = people.draw(person, 100)
    left, top, right, bottom = people.head_box(person)
    r = (right - left) * drawn.width / 2.3
    x, y = (left + right) / 2 * drawn.width, (top + (bottom - top) * 1.3 / 2.35) * drawn.height
    cheek = np.asarray(drawn)[round(y + 0.35 * r), round(x + 0.6 * r), :3].astype(int)
    assert np.abs(cheek - people.SKINS["dark"]).max() < 12
