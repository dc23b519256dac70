"""Carrying out a plan: its steps in dependency order, each committed as it completes, resumed where it
stopped."""

from __future__ import annotations

import io
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from ace_agent.engines.ace.condition_unit import PICTURE_TOKENS, history_cost
from ace_agent.engines.interface import Pipeline
from ace_agent.errors import InputError, PlanError
from ace_agent.execution.fidelity import draw_region, widened
from ace_agent.execution.recipes import Hashes, recipe_of
from ace_agent.execution.task_runner import Call, Earlier, Made, check_mask, make
from ace_agent.execution.timing import Timing
from ace_agent.images.files import encode_png
from ace_agent.plan import Plan, Region, Step, parse_reference
from ace_memory import Image as Row
from ace_memory import NewImage, Store
from ace_memory import Turn as TurnRow

READ_PICTURES = 16
"""Pictures of a conversation that are read back for a request, at least; the pipeline takes what fits its budget."""


@dataclass(frozen=True)
class Progress:
    """How far a plan is: `step` of `steps` (from 1), the share of the whole plan that is done, seconds left."""

    step: int
    steps: int
    fraction: float
    seconds_left: float | None
    message: str


Report = Callable[[Progress], None]


@dataclass
class _Past:
    """A step as history: what it was told and took."""

    task: str
    instruction: str
    images: list[Row] = field(default_factory=list)
    mask: Row | None = None

    @property
    def tokens(self) -> int:
        return history_cost(len(self.images))


