"""Requests with their right proposals, made by rule, to train the language model on.

A wording (``data/wordings.txt``) asks for one task; slots are filled from the lexicon; a voice changes how it is said
(plain, colloquial, long-winded, terse, with slips, as by someone new to English); wordings are chained, pictures are
spoken of by order, relation and content, and some requests are undone or must be refused. A wording belongs whole to
one split, so that a test request was never worded like one of training.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from ace_agent.plan.tasks import TASKS
from ace_agent.planner.english.lexicon import tagged
from ace_agent.planner.english.tables import rows
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.llm.plan_language import parse
from ace_agent.planner.proposal import ProposedPlan, ProposedStep
from ace_agent.training.planner.paraphrase import VOICES, Speaker

HERE = "ace_agent.training.planner"
"""Where the tables of wordings lie."""

Split = Literal["train", "check", "test"]

_MAP_CAPTIONS = {
    "segment": ("a segmentation map", "segmentation of a street", "label map of a room"),
    "depth": ("a depth map", "depth map of a hall", "the depth of a garden"),
    "pose": ("a pose", "pose skeleton of a dancer", "a stick figure pose"),
    "edge": ("an edge map", "canny edges of a house", "the edges of a car"),
    "contour": ("a contour drawing", "contours of a cup", "line art of a bird"),
    "scribble": ("a scribble", "scribble of a boat", "a rough scribble of a tree"),
    "doodle": ("a doodle", "a child's doodle of a cat", "doodle of a castle"),
}
_STATE_CAPTIONS = {
    "colorize": ("a black and white photo", "an old black and white portrait", "a grayscale street"),
    "demosaic": ("a pixelated photo", "a mosaic of a face"),
    "restore": (
        "a blurry photo",
        "a noisy picture of a cat",
        "a dark photo of a room",
        "an old scratched photo",
    ),
}
_SIDES = ("left", "right", "top", "bottom")
_WHERE = (
    "on the left", "on the right", "in the background", "in the foreground", "in the corner", "next to the {o}",
    "behind the {o}", "above the {o}", "in front of the {o}", "near the {o}", "at the bottom", "in the sky", "",
)  # fmt: skip
_TEXT_WHERE = ("at the top", "at the bottom", "on the {o}", "in the corner", "across the middle", "")
_TEXTS = (
    "SALE", "Hello", "Happy Birthday", "OPEN", "Closed", "Coffee", "EXIT", "Spring 2026", "Thank You", "No Parking",
    "The End", "Fresh Bread", "Love", "HOME", "Jazz Night", "Vote", "Room 12", "Welcome", "Merry Xmas", "FREE",
)  # fmt: skip
_HAIR = ("red", "blond", "curly", "grey", "short", "long", "green", "black", "straight", "white")
_ADJECTIVES = (
    "small",
    "big",
    "red",
    "old",
    "shiny",
    "wooden",
    "sleeping",
    "tiny",
    "blue",
    "huge",
    "fluffy",
    "",
    "",
    "",
    "",
)
_FIGURES = (
    "knight",
    "astronaut",
    "pirate",
    "ballerina",
    "robot",
    "wizard",
    "samurai",
    "chef",
    "queen",
    "superhero",
    "cowboy",
    "witch",
)
_JOINTS = (
    ", then ",
    " and then ",
    ", and ",
    ". Then ",
    ". After that ",
    "; ",
    ", also ",
    ". Next, ",
    " and ",
    ". Finally, ",
)
_CHAINED = ("it", "it", "the result", "that", "the picture", "the whole thing")
_UNDO = ("undo", "undo that", "go back one step", "revert the last change", "take that back", "step back")
_RETURN = ("go back to {}", "return to {}", "back to {} please", "I want {} again")
_COUNTS = (
    "{}, three versions", "{}, 4 variations please", "give me two versions: {}", "{}, five different ones",
    "{} (3 options)", "try it four times: {}",
)  # fmt: skip
_ELSEWHERE = ("in {}, {}", "{}: {}", "for {}, {}", "on {}, {}")
_COMMON = {
    **dict.fromkeys(("add", "remove", "replace", "edit_color", "edit_scene", "edit_style", "text_to_image"), 4),
    **dict.fromkeys(
        ("edit_texture", "edit_motion", "edit_face", "render_text", "restore", "grayscale", "extract_foreground",
         "style_reference", "edit_general", "inpaint"), 2,
    ),
}  # fmt: skip
"""How much oftener than the others people ask for some tasks."""


@dataclass(frozen=True)
class Example:
    """One request with what may be known when it comes, and the right proposal, its script."""

    captions: tuple[str, ...]
    request: str
    script: ProposedPlan
    voice: str

    @property
    def context(self) -> Context:
        """The conversation as a planner sees it."""
        images = tuple(
            KnownImage(f"@{n}", "mask" if c.startswith("mask") else "image", c, n)
            for n, c in enumerate(self.captions, 1)
        )
        path = tuple(i.id for i in images if i.kind == "image")
        return Context(images, path[-1] if path else None, path)


@dataclass(frozen=True)
class Wording:
    """One row of the table."""

    task: str
    request: str
    words: str

    @property
    def split(self) -> Split:
        """Where the wording belongs: 8 in 10 to training, told by a hash of its text."""
        return _split(self.request)


def _step(task: str, images: tuple[str, ...], mask: str | None, words: str) -> ProposedStep:
    return ProposedStep(task=task, images=images, mask=mask, instruction=words)


def _split(wording: str) -> Split:
    place = int(hashlib.sha256(wording.encode()).hexdigest()[:8], 16) % 10
    return "test" if place == 0 else "check" if place == 1 else "train"


@cache
def wordings(split: Split) -> dict[str, tuple[Wording, ...]]:
    """The wordings of a split by task. A task that a split would leave without any lends it one of its own."""
    found: dict[str, list[Wording]] = {task: [] for task in TASKS}
    for row in rows("wordings", HERE):
        task, request, words = (part.strip() for part in row.split("|"))
        found[task].append(Wording(task, request, words))
    return {
        task: tuple(w for w in all_ if w.split == split)
        or (all_[{"train": 0, "check": 1, "test": -1}[split] % len(all_)],)
        for task, all_ in found.items()
    }


@cache
def idioms(split: Split) -> tuple[tuple[str, str], ...]:
    """A split's wishes of several steps: request and script, with slots."""
    pairs = (tuple(part.strip() for part in row.split("|")) for row in rows("idioms", HERE))
    return tuple((request, script) for request, script in pairs if _split(request) == split)


