"""Requests that make no new picture."""

from __future__ import annotations

import pytest

from ace_agent.planner.interface import Act, Context, KnownImage
from ace_agent.planner.rules.acts import act_of, without_save
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.rule_planner import RulePlanner

TALK = Context(
    (
        KnownImage("@1", "image", "a fox", 1, made=True),
        KnownImage("@2", "image", "a fox, then: add a hat", 2, made=True),
    ),
    "@2",
    ("@1", "@2"),
)


def act(request: str) -> Act | None:
    return act_of(ParsedRequest(request, TALK))


@pytest.mark.parametrize(
    "request_",
    ["again", "try again please", "another one", "once more with another seed", "can you do that again?",
     "make another one", "do it again, thanks", "a different one", "reroll", "one more time",
     "give me another version"],
)  # fmt: skip
def test_once_more(request_: str) -> None:
    found = act(request_)
    assert found is not None
    assert found.name == "again"


@pytest.mark.parametrize(
    ("request_", "name", "images", "file"),
    [
        ("save it as fox.png", "save", (), "fox.png"),
        ("save", "save", (), ""),
        ("please save the first one as a.png", "save", ("@1",), "a.png"),
        ("export @2 to sub/b.png", "save", ("@2",), "sub/b.png"),
        ("show me", "show", (), ""),
        ("show me the first picture", "show", ("@1",), ""),
        ("let me see it", "show", (), ""),
        ("redo", "redo", (), ""),
        ("go forward again", "redo", (), ""),
    ],
)
def test_saving_showing_and_going_forward(
    request_: str, name: str, images: tuple[str, ...], file: str
) -> None:
    found = act(request_)
    assert found is not None
    assert (found.name, found.images, found.file) == (name, images, file)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("thanks!", "welcome"),
        ("thank you so much", "welcome"),
        ("hello", "Hello"),
        ("oh, very nice", "Glad"),
        ("love it", "Glad"),
        ("what can you do?", "red fox"),
        ("which picture is this?", "@2: a fox, then: add a hat"),
    ],
)
def test_talk_gets_an_answer(request_: str, words: str) -> None:
    found = act(request_)
    assert found is not None
    assert found.name == "talk"
    assert words in found.message


@pytest.mark.parametrize(
    "request_",
    ["thanks, now make it night", "again but blue", "another dog", "show the depth", "show me a cat", "keep the hat",
     "save the cat from drowning", "nice but make it darker", "redo the sky", "write hello", "hello kitty on a wall",
     "a nice house", "open the door", "great, and crop it", "see the horizon straighter"],
)  # fmt: skip
def test_what_makes_a_picture_is_no_act(request_: str) -> None:
    assert act(request_) is None


def test_a_planner_raises_it() -> None:
    with pytest.raises(Act) as found:
        RulePlanner().plan("save it as x.png", TALK)
    assert "ace show @last -o x.png" in str(found.value)


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        ("2 more", 2),
        ("three more like that", 3),
        ("two other tries", 2),
        ("another three", 1),
        ("once more", 1),
    ],
)
def test_how_often_it_is_made_once_more(request_: str, count: int) -> None:
    found = act(request_)
    assert (found.count if found is not None else 1) == count


@pytest.mark.parametrize(
    ("request_", "rest", "file"),
    [
        ("add a frame and save it as b.jpg", "add a frame", "b.jpg"),
        ("a red fox, then save that as fox.png.", "a red fox", "fox.png"),
        ("make it night. Call it night.webp", "make it night", "night.webp"),
        ("save it as b.jpg", "save it as b.jpg", ""),  # nothing else is asked for
        ("Good. Save it as b.jpg", "Good. Save it as b.jpg", ""),
        ("put the hat of hat.jpg on it", "put the hat of hat.jpg on it", ""),
    ],
)
def test_a_save_at_the_end_of_a_request(request_: str, rest: str, file: str) -> None:
    assert without_save(request_) == (rest, file)