class Executor:
    """Runs the plans of one store with one pipeline."""

    def __init__(self, store: Store, pipeline: Pipeline, timing: Timing) -> None:
        self.store = store
        self.pipeline = pipeline
        self.timing = timing

    def run(self, turn: TurnRow, report: Report | None = None) -> list[str]:
        """Carry out what is not done yet of a turn's bound plan; returns lines for the user.

        Every completed step is committed with its pictures before the next begins. Raises InputError for a
        mask that does not fit the picture a step made.
        """
        plan = Plan.from_json(turn.plan)
        order = plan.order()
        done = {step.position: self.store.step_images(step.id) for step in self.store.steps(turn.id)}
        shares = [_work(step, self.pipeline.default_steps) for step in plan.steps]
        before = self._before(turn, plan)
        notes: list[str] = []
        for count, index in enumerate(order):
            finished = sum(shares[i] for i in order[:count]) / sum(shares)
            own = shares[index] / sum(shares)
            if index not in done:
                clock = _Clock(len(order), count, finished, own, self._seconds(plan, order[count:]), report)
                clock.tick(0.0)
                rows, made = self._step(turn, plan, index, done, before, order[:count], clock)
                done[index] = rows
                notes += [note for note in made.notes if note not in notes]
        if report is not None:
            report(Progress(len(order), len(order), 1.0, 0.0, "done"))
        return notes

    def cost(self, turn: TurnRow) -> int:
        """What a finished turn costs as history."""
        return sum(
            self._past(step.id, step.task, step.instruction).tokens for step in self.store.steps(turn.id)
        )

    def _step(
        self,
        turn: TurnRow,
        plan: Plan,
        index: int,
        done: dict[int, list[Row]],
        before: list[list[_Past]],
        earlier: Sequence[int],
        clock: _Clock,
    ) -> tuple[list[Row], Made]:
        step = plan.steps[index]
        images = [self._resolve(turn, plan, text, done) for text in step.images]
        pictures = tuple(self.picture(row) for row in images)
        mask_row, mask = self._mask(turn, plan, step, pictures, done)
        past = [] if step.history == "none" else self._history(turn, step, before, earlier)
        call = Call(
            task=step.task,
            instruction=step.instruction,
            images=pictures,
            mask=mask,
            history=tuple(self._shown(item) for item in past),
            size=step.size,
            seed=step.seed or 0,
            steps=step.steps or self.pipeline.default_steps,
            guidance=self.pipeline.default_guidance if step.guidance is None else step.guidance,
            variations=step.variations,
        )
        start = time.perf_counter()
        made = make(self.pipeline, call, clock.tick)
        self.timing.record(self.pipeline.name, time.perf_counter() - start, call.steps * call.variations)
        new_mask = None
        if mask is not None and mask_row is None:
            new_mask = NewImage(encode_png(mask), *mask.size, kind="mask", caption=_told(step.mask))
        hashes = Hashes(
            tuple(_kept(row) for row in images),
            _kept(mask_row) if mask_row is not None else None if new_mask is None else new_mask.sha256,
            tuple((tuple(map(_kept, p.images)), None if p.mask is None else _kept(p.mask)) for p in past),
        )
        recipe = recipe_of(self.pipeline, call, hashes, made.images[0].size, made.composite)
        inputs: list[tuple[str, int | NewImage]] = [("image", row.id) for row in images]
        if mask_row is not None or new_mask is not None:
            inputs.append(("mask", mask_row.id if mask_row is not None else new_mask))  # type: ignore[arg-type]
        results = [
            NewImage(encode_png(image), *image.size, variation=number, caption=step.instruction)
            for number, image in enumerate(made.images, 1)
        ]
        rows = self.store.add_step(
            turn.id,
            index,
            step.task,
            step.instruction,
            json.dumps(recipe, ensure_ascii=False),
            inputs,
            results,
        )
        return rows, made

    def _resolve(self, turn: TurnRow, plan: Plan, text: str, done: dict[int, list[Row]]) -> Row:
        """A bound reference: an image of the conversation or the result of a step that is done."""
        ref = parse_reference(text)
        if ref.kind == "image":
            return self.store.image(turn.conversation, ref.number)
        return done[plan.step_index(ref)][ref.variation - 1]

    def _mask(
        self,
        turn: TurnRow,
        plan: Plan,
        step: Step,
        pictures: Sequence[Image.Image],
        done: dict[int, list[Row]],
    ) -> tuple[Row | None, Image.Image | None]:
        """The mask and its row; a region in words is drawn here and has no row yet."""
        if isinstance(step.mask, str):
            row = self._resolve(turn, plan, step.mask, done)
            mask = self.picture(row).convert("L")
            if pictures:
                check_mask(step.task, pictures[0], mask)
            return row, mask
        if step.task == "outpaint":
            side = step.mask.side if step.mask is not None else None
            try:
                return None, widened(pictures[0], side, step.size, None)[1]
            except ValueError as error:
                raise InputError(str(error)) from None
        if step.mask is None or not pictures:
            return None, None
        return None, draw_region(step.mask, pictures[0].size)

    def _before(self, turn: TurnRow, plan: Plan) -> list[list[_Past]]:
        """The steps of each earlier turn that the model may read, oldest first."""
        if all(step.history == "none" for step in plan.steps):
            return []
        pictures = max(READ_PICTURES, self.pipeline.history_budget)
        turns = self.store.history(turn.parent, PICTURE_TOKENS * pictures)
        return [
            [self._past(step.id, step.task, step.instruction) for step in self.store.steps(earlier.id)]
            for earlier in turns
        ]

    def _history(
        self, turn: TurnRow, step: Step, before: list[list[_Past]], earlier: Sequence[int]
    ) -> list[_Past]:
        """Earlier turns by the step's policy, then the steps of this plan that came before it."""
        kept = before
        if isinstance(step.history, int):
            kept = before[len(before) - step.history :] if step.history < len(before) else before
        rows = {row.position: row for row in self.store.steps(turn.id)}
        own = [self._past(rows[i].id, rows[i].task, rows[i].instruction) for i in earlier]
        past = [item for steps in kept for item in steps] + own
        past = past[self.pipeline.fit_history([len(item.images) for item in past], len(step.images)) :]
        # A forgotten picture leaves a hole in the run; what came before it is not contiguous any more.
        for position in range(len(past) - 1, -1, -1):
            item = past[position]
            if any(row.sha256 is None for row in (*item.images, *([item.mask] if item.mask else []))):
                return past[position + 1 :]
        return past

    def _past(self, step: int, task: str, instruction: str) -> _Past:
        past = _Past(task, instruction)
        for role, row in self.store.step_inputs(step):
            if role == "image":
                past.images.append(row)
            else:
                past.mask = row
        return past

    def _shown(self, past: _Past) -> Earlier:
        mask = None if past.mask is None else self.picture(past.mask).convert("L")
        return Earlier(past.task, past.instruction, tuple(self.picture(row) for row in past.images), mask)

    def picture(self, row: Row) -> Image.Image:
        """A stored picture, decoded."""
        image = Image.open(io.BytesIO(self.store.data(row)))
        image.load()
        return image

    def _seconds(self, plan: Plan, indices: Sequence[int]) -> float | None:
        work = sum(_work(plan.steps[i], self.pipeline.default_steps) for i in indices)
        return self.timing.seconds(self.pipeline.name, work)


