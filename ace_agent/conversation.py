"""One conversation without a model: its pictures and turns, and moving in its tree of turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ace_agent.errors import InputError, PlanError
from ace_agent.execution.fidelity import draw_region
from ace_agent.execution.inputs import Handed, Inputs
from ace_agent.files import write_file
from ace_agent.images.files import encode_png, side_by_side
from ace_agent.plan import Plan, Region, parse_reference
from ace_agent.plan.wording import described
from ace_agent.planner.interface import Context, KnownImage, ignore_note
from ace_agent.process_owner import alive
from ace_agent.turns import Picture, Turn, turn_of
from ace_memory import ConversationRow, ImageRow, NewImage, StepRow, Store, TurnRow
from ace_memory.archive import export_conversation

RECENT = 200
"""How many of the latest pictures and turns a planner sees."""


class Conversation:
    """A conversation of a store.

    `name` None is the one used last, or a new one; `new` always begins one. A conversation that does not exist yet
    is stored with its first turn or picture. Raises InputError for `new` with a name that is taken.
    """

    def __init__(self, store: Store, name: str | None = None, *, new: bool = False) -> None:
        self.store = store
        self._name = name
        self._new = new
        self._known: int | None = None
        if name is None and not new and (latest := store.latest_conversation()) is not None:
            self._known = latest.id
        if new and name is not None and store.find_conversation(name) is not None:
            raise InputError(f"there is a conversation {name!r} already", f"go on with it: -c {name}")
        self._seen_tip = self.tip

    @property
    def name(self) -> str:
        return self.row().name

    def close(self) -> None:
        self.store.close()

    # Looking

    def turns(self, everything: bool = False, limit: int = -1) -> list[Turn]:
        """The turns that lead to the tip, or with `everything` the whole tree, oldest first. `limit` keeps the latest
        ones."""
        if self._id is None:
            return []
        if everything:
            rows = self.store.turns(self._id)[-limit if limit >= 0 else 0 :]
        else:
            rows = self.store.recent(self.tip, limit)
        numbers = self.store.numbers(self._id)
        return [turn_of(self.store, row, numbers[row.id]) for row in rows]

    def show(self, reference: str = "@last") -> Picture:
        """A picture by `@3`, `@last` or `@first`."""
        return Picture(self.image_row(reference), self.store)

    def pictures(self) -> list[Picture]:
        """All pictures and masks, by number."""
        return [] if self._id is None else [Picture(row, self.store) for row in self.store.images(self._id)]

    def before(self, reference: str = "@last") -> Picture | None:
        """The picture that another was made from; None for one made from words alone, and for an attached one."""
        row = self.image_row(reference)
        inputs = [] if row.step is None else self.store.step_inputs(row.step)
        return next((Picture(image, self.store) for role, image in inputs if role == "image"), None)

    def compare(self, left: str, right: str = "@last") -> Image.Image:
        """Two pictures side by side."""
        return side_by_side(self.show(left).image, self.show(right).image)

    def last_plan(self) -> Plan:
        """The plan of the turn that led to the tip, with its seeds left open. Raises InputError if there is none."""
        for turn in reversed(self.turns(limit=10)):
            if turn.plan.steps:
                steps = tuple(step.model_copy(update={"seed": None}) for step in turn.plan.steps)
                return turn.plan.model_copy(update={"steps": steps, "goto": None})
        raise InputError("nothing was made yet that could be made again", "say what to draw")

    def search(self, text: str, limit: int = 20) -> list[Turn]:
        """Turns whose words begin with every word of `text`, the latest first."""
        if self._id is None:
            return []
        rows = self.store.search(text, conversation=self._id, limit=limit)
        return [turn_of(self.store, row) for row in rows]

    def context(
        self,
        handed: tuple[KnownImage, ...] = (),
        mask: bool = False,
        note: Callable[[str], None] = ignore_note,
        vocabulary: frozenset[str] | None = None,
    ) -> Context:
        """What a planner sees of the conversation and of the pictures that come with a request.

        `vocabulary`: the nouns that the model knows.
        """
        if self._id is None:
            return Context(handed=handed, mask=mask, vocabulary=vocabulary, note=note)
        recent = self.store.recent(self.tip, RECENT)
        on_path = {row.id for row in recent}
        last = self._last()
        chosen = self.store.conversation(self._id).chosen
        numbers = self.store.numbers(self._id)
        told = _Descriptions(self.store)
        known = []
        for image in self.store.latest_images(self._id, RECENT):
            if image.sha256 is None:
                continue
            step = None if image.step is None else told.step(image.step)
            turn = 0 if image.turn is None else numbers[image.turn]
            known.append(
                KnownImage(
                    f"@{image.number}",
                    "mask" if image.kind == "mask" else "image",
                    image.caption or image.source,
                    turn,
                    step.instruction if step else "",
                    step.task if step else "",
                    image.width,
                    image.height,
                    image.turn is None or image.turn in on_path or image.id == chosen,
                    told.of(image),
                    step is not None,
                )
            )
        mains = [self._main(row.id) for row in recent]
        path = [f"@{row.number}" for row in mains if row is not None]
        if chosen is not None and last is not None:
            path = [*path[:-1], f"@{last.number}"]
        return Context(
            images=tuple(known),
            tip=None if last is None else f"@{last.number}",
            path=tuple(path),
            handed=handed,
            mask=mask,
            vocabulary=vocabulary,
            note=note,
        )

    def unfinished(self) -> list[Turn]:
        """Turns after the tip that were stopped, failed or killed, the newest last."""
        return [turn_of(self.store, row) for row in self.unfinished_rows()]

    # Moving

    def undo(self, n: int = 1) -> Picture | None:
        """Go back `n` turns; returns the picture of the turn reached, None before the first."""
        for _ in range(n):
            undone = None if self._id is None else self.store.undo(self._id)
            if self._id is None or undone is None:
                raise InputError("there is nothing to undo", "this is the beginning of the conversation")
            if undone.parent is None:  # before the first edit of a file there is the file
                files = [row for row in self.store.turn_images(undone.id) if row.step is None]
                self.store.choose(self._id, files[0].id if files else None)
        return self._moved()

    def redo(self, n: int = 1) -> Picture | None:
        """Go forward again after an undo."""
        for _ in range(n):
            if self._id is None or self.store.redo(self._id) is None:
                raise InputError(
                    "there is nothing to redo", "ace history --all shows every branch; ace goto @3"
                )
        return self._moved()

    def goto(self, reference: str) -> Picture:
        """Move the tip to the turn that made or brought in a picture."""
        row = self.image_row(reference)
        turn = self.turn_of(reference)
        main = self._main(turn)
        own = main is not None and main.id == row.id
        self.store.move_tip(row.conversation, turn, chosen=None if own else row.id)
        self._moved()
        return Picture(row, self.store)

    def attach(self, source: Handed, kind: str = "image") -> Picture:
        """Add a picture or mask to the conversation; a picture becomes `@last` until the next is made."""
        inputs = Inputs()
        inputs.add("input", source, kind)
        return Picture(self.store.add_image(self.row().id, inputs.new_images()[0]), self.store)

    def draw_mask(self, region: Region, on: str = "@last", found: Image.Image | None = None) -> Picture:
        """Store a region as a mask of a picture's size; `found` is the mask of one that is given in words."""
        mask = draw_region(region, self.show(on).size) if found is None else found
        words = json.dumps(region.model_dump(exclude_defaults=True))
        new = NewImage(encode_png(mask), *mask.size, kind="mask", caption=words)
        return Picture(self.store.add_image(self.row().id, new), self.store)

    def export(self, path: Path, *, force: bool = False) -> Path:
        """Write the whole conversation to one file; never over another unless `force`."""
        row = self.row()

        def write(part: Path) -> None:
            with part.open("wb") as stream:
                export_conversation(self.store, row, stream)

        return write_file(Path(path), write, force=force, parents=False)

    # Rows of the store, for the agent

    def row(self) -> ConversationRow:
        """The stored conversation, created now if there is none yet."""
        if self._id is None:
            with self.store.transaction():
                if self._id is None:
                    self._known = self.store.create_conversation(self._name).id
        assert self._known is not None
        return self.store.conversation(self._known)

    @property
    def _id(self) -> int | None:
        """The stored conversation; None while there is none. Another process may begin the one that is named."""
        if self._known is None and self._name is not None and not self._new:
            found = self.store.find_conversation(self._name)
            self._known = None if found is None else found.id
        return self._known

    @property
    def newest_turn(self) -> int:
        """The turn begun last on any branch, 0 before the first."""
        return 0 if self._id is None else self.store.newest_turn(self._id)

    @property
    def tip(self) -> int | None:
        """The turn that the conversation stands at."""
        return None if self._id is None else self.store.conversation(self._id).tip

    @property
    def moved_elsewhere(self) -> bool:
        """Whether the tip is not where this object last left it: another process has moved it."""
        return self.tip != self._seen_tip

    def stand_at(self, turn: int) -> None:
        """Take note that a turn of this process has become the tip."""
        self._seen_tip = turn

    def image_ids(self) -> set[str]:
        """Every picture that a plan may name."""
        if self._id is None:
            return set()
        return {f"@{number}" for number in self.store.image_numbers(self._id)}

    def image_row(self, reference: str) -> ImageRow:
        """`@3`, `@last` or `@first`; raises InputError for anything else and where there is no picture yet."""
        try:
            ref = parse_reference(reference)
        except PlanError:
            ref = None
        if ref is None or ref.kind not in ("image", "last", "first"):
            raise InputError(f"{reference!r} is no picture of the conversation", "write @3, @last or @first")
        if ref.kind == "image":
            return self.store.image(self.row().id, ref.number)
        found = self._last() if ref.kind == "last" else self._first()
        if found is None:
            raise InputError("there is no picture yet", 'make one: ace "a red car in a meadow"')
        return found

    def turn_of(self, reference: str) -> int:
        """The turn that made or brought in a picture."""
        turn = self.image_row(reference).turn
        if turn is None:
            raise InputError(f"{reference} belongs to no turn", "it was attached; name it in a request")
        return turn

    def named_images(self, plan: Plan) -> dict[str, ImageRow]:
        """The conversation's pictures that a plan names, by the way it names them."""
        refs = {
            ref.text
            for step in plan.steps
            for ref in step.references
            if ref.kind in ("image", "last", "first")
        }
        return {text: self.image_row(text) for text in sorted(refs)}

    def unfinished_rows(self) -> list[TurnRow]:
        """See `unfinished`."""
        if self._id is None:
            return []
        after = self.tip or 0
        return [
            row
            for row in self.store.open_turns(self._id)
            if row.id > after and row.plan != "{}" and not alive(row.owner)
        ]

    def _main(self, turn: int) -> ImageRow | None:
        """The picture that stands for a turn: the first variation of its last result."""
        row = self.store.turn(turn)
        full = turn_of(self.store, row, 0)
        if full.images:
            last = full.images[-1].row
            return next(p.row for p in full.images if p.row.step == last.step)
        return full.attached[-1].row if full.attached else None

    def _last(self) -> ImageRow | None:
        """What `@last` means: the tip's picture, or one attached after it."""
        if self._id is None:
            return None
        here = self.store.conversation(self._id)
        main = None if here.tip is None else self._main(here.tip)
        if here.chosen is not None:
            main = self.store.image_by_id(here.chosen)
        loose = self.store.loose_image(self._id)
        if loose is not None and (main is None or loose.number > main.number):
            return loose
        return main

    def _first(self) -> ImageRow | None:
        """The oldest picture on the path, else the oldest of all."""
        for row in self.store.path_to(self.tip):
            images = [image for image in self.store.turn_images(row.id) if image.kind == "image"]
            if images:
                return images[0]
        return self._last()

    def _moved(self) -> Picture | None:
        self._seen_tip = self.tip
        chosen = self.row().chosen
        if self._seen_tip is None and chosen is None:
            return None
        last = self._last() if chosen is not None else self._main(self._seen_tip or 0)
        return None if last is None else Picture(last, self.store)


