"""A request takes time in proportion to its length, whatever it repeats.

A request of 100 characters, 24 times "and" and a car, once hung the planner, and with it the whole MCP server: a
regular expression whose nested repetition had 2^24 ways to read it. So every pattern of the planner is timed here on
texts that repeat words, blanks, marks and quotes, and so is the whole planner.
"""

from __future__ import annotations

import ast
import pkgutil
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ace_agent.planner
from ace_agent.errors import PlanError
from ace_agent.evaluation.planner import authored
from ace_agent.plan.schema import MAX_INSTRUCTION
from ace_agent.planner import instructions
from ace_agent.planner.english import tokens, vocabulary
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.rules import acts, classifier, follow_ups, image_kinds, limits, patterns, refusals
from ace_agent.planner.rules.rule_planner import RulePlanner

UNITS = (
    "and ", "so ", "please, ", "and then ", "a ", "the ", "draw me ", "give me ", "make it ", "picture of ", "@1 ",
    "the one before ", "12x", "12 x ", "1.", "9", "a", "a-", "w/ ", " ", " - ", ",", ", ", ".", "!", "!a", "\n",
    "\n\na", '"', '"a" ', "'", "'a' ", "(", "{", "{image} ", "a} ", "your hidden ", "i feel sad!",
    "what weather ", "backgruond ", "zxqv ", "make the sky pink and the grass blue and ", "there is a dog, ",
    "because ", "é", "猫 a",
)  # fmt: skip
TAILS = (" a car", "x")
LONG = 16_000
"""Characters. A pattern that takes the square of the length takes seconds of this."""

COMPILED_BY = {
    "instructions": {"_PICTURE_OF", "_lead"},
    "limits": {"_LEFT"},
    "acts": {"_AGAIN", "_MENTION", "_answers"},
    "follow_ups": {"_MORE", "_LESS", "_MEANT", "_BARE", "_SAME", "_LIKEWISE", "_INSTEAD"},
    "image_kinds": {"_patterns"},
    "patterns": {"compiled"},
    "refusals": {"_off_topic", "_small_talk", "_unsupported"},
    "vocabulary": {"_pattern"},
}
"""Where patterns are put together, so that `written` does not see them; each is timed by `assembled`."""

CONTEXT = Context(
    tuple(
        KnownImage(f"@{n}", "image", caption, n)
        for n, caption in enumerate(("a dog on a beach", "a red car in snow", "a sketch of the dog"), 1)
    ),
    "@3",
    ("@1", "@2", "@3"),
)