def bind(
    plan: Plan, replaced: dict[str, str], pipeline: Pipeline, draw: Callable[[int], int] = secrets.randbelow
) -> Plan:
    """A plan that holds all that decides its pictures: references to the conversation replaced by numbers,
    seeds drawn, the model's defaults written out. A resumed run reads it again and comes to the same bits."""
    steps = []
    for step in plan.steps:
        mask = replaced.get(step.mask, step.mask) if isinstance(step.mask, str) else step.mask
        steps.append(
            step.model_copy(
                update={
                    "images": tuple(replaced.get(text, text) for text in step.images),
                    "mask": mask,
                    "seed": draw(2**31) if step.seed is None else step.seed,
                    "steps": pipeline.default_steps if step.steps is None else step.steps,
                    "guidance": pipeline.default_guidance if step.guidance is None else step.guidance,
                }
            )
        )
    return plan.model_copy(update={"steps": tuple(steps), "goto": None, "vars": {}})


def check_known_masks(plan: Plan, pictures: dict[str, Image.Image]) -> None:
    """Refuse, before any work, a mask that does not fit a picture which is there already."""
    for number, step in enumerate(plan.steps, 1):
        if not isinstance(step.mask, str) or not step.images:
            continue
        base, mask = pictures.get(step.images[0]), pictures.get(step.mask)
        if base is not None and mask is not None:
            try:
                check_mask(step.task, base, mask)
            except InputError as error:
                where = f"step {number}: " if len(plan.steps) > 1 else ""
                raise InputError(where + error.message, error.hint) from None


@dataclass
class _Clock:
    """Turns a step's share into the plan's, with the time left by what was measured so far."""

    steps: int
    index: int
    finished: float
    own: float
    expected: float | None
    report: Report | None
    started: float = field(default_factory=time.perf_counter)
    shown: float = 0.0

    def tick(self, share: float) -> None:
        if self.report is None:
            return
        # A second look that the first one asks for makes the whole longer; the bar does not go back for it.
        self.shown = share = max(self.shown, share)
        elapsed = time.perf_counter() - self.started
        fraction = self.finished + self.own * share
        left = self.expected
        if share > 0.05:
            # By now this run's own speed says more than earlier ones.
            left = elapsed / share * (1 - share) + elapsed / share * (1 - self.finished - self.own) / self.own
        elif left is not None:
            left = max(0.0, left - elapsed)
        message = f"step {self.index + 1} of {self.steps}" if self.steps > 1 else "painting"
        self.report(Progress(self.index + 1, self.steps, fraction, left, message))


def _work(step: Step, default_steps: int) -> int:
    """Denoising steps of a plan's step over all its variations."""
    return (step.steps or default_steps) * step.variations


def _kept(row: Row) -> str:
    if row.sha256 is None:
        raise PlanError(f"@{row.number} was forgotten", "its picture is gone for good; name another")
    return row.sha256


def _told(mask: str | Region | None) -> str:
    """A drawn mask's caption."""
    return json.dumps(mask.model_dump(exclude_none=True)) if isinstance(mask, Region) else ""