def examples(split: Split, seed: int = 0) -> Iterator[Example]:
    """Requests without end, the same for the same split and seed."""
    maker = _Maker(split, random.Random(f"{split} {seed}"))
    while True:
        example = maker.example()
        if example is not None:
            yield example


class _Maker:
    """Draws examples; one random stream."""

    def __init__(self, split: Split, random_: random.Random) -> None:
        self.split: Split = split
        self.random = random_
        self.speaker = Speaker(random_)
        self.table = wordings(split)
        self.tasks = [task for task in TASKS for _ in range(_COMMON.get(task, 1))]
        tags = tagged()

        def few(tag: str) -> list[str]:
            words = [w for w in tags[tag] if len(w.split()) < 3 and w.isascii()]
            # nouns are kept apart as well: every seventh belongs to the test
            return [w for k, w in enumerate(words) if (k % 7 == 0) == (split == "test")] or words

        self.things = few("THING") + few("ANIMAL")
        self.animals, self.garments = few("ANIMAL"), few("GARMENT")
        self.colours, self.materials, self.styles = few("COLOR"), few("MATERIAL"), few("STYLE")
        self.times, self.places, self.looks = few("TIME"), few("PLACE"), few("LOOK")
        self.people = [w for w in few("PERSON") if len(w) > 3 and not w.endswith(("s", "self"))]

    def pick(self, options: list[str] | tuple[str, ...]) -> str:
        return self.random.choice(options)

    def article(self, noun: str) -> str:
        return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"

    def noun(self) -> str:
        return " ".join(filter(None, (self.pick(_ADJECTIVES), self.pick(self.things))))

    def scene(self) -> str:
        kind = self.random.random()
        if kind < 0.4:
            return f"{self.noun()} in {self.article(self.pick(self.places))}"
        if kind < 0.6:
            return f"{self.noun()} and {self.article(self.noun())}"
        if kind < 0.8:
            return f"{self.pick(self.people)} with {self.article(self.noun())}"
        return f"{self.pick(self.places)} with {self.article(self.noun())}"

    def caption(self) -> str:
        kind = self.random.random()
        if kind < 0.2:
            return f"portrait of {self.article(self.pick(self.people))}"
        return self.article(self.scene() if kind < 0.7 else self.noun())

    def filled(self, request: str, words: str, slots: dict[str, str]) -> tuple[str, str]:
        """Fills the slots of a request and its words alike."""
        drawn = dict(slots)

        def value(name: str) -> str:
            base = name.split(":")[-1]
            if base not in drawn:
                drawn[base] = self.slot(base)
            noun = drawn[base]
            if name.startswith("a:"):
                return self.article(noun)
            return f"the {noun}" if name.startswith("the:") else noun

        out = [re.sub(r"\{([a-z0-9:]+)\}", lambda m: value(m[1]), text) for text in (request, words)]
        return re.sub(r" +", " ", out[0]).strip(), re.sub(r" +", " ", out[1]).strip()

    def slot(self, base: str) -> str:
        where = {"where": _WHERE, "textwhere": _TEXT_WHERE}.get(base)
        if where:
            return self.pick(where).replace("{o}", self.pick(self.things))
        drawn = {
            "thing": self.noun, "thing2": self.noun, "scene": self.scene,
            "animal": lambda: self.pick(self.animals), "person": lambda: self.pick(self.people),
            "colour": lambda: self.pick(self.colours), "material": lambda: self.pick(self.materials),
            "style": lambda: self.pick(self.styles), "time": lambda: self.pick(self.times),
            "place": lambda: self.pick(self.places), "look": lambda: self.pick(self.looks),
            "side": lambda: self.pick(_SIDES), "text": lambda: self.pick(_TEXTS), "hair": lambda: self.pick(_HAIR),
            "garment": lambda: self.pick(self.garments), "figure": lambda: self.pick(_FIGURES),
            "hat": lambda: self.pick(("hat", "scarf", "crown", "helmet", "bow tie", "collar")),
        }  # fmt: skip
        return drawn[base]()

    def example(self) -> Example | None:
        kind = self.random.random()
        captions = [self.caption() for _ in range(self.random.choice((0, 1, 1, 1, 2, 2, 3, 3, 4, 5)))]
        if kind < 0.05:
            return self._refusal(captions)
        if kind < 0.1:
            return self._back(captions)
        if kind < 0.2:
            return self._idiom(captions)
        return self._request(captions)

    def _idiom(self, captions: list[str]) -> Example | None:
        known = idioms(self.split)
        if not known:
            return None
        request, script = self.random.choice(known)
        if ("@a" in script and not captions) or ("@b" in script and len(captions) < 2):
            return None
        slots, places = {}, {}
        if captions:
            target = self.random.choice([len(captions)] * 3 + list(range(1, len(captions) + 1)))
            other = self.random.choice([n for n in range(1, len(captions) + 1) if n != target] or [target])
            single = target == len(captions) and "@b" not in script
            slots["im"] = self.pick(("it", "this", "the picture")) if single else self.name(target, captions)
            slots["im2"] = self.name(other, captions)
            places = {"@a": f"@{target}", "@b": f"@{other}"}
            if "@a" in script and "{im}" not in request and not single:
                request = self.pick(_ELSEWHERE).format("{im}", request)
        request, script = self.filled(request, script, slots)
        for mark, place in places.items():
            script = script.replace(mark, place)
        voice = self.pick(VOICES)
        lines = "\n".join(part.strip() for part in script.split("//"))
        return Example(tuple(captions), self.speaker.say(request, voice), parse(lines), voice)

    def _refusal(self, captions: list[str]) -> Example:
        if not captions and self.random.random() < 0.6:
            task = self.pick([t for t in TASKS if TASKS[t].min_images == 1])
            wording = self.random.choice(self.table[task])
            request, _ = self.filled(wording.request, "", {"im": "it", "im2": "the other one"})
            return Example((), self.speaker.say(request, "plain"), ProposedPlan(), "refusal")
        request = self.pick(rows("refusals", HERE)).replace(
            "{n}", str(len(captions) + self.random.randint(1, 6))
        )
        return Example(
            tuple(captions),
            self.speaker.say(request, self.pick(("plain", "typo"))),
            ProposedPlan(),
            "refusal",
        )

    def _back(self, captions: list[str]) -> Example | None:
        if len(captions) < 2:
            return None
        undo = self.random.random() < 0.5
        target = len(captions) - 1 if undo else self.random.randint(1, len(captions) - 1)
        if undo:
            said = self.pick(_UNDO)
        else:
            said = self.pick(_RETURN).format(self.name(target, captions))
        if self.random.random() < 0.35:  # what is wished besides is done to the earlier picture
            wording = self.random.choice(self.table[self.pick(("add", "remove", "edit_color", "edit_scene"))])
            request, words = self.filled(wording.request, wording.words, {"im": "it"})
            line = _step(wording.task, (f"@{target}",), None, words)
            said += self.pick(_JOINTS) + request
            return Example(
                tuple(captions), self.speaker.say(said, "plain"), ProposedPlan(steps=(line,)), "undo"
            )
        return Example(
            tuple(captions),
            self.speaker.say(said, self.pick(VOICES)),
            ProposedPlan(goto=f"@{target}"),
            "undo",
        )

    def name(self, target: int, captions: list[str]) -> str:
        """A way to speak of image ``target`` (one-based) that leads to it alone."""
        count = len(captions)
        ordinals = ("first", "second", "third", "fourth", "fifth", "sixth")
        ways = [f"@{target}", f"picture {target}", f"image {target}", f"the {ordinals[target - 1]} one"]
        ways.append(f"the {ordinals[target - 1]} picture")
        if target == 1:
            ways += ["the original", "the picture I made first", "what we started with"]
        if target == count:
            ways += ["the last one", "the latest picture"]
        if target == count - 1:
            ways += ["the one before last", "the previous one", "yours before last"]
        words = [w for w in re.findall(r"[a-z]+", captions[target - 1]) if len(w) > 3]
        own = [w for w in words if not any(w in other for k, other in enumerate(captions, 1) if k != target)]
        if own:
            ways += [f"the {own[-1]} one", f"the picture with the {own[-1]}", f"the {own[0]} picture"]
        if target < count:
            after = [w for w in re.findall(r"[a-z]+", captions[target]) if len(w) > 3]
            alone = [w for w in after if sum(w in c for c in captions) == 1]
            if alone:
                ways.append(f"the one before the {alone[-1]}")
        return self.pick(ways)

    def _request(self, captions: list[str]) -> Example | None:
        voice = self.pick(VOICES)
        count = self.random.choices((1, 2, 3, 4), (60, 22, 13, 5))[0]
        if voice == "terse":
            count = 1
        lines: list[ProposedStep] = []
        said: list[str] = []
        for at in range(count):
            made = self._step(captions, lines, first=at == 0)
            if made is None:
                return None
            lines.append(made[0])
            said.append(made[1])
        request = said[0] + "".join(self.pick(_JOINTS) + more for more in said[1:])
        if self.random.random() < 0.04:  # counts are read by rule; the model only must not trip over them
            request = self.pick(_COUNTS).format(request)
        return Example(
            tuple(captions), self.speaker.say(request, voice), ProposedPlan(steps=tuple(lines)), voice
        )

    def _step(
        self, captions: list[str], lines: list[ProposedStep], *, first: bool
    ) -> tuple[ProposedStep, str] | None:
        empty = not captions and not lines
        task = "text_to_image" if empty else self.pick(self.tasks)
        if not first and task in ("text_to_image", "try_on", "face_swap", "multi_control", "inpaint"):
            return None
        row = TASKS[task]
        wording = self.random.choice(self.table[task])
        if row.max_images == 0:
            request, words = self.filled(wording.request, wording.words, {})
            return _step(task, (), None, words), request
        if not first:
            if len(captions) > 1 and self.random.random() < 0.2:
                return self._on_another(wording, captions)
            return self._chained(wording, lines, captions)
        images = [n for n, c in enumerate(captions, 1) if not c.startswith("mask")]
        target = self.random.choice(images[-1:] * 3 + images)
        self._set_caption(task, captions, target)
        if "{im2}" in wording.request:
            return self._two(wording, captions, images, target)
        mask = None
        if task == "inpaint":
            captions.insert(target, self.pick(("mask", f"mask of the {self.pick(self.things)}")))
            mask = f"@{target + 1}"
            last = max(n for n, c in enumerate(captions, 1) if not c.startswith("mask"))
        else:
            last = images[-1]
        name = self.pick(("it", "this", "the picture")) if target == last else self.name(target, captions)
        request, words = self.filled(wording.request, wording.words, {"im": name})
        if target != last and "{im}" not in wording.request:
            request = self.pick((*_ELSEWHERE, "take {} and {}")).format(name, request)
        return _step(task, (f"@{target}",), mask, words), request

    def _on_another(self, wording: Wording, captions: list[str]) -> tuple[ProposedStep, str] | None:
        """A later wish about a picture of the conversation instead of the last result."""
        kind = wording.task.removesuffix("_to_image")
        target = self.random.randint(1, len(captions))
        if "{im2}" in wording.request or wording.task != kind or captions[target - 1].startswith("mask"):
            return None
        name = self.name(target, captions)
        request, words = self.filled(wording.request, wording.words, {"im": name})
        if "{im}" not in wording.request:
            request = self.pick(_ELSEWHERE).format(name, request)
        return _step(wording.task, (f"@{target}",), None, words), request

    def _chained(
        self, wording: Wording, lines: list[ProposedStep], captions: list[str]
    ) -> tuple[ProposedStep, str] | None:
        kind = wording.task.removesuffix("_to_image")
        if "{im2}" in wording.request or (
            kind in _MAP_CAPTIONS and wording.task != kind and lines[-1].task != kind
        ):
            return None
        if lines[-1].task in _MAP_CAPTIONS and wording.task != f"{lines[-1].task}_to_image":
            return None
        request, words = self.filled(wording.request, wording.words, {"im": self.pick(_CHAINED)})
        return _step(wording.task, (f"${len(lines)}",), None, words), request

    def _two(
        self, wording: Wording, captions: list[str], images: list[int], target: int
    ) -> tuple[ProposedStep, str] | None:
        others = [n for n in images if n != target]
        if not others:
            return None
        other = self.random.choice(others)
        if wording.task == "try_on":
            captions[target - 1] = f"photo of {self.article(self.pick(self.people))}"
            captions[other - 1] = self.article(self.pick(self.garments))
        if wording.task == "face_swap":
            for n in (target, other):
                captions[n - 1] = f"portrait of {self.article(self.pick(self.people))}"
        if wording.task == "multi_control":
            captions[target - 1] = self.pick(_MAP_CAPTIONS["pose"])
            captions[other - 1] = self.pick(_MAP_CAPTIONS["depth"])
        slots = {"im": self.name(target, captions), "im2": self.name(other, captions)}
        request, words = self.filled(wording.request, wording.words, slots)
        return _step(wording.task, (f"@{target}", f"@{other}"), None, words), request

    def _set_caption(self, task: str, captions: list[str], target: int) -> None:
        kind = task.removesuffix("_to_image")
        if task != kind and kind in _MAP_CAPTIONS:
            captions[target - 1] = self.pick(_MAP_CAPTIONS[kind])
        elif task in _STATE_CAPTIONS:
            captions[target - 1] = self.pick(_STATE_CAPTIONS[task])
        elif task in ("edit_face", "face_reference", "pose"):
            captions[target - 1] = f"photo of {self.article(self.pick(self.people))}"
