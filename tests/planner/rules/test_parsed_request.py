"""A request keeps its tokens when a phrase in it is given one meaning."""

from __future__ import annotations

from ace_agent.planner.rules.parsed_request import ParsedRequest
from tests.planner.proposals import conversation


def test_an_answered_request_keeps_its_words_and_mentions_the_picture_answered() -> None:
    request = ParsedRequest("make the dog picture blue", conversation("a dog on sand", "a dog in snow"))
    assert [t.images for t in request.mentions if t.has("IMG")] == [("@2",)]
    assert request.images.ambiguous == {"dog": ("@2", "@1")}
    answered = request.answered({"dog": "@1"})
    assert [t.images for t in answered.mentions if t.has("IMG")] == [("@1",)]
    assert answered.words is request.words
    assert not answered.images.ambiguous
