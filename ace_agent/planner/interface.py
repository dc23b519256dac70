"""What every planner is given, returns and may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from ace_agent.errors import PlanError

if TYPE_CHECKING:
    from ace_agent.plan import Plan


@dataclass(frozen=True)
class KnownImage:
    """A picture or mask of the conversation.

    `turn` counts turns of the conversation from 1; `task` and `instruction` are the step's that made it,
    empty for an attached picture. `description` is what is known of it, over all steps that led to it ("a snowman,
    then: add a hat"), or the name of its file. `on_path` is False for one that was undone or is on another branch.
    """

    id: str
    kind: Literal["image", "mask"] = "image"
    caption: str = ""
    turn: int = 0
    instruction: str = ""
    task: str = ""
    width: int = 0
    height: int = 0
    on_path: bool = True
    description: str = ""
    made: bool = False

    @property
    def text(self) -> str:
        """What is known of it: the description, else the caption."""
        return self.description or self.caption


def handed_over(count: int) -> tuple[KnownImage, ...]:
    """Pictures of which only the number is known, as they come with a request."""
    return tuple(KnownImage(f"input{number or ''}") for number in range(count))


def ignore_note(message: str) -> None:
    """Drops a note."""


def ignore_progress(message: str, fraction: float) -> None:
    """Drops a progress report."""


@dataclass(frozen=True)
class Context:
    """All that a planner knows of the conversation.

    Args:
        images: every image and mask, oldest first.
        tip: the image that `@last` means.
        path: one image of each turn from the first to the tip, the first variation of its last step; an undo goes
            back to `path[-2]`.
        handed: the images that came with the request (`input`, `input1` ...), in order.
        mask: whether a mask came with it.
        named: the pictures that the caller names, which the plan is to use, in order.
        vocabulary: the nouns that the image model knows; None if that is not known.
        note: takes one line for the user.
        progress: takes what a planner that must load first is doing, and how far it is, from 0 to 1.
    """

    images: tuple[KnownImage, ...] = ()
    tip: str | None = None
    path: tuple[str, ...] = ()
    handed: tuple[KnownImage, ...] = ()
    mask: bool = False
    named: tuple[str, ...] = ()
    vocabulary: frozenset[str] | None = None
    note: Callable[[str], None] = field(default=ignore_note, compare=False)
    progress: Callable[[str, float], None] = field(default=ignore_progress, compare=False)

    @property
    def inputs(self) -> int:
        """How many images came with the request."""
        return len(self.handed)

    @property
    def pictures(self) -> tuple[KnownImage, ...]:
        """The images that are no masks and were not undone, oldest first; all that are no masks if all were undone."""
        pictures = tuple(image for image in self.images if image.kind != "mask")
        return tuple(image for image in pictures if image.on_path) or pictures

    @property
    def masks(self) -> tuple[KnownImage, ...]:
        """The masks, oldest first."""
        return tuple(image for image in self.images if image.kind == "mask")

    @property
    def newest(self) -> str | None:
        """The tip, or the newest picture if the tip is a mask."""
        pictures = self.pictures
        if any(image.id == self.tip and image.kind != "mask" for image in self.images):
            return self.tip
        return pictures[-1].id if pictures else None

    @property
    def default(self) -> str | None:
        """The picture that an instruction works on if it names none: the one handed over, or the newest."""
        return "input" if self.inputs else self.newest


class Planner(Protocol):
    """Turns a request into a plan."""

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        Raises:
            PlanError: one line that the user can act on.
            Question: the request is ambiguous.
        """
        ...


@dataclass(frozen=True)
class Choice:
    """One answer to a question: its label, and the plan that it leads to, or what makes it once it is chosen."""

    label: str
    made: Plan | Callable[[], Plan]

    @cached_property
    def plan(self) -> Plan:
        return self.made() if callable(self.made) else self.made


class Question(PlanError):
    """The request is ambiguous. The first choice is the default where nobody can be asked."""

    def __init__(self, question: str, choices: tuple[Choice, ...]) -> None:
        super().__init__(question, " or ".join(choice.label for choice in choices))
        self.question = question
        self.choices = choices


ActName = Literal["again", "redo", "save", "show", "describe", "talk"]


class Act(PlanError):
    """The request asks for something that makes no new picture. As an error it says how to ask for it by command.

    Args:
        name: `again`, the last turn once more with other seeds; `redo`; `save`; `show`; `describe`, what a picture
            shows; `talk`, which only wants an answer.
        images: the pictures that it is about; empty: the newest.
        file: the file that `save` names, if any.
        said: the answer of `talk`.
        count: how many times `again` makes it.
    """

    def __init__(
        self, name: ActName, images: tuple[str, ...] = (), file: str = "", said: str = "", count: int = 1
    ) -> None:
        message, way_out = _ACTS[name]
        picture = (*images, "@last")[0]
        super().__init__(said or message, way_out.format(image=picture, file=file or "picture.png"))
        self.name, self.images, self.file, self.said, self.count = name, images, file, said, count


_ACTS = {
    "again": ("this makes the last picture once more", "give the request itself again"),
    "redo": ("this goes forward again", "ace redo"),
    "save": ("this saves a picture", "ace show {image} -o {file}"),
    "show": ("this shows a picture", "ace show {image}"),
    "describe": ("this asks what a picture shows", "ace describe {image}"),
    "talk": (
        "that asks for no picture",
        "say what to draw or what to change, for example: make the sky pink",
    ),
}
