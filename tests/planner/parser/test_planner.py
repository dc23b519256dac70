"""From what the parser wrote to plans, with a parser that writes what it is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.planner.interface import Act, Context, KnownImage, handed_over
from ace_agent.planner.parser.encoding import Seen, encode
from ace_agent.planner.parser.hybrid import HybridPlanner
from ace_agent.planner.parser.plan_tokens import WrittenStep
from ace_agent.planner.parser.planner import ParserPlanner, _apart, _quoted, seen
from ace_agent.planner.parser.weights import PlanParser, Read
from ace_agent.planner.proposal import ProposedStep
from ace_agent.planner.rules.parsed_request import ParsedRequest

PHOTO = KnownImage("@1", "image", "IMG_1.jpg", 1, width=400, height=300)
MADE = KnownImage("@2", "image", "Add a hat to {image}.", 2, description="a cat, then: add a hat", made=True)
MASK = KnownImage("@3", "mask", "left half", 2)
TALK = Context((PHOTO, MADE, MASK), "@2", ("@1", "@2"))


class Told(PlanParser):
    """Writes given steps: pictures by name, spans by their text."""

    def __init__(self, tokenizer: Tokenizer, *steps: WrittenStep, error: ModelError | None = None) -> None:
        super().__init__()
        self._tokens, self._steps, self._error = tokenizer, steps, error
        self.asked: list[str] = []

    def read(self, request: str, pictures: Sequence[Seen], masked: bool = False) -> Read:
        if self._error is not None:
            raise self._error
        self.asked.append(request)
        return Read(list(self._steps), 1.0, encode(self._tokens, request, pictures, masked))


def step(name: str, tokenizer: Tokenizer, request: str, context: Context, *pictures: str, words: str = "",
         count: int | None = None, mask: str | None = None) -> WrittenStep:  # fmt: skip
    encoded = encode(tokenizer, request, seen(context), context.mask)
    spans = {}
    if words:
        at = request.index(words)
        inside = [n for n, (a, b) in enumerate(encoded.offsets) if a < at + len(words) and b > at]
        spans["words"] = (encoded.first + inside[0], encoded.first + inside[-1])
    places = [p if p[0] == "$" else encoded.pictures[p] for p in pictures]
    covered = encoded.pictures.get(mask, mask) if mask is not None else None
    return WrittenStep(name, count, places, spans, covered)


def planned(tokenizer: Tokenizer, request: str, *steps: WrittenStep, context: Context = TALK) -> Plan:
    return ParserPlanner(Told(tokenizer, *steps)).plan(request, context)


def test_the_parser_sees_descriptions_and_files() -> None:
    context = Context(TALK.images, "@1", ("@1",), (KnownImage("input", description="hat.jpg"),))
    assert [(one.name, one.kind, one.description, one.current) for one in seen(context)] == [
        ("@1", "photo", "IMG_1.jpg", True),
        ("@2", "made", "a cat, then: add a hat", False),
        ("@3", "mask", "left half", False),
        ("input", "photo", "hat.jpg", False),
    ]


def test_words_become_the_instruction_of_their_task(tokenizer: Tokenizer) -> None:
    request = "the lamp has to go, I never liked it"
    plan = planned(tokenizer, request, step("remove", tokenizer, request, TALK, "@1", words="the lamp"))
    assert [(s.task, s.images, s.instruction) for s in plan.steps] == [
        ("remove", ("@1",), "Remove the lamp from {image}.")
    ]


def test_steps_work_on_results_and_with_masks(tokenizer: Tokenizer) -> None:
    request = "fill it with flowers and sharpen"
    plan = planned(
        tokenizer, request,
        step("inpaint", tokenizer, request, TALK, "@2", words="flowers", mask="@3"),
        step("adjust", tokenizer, request, TALK, "$1", words="sharpen"),
    )  # fmt: skip
    assert [(s.task, s.images, s.mask) for s in plan.steps] == [
        ("inpaint", ("@2",), "@3"),
        ("adjust", ("$1",), None),
    ]
    assert plan.steps[1].options["sharpness"] > 0


@pytest.mark.parametrize(
    ("task", "request_", "options"),
    [
        ("crop", "I need this as a square", {"aspect": "1:1"}),
        ("crop", "16:9 please", {"aspect": "16:9"}),
        ("rotate", "ninety degrees to the left", {"degrees": -90}),
        ("flip", "the wrong way round!", {}),
        ("adjust", "etwas heller bitte", {"brightness"}),
        ("adjust", "plus de contraste", {"contrast"}),
        ("adjust", "it looks a bit off", {"levels": True}),
        ("filter", "like a pencil drawing", {"name": "pencil"}),
        ("resize", "800 pixels wide", {"width": 800}),
        ("background", "weg damit, transparent", {}),
        ("frame", "a black border", {"color": "black"}),
        ("canvas", "some room on every side", {"margin": 0.1}),
        ("canvas", "pad it, white", {}),
    ],
)
def test_operations_get_their_options_from_the_words(
    tokenizer: Tokenizer, task: str, request_: str, options: dict[str, object] | set[str]
) -> None:
    spoken = ParsedRequest(request_, TALK).spoken
    plan = planned(tokenizer, request_, step(task, tokenizer, spoken, TALK, "@1"))
    (made,) = plan.steps
    assert made.task == task
    if isinstance(options, set):
        assert options <= set(made.options)
    else:
        assert options.items() <= made.options.items()


def test_an_operation_that_lacks_what_it_needs_says_so(tokenizer: Tokenizer) -> None:
    with pytest.raises(PlanError, match="to what size"):
        planned(tokenizer, "make it fit", step("resize", tokenizer, "make it fit", TALK, "@1"))


def test_going_back(tokenizer: Tokenizer) -> None:
    assert planned(tokenizer, "nah", step("undo", tokenizer, "nah", TALK)).goto == "@1"
    assert planned(tokenizer, "nah", step("goto", tokenizer, "nah", TALK, "@2")).goto == "@2"
    with pytest.raises(PlanError, match="nothing to undo"):
        planned(tokenizer, "nah", step("undo", tokenizer, "nah", TALK, count=2))


def test_variations(tokenizer: Tokenizer) -> None:
    request = "a few barns"
    plan = planned(
        tokenizer, request, step("text_to_image", tokenizer, request, TALK, words="barns", count=3)
    )
    assert plan.steps[0].variations == 3


@pytest.mark.parametrize("name", ["answer", "ask", "refuse"])
def test_talk_makes_nothing(tokenizer: Tokenizer, name: str) -> None:
    with pytest.raises(PlanError):
        planned(tokenizer, "is it art?", step(name, tokenizer, "is it art?", TALK))


def test_acts_are_for_the_caller(tokenizer: Tokenizer) -> None:
    request = "keep that one as fox.png"
    with pytest.raises(Act) as found:
        planned(tokenizer, request, step("save", tokenizer, request, TALK, "@1"))
    assert (found.value.name, found.value.images, found.value.file) == ("save", ("@1",), "fox.png")


def test_what_can_be_done_is_done_beside_what_cannot(tokenizer: Tokenizer) -> None:
    request = "remove the hat and mail it"
    plan = planned(
        tokenizer, request,
        step("remove", tokenizer, request, TALK, "@2", words="the hat"),
        step("refuse", tokenizer, request, TALK),
    )  # fmt: skip
    assert [s.task for s in plan.steps] == ["remove"]


def test_files_handed_over(tokenizer: Tokenizer) -> None:
    context = Context(TALK.images, "@2", ("@1", "@2"), handed_over(2))
    request = "the second one on the first"
    plan = planned(
        tokenizer,
        request,
        step("fuse_layers", tokenizer, request, context, "input", "input1"),
        context=context,
    )
    assert plan.steps[0].images == ("input", "input1")


def test_a_step_that_repeats_the_one_before_is_left_out(tokenizer: Tokenizer) -> None:
    request = "crop the cat to a square, and then a white frame around it, side by side with the first"
    made = planned(
        tokenizer, request,
        step("crop", tokenizer, request, TALK, "@2", words="crop the cat to a square"),
        step("crop", tokenizer, request, TALK, "$1", words="crop the cat to a square"),
        step("frame", tokenizer, request, TALK, "$2", words="white frame"),
        step("collage", tokenizer, request, TALK, "$3", "@1"),
    )  # fmt: skip
    assert [(s.task, s.images) for s in made.steps] == [
        ("crop", ("@2",)), ("frame", ("$1",)), ("collage", ("$2", "@1")),
    ]  # fmt: skip


def test_a_file_handed_over_is_worked_on_where_no_step_takes_it(tokenizer: Tokenizer) -> None:
    context = Context(TALK.images, "@2", ("@1", "@2"), handed_over(1))
    request = "fill in what I painted over, with more wall"
    made = planned(tokenizer, request, step("add", tokenizer, request, context, "@2"), context=context)
    assert made.steps[0].images == ("input",)
    other = planned(tokenizer, request, step("add", tokenizer, request, context, "@1"), context=context)
    assert other.steps[0].images == ("@1",), "it was looked up on purpose"


def test_a_plain_request_never_asks_the_parser(tokenizer: Tokenizer) -> None:
    parser = Told(tokenizer)
    plan = HybridPlanner(ParserPlanner(parser)).plan("remove the hat", TALK)
    assert [s.task for s in plan.steps] == ["remove"]
    assert not parser.asked


def test_without_its_weights_the_rules_plan_alone_and_say_so_once(tokenizer: Tokenizer) -> None:
    notes: list[str] = []
    planner = HybridPlanner(ParserPlanner(Told(tokenizer, error=ModelError("it is not here"))))
    context = Context(TALK.images, "@2", ("@1", "@2"), note=notes.append)
    for _ in range(2):
        plan = planner.plan(
            "take the first picture here and add a boat to it, and then make it night", context
        )
        assert [s.task for s in plan.steps] == ["add", "edit_scene"]
    assert len(notes) == 1 and "rules alone" in notes[0]


@pytest.mark.parametrize(
    ("words", "request_", "whole"),
    [
        ('A. Müller" bottom left', 'sign it "A. Müller" bottom left', '"A. Müller" bottom left'),
        ("HELLO at the top", "write HELLO at the top", "HELLO at the top"),
        ("WANTED", 'write “WANTED” and "no"', '"WANTED"'),
    ],
)
def test_a_quoted_lettering_is_whole_and_in_quotes(words: str, request_: str, whole: str) -> None:
    assert _quoted(words, request_) == whole


def test_two_versions_of_one_picture_are_not_put_together() -> None:
    images = (
        KnownImage("@1", "image", "a dog", 1, made=True),
        KnownImage("@2", "image", "a dog, then: make it night", 2, made=True),
        KnownImage("@3", "image", "a cat", 3, made=True),
    )
    context = Context(images, "@2", ("@1", "@2"))

    def apart(task: str, *pictures: str) -> tuple[str, tuple[str, ...]]:
        step = _apart(ProposedStep(task=task, images=pictures, instruction="a coat on the dog"), context)
        return step.task, step.images

    assert apart("try_on", "@1", "@2") == ("add", ("@2",))
    assert apart("style_reference", "@2", "@1") == ("edit_style", ("@2",))
    assert apart("fuse_layers", "@2", "@3") == ("fuse_layers", ("@2", "@3"))
    assert apart("collage", "@1", "@2") == ("collage", ("@1", "@2"))