def repeated(length: int, tails: tuple[str, ...] = (" a car",)) -> Iterator[str]:
    for unit in UNITS:
        for tail in tails:
            yield (unit * (length // len(unit) + 1))[: length - len(tail)] + tail


def modules() -> Iterator[tuple[str, ast.Module]]:
    for found in pkgutil.walk_packages(ace_agent.planner.__path__, "ace_agent.planner."):
        spec = found.module_finder.find_spec(found.name, None)  # type: ignore[call-arg]
        assert spec is not None and spec.origin is not None
        yield found.name, ast.parse(Path(spec.origin).read_text("utf-8"))


def calls_of_re(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)) if name != "escape":
                yield node


def written() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern that stands in the planner's code as it is."""
    for name, tree in modules():
        for call in calls_of_re(tree):
            if isinstance(call.args[0], ast.Constant):
                yield f"{name}:{call.lineno}", re.compile(str(call.args[0].value), re.IGNORECASE)


def assembled() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern that the planner puts together from words and tables."""
    yield "picture of", instructions._PICTURE_OF
    yield "lead", instructions._lead()
    yield "step of an author", authored._STEP
    yield "small talk", refusals._small_talk()
    yield "again", acts._AGAIN
    for pattern in limits._LEFT:
        yield pattern.pattern[:30], pattern
    yield "mention", acts._MENTION
    for name in COMPILED_BY["follow_ups"]:
        yield name, getattr(follow_ups, name)
    for pattern, said in acts._answers():
        yield said[:20], pattern
    yield "vocabulary", vocabulary._pattern(vocabulary.known_nouns("ace-mini") or frozenset())
    for pattern in refusals._off_topic():
        yield pattern.pattern[-50:], pattern
    for what, _, pattern in refusals._unsupported():
        yield f"{what}: {pattern.pattern[:50]}", pattern
    yield from image_kinds._patterns().items()


def seconds(work: Callable[[], object], limit: float) -> float:
    """Processor time of a call, which is ended after the limit."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        work()
    except TimeoutError:
        return float("inf")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return time.process_time() - start


def slowest(pattern: re.Pattern[str], texts: list[str], limit: float) -> tuple[float, str]:
    """The longest that a pattern takes for one text, of two tries, and that text's beginning."""
    worst = (0.0, "")
    for text in texts:
        took = seconds(lambda text=text: (pattern.search(text), pattern.sub("", text)), 4 * limit)  # type: ignore[misc]
        if took > limit and took != float("inf"):
            took = min(took, seconds(lambda text=text: pattern.search(text), 4 * limit))  # type: ignore[misc]
        worst = max(worst, (took, text[:40]))
        if worst[0] > limit:
            break
    return worst


pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer of processor time")


def test_every_pattern_put_together_at_run_time_is_timed() -> None:
    unknown = []
    for name, tree in modules():
        known = COMPILED_BY.get(name.rpartition(".")[2], set())
        for node in tree.body:
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {getattr(node, "name", "")}
            if not names & known:
                unknown += [
                    f"{name}:{call.lineno}"
                    for call in calls_of_re(node)
                    if not isinstance(call.args[0], ast.Constant)
                ]
    assert not unknown


@pytest.mark.slow
def test_patterns_of_the_code_are_linear() -> None:
    texts = list(repeated(LONG, TAILS))
    slow = {
        name: worst
        for name, pattern in (*written(), *assembled())
        if (worst := slowest(pattern, texts, 0.25))[0] > 0.25
    }
    assert not slow


def test_patterns_of_the_table_are_linear() -> None:
    """They match tokens, whose number a request bounds."""
    rendered = {patterns.render(tokens.tokenize(text)): text[:40] for text in repeated(MAX_INSTRUCTION)}
    slow = {}
    for row in classifier.table():
        took, text = slowest(patterns.compiled(row.text), list(rendered), 0.25)
        if took > 0.25:
            slow[row.text] = (took, rendered.get(text, text))
    assert not slow


def test_the_whole_planner_answers_at_once() -> None:
    planner = RulePlanner()
    planner.plan("make the sky pink", CONTEXT)  # reads the tables
    letters = random.Random(4)
    slips = " ".join("".join(letters.choices("abcdeiorst", k=6)) for _ in range(285))
    texts = [
        *repeated(MAX_INSTRUCTION, TAILS),
        *("make the sky pink " + text[: MAX_INSTRUCTION - 18] for text in repeated(MAX_INSTRUCTION)),
        "and " * 24 + "a car",
        slips,
    ]
    slow = {}
    for text in texts:

        def answer(text: str = text) -> None:
            try:
                planner.plan(text, CONTEXT)
            except PlanError as refusal:
                assert "\n" not in str(refusal)

        took = seconds(answer, 12)
        if took > 3:
            slow[text[:40]] = took
    assert not slow


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ("make it red " * 200, "the request has 2,400 characters, more than 2,000"),
        ("make it, " * 200, "the request has more than 500 words and marks"),
        ("!a" * 1000, "the request has more than 500 words and marks"),
        ("remove the dog, " * 110, "the request asks for more than 100 steps"),
    ],
)
def test_a_request_too_large_is_refused_in_a_line(request_: str, line: str) -> None:
    with pytest.raises(PlanError) as refusal:
        RulePlanner().plan(request_, CONTEXT)
    assert refusal.value.message == line
    assert refusal.value.hint
