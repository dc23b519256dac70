"""From a request to a plan: what every planner gets, gives and may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from ace_agent.errors import PlanError

if TYPE_CHECKING:
    from ace_agent.plan import Plan


@dataclass(frozen=True)
class KnownImage:
    """A picture or mask of the conversation.

    `turn` counts turns of the conversation from 1; `task` and `instruction` are the step's that made it,
    empty for an attached picture. `on_path` is False for one that was undone or is on another branch.
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


def ignore_note(message: str) -> None:
    """What `Context.note` does when nobody listens."""


def ignore_progress(message: str, fraction: float) -> None:
    """What `Context.progress` does when nobody watches."""


@dataclass(frozen=True)
class Context:
    """What a planner may know of the conversation, and nothing else.

    `images` are all pictures and masks, oldest first. `tip` is the picture that `@last` means. `path` has
    one picture of each turn from the first to the tip, the first variation of its last step: `path[-2]` is
    what an undo goes back to. `inputs` counts the pictures handed over with the request (`input`, `input1`
    ...) and `mask` says that a mask came with it. `vocabulary` holds the nouns that the model knows, None
    when that is not known. `note` takes one line for the user; `progress` is told what a planner that must
    load first is doing, and how far it is, 0 to 1.
    """

    images: tuple[KnownImage, ...] = ()
    tip: str | None = None
    path: tuple[str, ...] = ()
    inputs: int = 0
    mask: bool = False
    vocabulary: frozenset[str] | None = None
    note: Callable[[str], None] = field(default=ignore_note, compare=False)
    progress: Callable[[str, float], None] = field(default=ignore_progress, compare=False)


class Planner(Protocol):
    """Turns one request into one plan."""

    def plan(self, request: str, context: Context) -> Plan:
        """Raises PlanError with one line that the user can act on, and Question when it cannot choose."""
        ...


@dataclass(frozen=True)
class Choice:
    """One answer to a question: how it reads, and the plan it leads to."""

    label: str
    plan: Plan


class Question(PlanError):
    """The request is truly ambiguous; the first choice is the one to take when nobody can be asked."""

    def __init__(self, question: str, choices: tuple[Choice, ...]) -> None:
        super().__init__(question, " or ".join(choice.label for choice in choices))
        self.question = question
        self.choices = choices
