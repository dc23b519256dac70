"""Checks of requests against what the reader sees."""

from ace_agent.evaluation.agreement import Check, agreement, checks_of
from ace_agent.evaluation.reader import Seen, SeenObject

DOG = SeenObject("dog", 0.9, 0.3, 0.7, "brown", "noto")
CAR = SeenObject("car", 0.8, 0.7, 0.7, "red", "flat")
SEEN = Seen((DOG, CAR), "meadow", "night", "clear", "")
KNOWN = ("dog", "car", "cat")


def test_checks_leave_out_defaults() -> None:
    judge = {
        "exact": False,
        "objects": [("dog", None, "left"), ("car", "red", "right"), ("dragon", "red", "middle")],
        "place": "meadow",
        "time": "night",
        "weather": "clear",
        "style": "noto",
    }
    asked = checks_of(judge, "a dog to the left of a red car in a meadow at night", KNOWN)
    assert asked == [
        Check("object", ("dog",)),
        Check("object", ("car",)),
        Check("both", ("dog", "car")),
        Check("side", ("dog", "car"), "left"),
        Check("color", ("car",), "red"),
        Check("place", (), "meadow"),
        Check("time", (), "night"),
    ]
    assert agreement(asked, SEEN).agrees


def test_sides_are_checked_only_if_the_instruction_names_them() -> None:
    judge = {"objects": [("dog", None, "left")], "place": "plain"}
    assert [check.kind for check in checks_of(judge, "a dog", KNOWN)] == ["object"]


def test_what_an_edit_takes_out_must_be_gone() -> None:
    judge = {"objects": [("car", None, "middle")], "gone": ["cat", "dragon"], "place": "plain"}
    asked = checks_of(judge, "a car instead of the cat", KNOWN)
    assert asked == [Check("object", ("car",)), Check("gone", ("cat",))]
    assert agreement(asked, SEEN).agrees
    both = Seen((CAR, SeenObject("cat", 0.9, 0.3, 0.7, "", "noto")), "plain", "day", "clear", "")
    assert agreement(asked, both).by_kind() == {"object": [True], "gone": [False]}


def test_every_check_can_fail() -> None:
    failing = [
        Check("object", ("cat",)),
        Check("gone", ("dog",)),
        Check("both", ("dog", "cat")),
        Check("color", ("car",), "blue"),
        Check("color", ("cat",), "red"),
        Check("side", ("dog", "car"), "right"),
        Check("side", ("car",), "left"),
        Check("side", ("cat",), "left"),
        Check("place", (), "beach"),
        Check("time", (), "day"),
        Check("weather", (), "rain"),
        Check("style", (), "sepia"),
        Check("style", (), "blob"),
    ]
    verdict = agreement(failing, SEEN)
    assert verdict.passed == (False,) * len(failing)
    assert not verdict.agrees
    assert verdict.by_kind()["color"] == [False, False]


def test_style_is_a_filter_or_a_way_of_drawing() -> None:
    sepia = Seen((DOG,), "meadow", "day", "clear", "sepia")
    assert Check("style", (), "sepia").passes(sepia)
    assert Check("style", (), "flat").passes(SEEN)


def test_two_things_of_one_noun_have_no_colour_or_side_checks() -> None:
    judge = {"objects": [("dog", "red", "left"), ("dog", "blue", "right")], "place": "plain"}
    assert checks_of(judge, "two dogs, left and right", KNOWN) == [Check("object", ("dog",))]