def handed_pictures(inputs: Inputs) -> tuple[KnownImage, ...]:
    """Pictures that come with a request as a planner sees them, described by the names of their files, and what is seen
    in photographs."""
    return tuple(
        KnownImage(name, width=image.width, height=image.height, description=inputs.described(name))
        for name, image in inputs.pictures.items()
        if inputs.kinds[name] != "mask"
    )


class _Descriptions:
    """What is known of pictures, worked out once for each: what made them, then what changed them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps: dict[int, StepRow] = {}
        self._known: dict[int, str] = {}

    def step(self, key: int) -> StepRow:
        if key not in self._steps:
            self._steps[key] = self._store.step(key)
        return self._steps[key]

    def of(self, image: ImageRow) -> str:
        """The description of a picture; the name of an attached one's file."""
        waiting = [image]
        while waiting:  # a long conversation is deeper than Python's stack
            last = waiting[-1]
            sources = [] if last.step is None else self._sources(last.step)
            unknown = [source for source in sources if source.id not in self._known]
            if unknown and len(waiting) <= RECENT:
                waiting += unknown
                continue
            self._known[last.id] = self._describe(last, sources)
            waiting.pop()
        return self._known[image.id]

    def _sources(self, step: int) -> list[ImageRow]:
        return [row for role, row in self._store.step_inputs(step) if role == "image"]

    def _describe(self, image: ImageRow, sources: list[ImageRow]) -> str:
        if image.step is None:
            return image.caption or image.source
        row = self.step(image.step)
        return described(row.task, row.instruction, [self._known.get(source.id, "") for source in sources])
