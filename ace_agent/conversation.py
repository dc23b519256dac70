"""One conversation without a model: looking at it, and moving in its tree of turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.errors import InputError, PlanError
from ace_agent.execution.fidelity import draw_region
from ace_agent.execution.inputs import Handed, Inputs
from ace_agent.images.files import encode_png, side_by_side
from ace_agent.plan import Plan, Region, parse_reference
from ace_agent.planner import Context, KnownImage, silent
from ace_agent.process_owner import alive
from ace_agent.turns import Picture, Turn, turn_of
from ace_agent.workspace import plainly
from ace_memory import Conversation, NewImage, Store
from ace_memory import Image as ImageRow
from ace_memory import Turn as TurnRow
from ace_memory.archive import export_conversation

RECENT = 200
"""Pictures and turns that a planner is told of."""


class Dialogue:
    """A conversation of a store, by name; None is the latest used. One that is not there yet is stored with
    its first turn or picture."""

    def __init__(self, store: Store, name: str | None = None, *, new: bool = False) -> None:
        self.store = store
        self._wanted = name
        self._talk: int | None = None
        names = {row.name: row for row in store.conversations()}
        if new and name in names:
            raise InputError(f"there is a conversation {name!r} already", f"go on with it: -c {name}")
        latest = store.latest_conversation()
        if name in names:
            self._talk = names[name].id
        elif name is None and not new and latest is not None:
            self._talk = latest.id
        self._seen_tip = self._tip()

    @property
    @plainly
    def conversation(self) -> str:
        """Its name."""
        return self._row().name

    def close(self) -> None:
        self.store.close()

    # Looking

    @plainly
    def turns(self, everything: bool = False, limit: int = -1) -> list[Turn]:
        """The turns that lead to the tip; `everything`: the whole tree, oldest first. `limit`: the latest
        ones."""
        if self._talk is None:
            return []
        if everything:
            rows = self.store.turns(self._talk)[-limit if limit >= 0 else 0 :]
        else:
            rows = self.store.recent(self._tip(), limit)
        numbers = self.store.numbers(self._talk)
        return [turn_of(self.store, row, numbers[row.id]) for row in rows]

    @plainly
    def show(self, reference: str = "@last") -> Picture:
        """A picture by `@3`, `@last` or `@first`."""
        return Picture(self._image(reference), self.store)

    @plainly
    def pictures(self) -> list[Picture]:
        """All pictures and masks, by number."""
        return (
            [] if self._talk is None else [Picture(row, self.store) for row in self.store.images(self._talk)]
        )

    @plainly
    def before(self, reference: str = "@last") -> Picture | None:
        """The picture that another was made from; None for one made from words alone, and an attached one."""
        row = self._image(reference)
        inputs = [] if row.step is None else self.store.step_inputs(row.step)
        return next((Picture(image, self.store) for role, image in inputs if role == "image"), None)

    @plainly
    def compare(self, left: str, right: str = "@last") -> Image.Image:
        """Two pictures side by side."""
        return side_by_side(self.show(left).image, self.show(right).image)

    @plainly
    def search(self, text: str, limit: int = 20) -> list[Turn]:
        """Turns whose words begin with every word of `text`, the latest first."""
        if self._talk is None:
            return []
        return [
            turn_of(self.store, row) for row in self.store.search(text, conversation=self._talk, limit=limit)
        ]

    def context(
        self,
        inputs: int = 0,
        mask: bool = False,
        note: Callable[[str], None] = silent,
        vocabulary: frozenset[str] | None = None,
    ) -> Context:
        """What a planner is told. `vocabulary`: the nouns that the model knows."""
        if self._talk is None:
            return Context(inputs=inputs, mask=mask, vocabulary=vocabulary, note=note)
        recent = self.store.recent(self._tip(), RECENT)
        on_path = {row.id for row in recent}
        last = self._last()
        numbers = self.store.numbers(self._talk)
        steps: dict[int, Any] = {}
        known = []
        for image in self.store.latest_images(self._talk, RECENT):
            if image.sha256 is None:
                continue
            if image.step is not None and image.step not in steps:
                steps[image.step] = self.store.step(image.step)
            step = None if image.step is None else steps[image.step]
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
                    image.turn is None or image.turn in on_path,
                )
            )
        mains = [self._main(row.id) for row in recent]
        return Context(
            images=tuple(known),
            tip=None if last is None else f"@{last.number}",
            path=tuple(f"@{row.number}" for row in mains if row is not None),
            inputs=inputs,
            mask=mask,
            vocabulary=vocabulary,
            note=note,
        )

    @plainly
    def unfinished(self) -> list[Turn]:
        """Turns after the tip that were stopped, failed or killed, the newest last."""
        return [turn_of(self.store, row) for row in self._unfinished()]

    # Moving

    @plainly
    def undo(self, n: int = 1) -> Picture | None:
        """Go back `n` turns; returns the picture one is at, None before the first."""
        for _ in range(n):
            if self._talk is None or self.store.undo(self._talk) is None:
                raise InputError("there is nothing to undo", "this is the beginning of the conversation")
        return self._moved()

    @plainly
    def redo(self, n: int = 1) -> Picture | None:
        """Go forward again after an undo."""
        for _ in range(n):
            if self._talk is None or self.store.redo(self._talk) is None:
                raise InputError(
                    "there is nothing to redo", "ace history --all shows every branch; ace goto @3"
                )
        return self._moved()

    @plainly
    def goto(self, reference: str) -> Picture:
        """Move the tip to the turn that made or brought in a picture."""
        row = self._image(reference)
        self.store.move_tip(row.conversation, self._turn_of(reference))
        self._moved()
        return Picture(row, self.store)

    @plainly
    def attach(self, source: Handed, kind: str = "image") -> Picture:
        """Take a picture or mask into the conversation; a picture becomes `@last` until the next is made."""
        inputs = Inputs()
        inputs.add("input", source, kind)
        return Picture(self.store.add_image(self._row().id, inputs.new_images()[0]), self.store)

    @plainly
    def draw_mask(self, region: Region, on: str = "@last") -> Picture:
        """Store a region in words as a mask of a picture's size."""
        mask = draw_region(region, self.show(on).size)
        told = json.dumps(region.model_dump(exclude_none=True))
        new = NewImage(encode_png(mask), *mask.size, kind="mask", caption=told)
        return Picture(self.store.add_image(self._row().id, new), self.store)

    @plainly
    def export(self, path: Path, *, force: bool = False) -> Path:
        """The whole conversation as one file; never over another unless `force`."""
        return export_conversation(self.store, self._row(), Path(path), force=force)

    # Inside

    def _row(self) -> Conversation:
        """The conversation, made now if there is none yet."""
        if self._talk is None:
            self._talk = self.store.create_conversation(self._wanted).id
        return self.store.conversation(self._talk)

    def _tip(self) -> int | None:
        return None if self._talk is None else self.store.conversation(self._talk).tip

    def _ids(self) -> set[str]:
        """Every picture that a plan may name."""
        if self._talk is None:
            return set()
        return {f"@{number}" for number in self.store.image_numbers(self._talk)}

    def _image(self, reference: str) -> ImageRow:
        try:
            ref = parse_reference(reference)
        except PlanError:
            ref = None
        if ref is None or ref.kind not in ("image", "last", "first"):
            raise InputError(f"{reference!r} is no picture of the conversation", "write @3, @last or @first")
        if ref.kind == "image":
            return self.store.image(self._row().id, ref.number)
        found = self._last() if ref.kind == "last" else self._first()
        if found is None:
            raise InputError("there is no picture yet", 'make one: ace "a red car in a meadow"')
        return found

    def _turn_of(self, reference: str) -> int:
        """The turn that made or brought in a picture."""
        turn = self._image(reference).turn
        if turn is None:
            raise InputError(f"{reference} belongs to no turn", "it was attached; name it in a request")
        return turn

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
        tip = self._tip()
        main = None if tip is None else self._main(tip)
        if self._talk is None:
            return None
        loose = self.store.loose_image(self._talk)
        if loose is not None and (main is None or loose.number > main.number):
            return loose
        return main

    def _first(self) -> ImageRow | None:
        """The oldest picture on the path, else the oldest of all."""
        for row in self.store.path_to(self._tip()):
            images = [image for image in self.store.turn_images(row.id) if image.kind == "image"]
            if images:
                return images[0]
        return self._last()

    def _named(self, plan: Plan) -> dict[str, ImageRow]:
        """The rows of the conversation's pictures that a plan names, by the way it names them."""
        refs = {
            ref.text
            for step in plan.steps
            for ref in step.references
            if ref.kind in ("image", "last", "first")
        }
        return {text: self._image(text) for text in sorted(refs)}

    def _picture(self, row: ImageRow) -> Image.Image:
        return Picture(row, self.store).image

    def _moved(self) -> Picture | None:
        self._seen_tip = self._tip()
        last = None if self._seen_tip is None else self._main(self._seen_tip)
        return None if last is None else Picture(last, self.store)

    def _unfinished(self) -> list[TurnRow]:
        if self._talk is None:
            return []
        after = self._tip() or 0
        return [
            row
            for row in self.store.open_turns(self._talk)
            if row.id > after and row.plan != "{}" and not alive(row.owner)
        ]
