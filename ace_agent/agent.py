"""The agent: one conversation and a model. Requests become plans, and plans become pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.conversation import Conversation, handed_pictures
from ace_agent.engines.interface import Pipeline
from ace_agent.engines.presets import MINI, PRESETS
from ace_agent.engines.registry import load_pipeline
from ace_agent.engines.router import Engines
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import AceError, Cancelled, InputError, PlanError, StoreRefused
from ace_agent.execution.executor import Executor, PlanProgress, ProgressCallback, bind, check_known_masks
from ace_agent.execution.inputs import (
    Handed,
    Inputs,
    MaskInput,
    add_files,
    clean_request,
    hand_over,
    overridden,
    with_mask,
)
from ace_agent.execution.timing import Timing
from ace_agent.images.files import is_lossy, read_picture, read_recipe
from ace_agent.images.photograph import looks_like_a_photograph
from ace_agent.plan import Plan, Region, Step, check
from ace_agent.planner.english.vocabulary import known_nouns
from ace_agent.planner.interface import Act, Context, KnownImage, Planner, Question, ignore_note
from ace_agent.planner.named_images import plan_on
from ace_agent.process_owner import alive, owner_now, process_of
from ace_agent.rerun import Rerun, make_again
from ace_agent.turns import Picture, Turn, turn_of
from ace_agent.workspace import (
    ConversationSummary,
    conversations,
    import_conversation,
    open_store,
    workspace_folder,
)
from ace_memory import Store, TurnRow
from ace_memory.archive import branch_conversation

__all__ = [
    "Agent",
    "ConversationSummary",
    "Picture",
    "PlanProgress",
    "Rerun",
    "Turn",
    "conversations",
    "import_conversation",
    "open_store",
    "workspace_folder",
]

Confirm = Callable[[Plan, float | None], "bool | Plan"]
Ask = Callable[[Question], int]


class Agent:
    """One conversation of a workspace, and the model that makes its pictures.

    `conversation` names it; None is the latest used, or a new one; `new` always begins one. It is stored with
    its first turn. `planner` is a name ("auto", "rules", "ollama:...") or a Planner. `pipeline` is any object
    of the pipeline's interface; None loads `model` when the first picture must be made.
    `device`, `dtype`, `offload` and `vae_tiling` are those of `Runtime`; InputError for what the model has no use for.
    """

    def __init__(
        self,
        workspace: Path | None = None,
        *,
        model: str | Path = MINI,
        conversation: str | None = None,
        new: bool = False,
        planner: str | Planner = "auto",
        device: str = "auto",
        dtype: str = "auto",
        offload: bool = False,
        vae_tiling: bool = False,
        pipeline: Pipeline | None = None,
    ) -> None:
        self.runtime = Runtime(device, dtype, offload, vae_tiling)
        if pipeline is None:
            self.runtime.check_for(model)
        self.workspace = workspace_folder(workspace)
        self.model = model
        self.timing = Timing(self.workspace / "timing.json")
        self._planner = planner
        self._pipeline = pipeline
        self.engines = Engines(lambda: self.pipeline, self._model_name)
        self.memory = Conversation(open_store(self.workspace), conversation, new=new)

    def say(
        self,
        request: str,
        images: Sequence[Handed] = (),
        *,
        on: Sequence[str] | None = None,
        mask: MaskInput | None = None,
        seed: int | None = None,
        variations: int = 1,
        steps: int | None = None,
        guidance: float | None = None,
        size: tuple[int, int] | None = None,
        engine: str | None = None,
        confirm: Confirm | None = None,
        ask: Ask | None = None,
        note: Callable[[str], None] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Turn:
        """Plan a request and carry it out.

        `images` become `{image}`, `{image1}` ... of the request. `on` names the images that the request edits
        (`@3`, `@last`, `input` ...) where the words need not say; empty, it is an edit of the latest. `mask` goes to
        the first step that takes one; the rest overrides what the plan leaves open. `confirm(plan, seconds)` may
        refuse or return another plan; `ask` chooses an answer to a question (default: the first); `note` gets at once
        each line of the turn's notes that concerns the plan.

        "Again" makes the last plan once more with new seeds. Raises an AceError before any work where the request
        cannot be carried out, and Act where it asks to save or show a picture, or for an answer. Ctrl-C leaves the
        conversation as it was, with the turn marked stopped.
        """
        request = clean_request(request)
        inputs = hand_over(images)
        notes: list[str] = []
        try:
            plan = self._planned(request, inputs, mask is not None, ask, notes, progress, note, on)
        except Act as act:
            if act.name == "redo":
                self.redo()
                return turn_of(self.store, self.store.turn(self.memory.tip or 0))
            if act.name != "again":
                raise
            plan = self.memory.last_plan()
            variations = max(variations, act.count)
        plan = overridden(plan, seed, variations, steps, guidance, size, engine)
        if plan.steps and all(map(self.engines.is_expert, plan.steps)):
            given = {"seed": seed, "steps": steps, "guidance": guidance, "size": size}
            if idle := [name for name, value in given.items() if value is not None]:
                notes.append(f"{', '.join(idle)}: no use for exact operations")
        if mask is not None:
            plan = with_mask(plan, mask, inputs)
        return self._carry_out(plan, inputs, request, notes, confirm, progress, files=False, note=note)

    def run(
        self,
        plan: Plan,
        images: Sequence[Handed] = (),
        *,
        request: str = "",
        folder: Path | None = None,
        allow: Iterable[Path] = (),
        mask: MaskInput | None = None,
        confirm: Confirm | None = None,
        progress: ProgressCallback | None = None,
    ) -> Turn:
        """Carry out a plan. Files that it names must lie in `folder` (default: the current one) or `allow`."""
        plan = plan.with_variables()
        inputs = hand_over(images)
        if mask is not None:
            plan = with_mask(plan, mask, inputs)
        check(plan, images=self.memory.image_ids(), inputs=inputs.count)
        add_files(inputs, plan, Path.cwd() if folder is None else folder, allow)
        return self._carry_out(plan, inputs, request or "(a plan)", [], confirm, progress)

    def propose(
        self,
        request: str,
        images: Sequence[Handed] = (),
        *,
        mask: MaskInput | None = None,
        ask: Ask | None = None,
        notes: list[str] | None = None,
    ) -> Plan:
        """The plan of a request; nothing is stored or run. Lines for the user are appended to `notes`."""
        request = clean_request(request)
        inputs = hand_over(images)
        plan = self._planned(request, inputs, mask is not None, ask, [] if notes is None else notes)
        if mask is not None:
            plan = with_mask(plan, mask, inputs)
        check(plan, images=self.memory.image_ids(), inputs=inputs.count, files=False)
        return plan

    def estimate(self, plan: Plan) -> float | None:
        """Seconds that a plan will take, loading included, by what this machine measured; None before the first."""

        def priced(step: Step) -> tuple[str, int]:
            steps = 1 if self.engines.is_expert(step) else step.steps or self._default_steps()
            return self.engines.name_of(step), steps * step.variations

        seconds = self.timing.plan_seconds(map(priced, plan.steps))
        if (
            seconds is not None
            and self._pipeline is None
            and not all(map(self.engines.is_expert, plan.steps))
        ):
            seconds += self.timing.load_seconds(self._model_name())
        return seconds

    def resume(self, turn: int | None = None, *, progress: ProgressCallback | None = None) -> Turn:
        """Go on with a turn at its first step that is not done (default: the newest unfinished one)."""
        rows = self.memory.unfinished_rows() if turn is None else [self.store.turn(turn)]
        if not rows:
            raise InputError("nothing was left unfinished", "ace history shows what was done")
        with self.store.transaction():
            row = self.store.turn(rows[-1].id)  # another process may have taken it up meanwhile
            if row.status == "done":
                raise InputError(f"turn {row.id} is done already")
            if alive(row.owner):
                raise InputError(f"turn {row.id} is still running in process {process_of(row.owner)}")
            self.store.set_status(row.id, "running", owner=owner_now())
        return self._execute(row, self.memory.tip, [], progress)

    def rerun(
        self, recipe: str | Path | dict[str, Any], *, progress: ProgressCallback | None = None
    ) -> Rerun:
        """Make a picture again and compare: a recipe, a PNG with one, or `@3`.

        Raises an AceError where the pictures that it was made from are not stored here.
        """
        wanted: Image.Image | None = None
        if isinstance(recipe, str) and recipe.startswith("@"):
            picture = self.show(recipe)
            if picture.recipe is None:
                raise InputError(f"{recipe} was not made here, so it has no recipe")
            recipe, wanted = picture.recipe, picture.image
        elif not isinstance(recipe, dict):
            path = Path(recipe)
            recipe = read_recipe(path)
            wanted = None if is_lossy(path) else read_picture(path).image  # else what is stored is compared
        made = recipe
        return make_again(
            made, lambda: wanted or self._made_by(made), self._stored, self.engines.named, progress
        )

    def branch(self, name: str, at: str | None = None) -> Agent:
        """Another conversation with the same pictures, standing at `at` (default: here)."""
        tip = self.memory.tip if at is None else self.memory.image_row(at).turn
        branch_conversation(self.store, self.memory.row(), name, tip)
        return Agent(
            self.workspace, model=self.model, conversation=name, planner=self._planner, pipeline=self._pipeline,
            **asdict(self.runtime),
        )  # fmt: skip

    # The conversation

    @property
    def conversation(self) -> str:
        """The conversation's name."""
        return self.memory.name

    @property
    def store(self) -> Store:
        return self.memory.store

    def turns(self, everything: bool = False, limit: int = -1) -> list[Turn]:
        """See `Conversation.turns`."""
        return self.memory.turns(everything, limit)

    def pictures(self) -> list[Picture]:
        """See `Conversation.pictures`."""
        return self.memory.pictures()

    def show(self, reference: str = "@last") -> Picture:
        """See `Conversation.show`."""
        return self.memory.show(reference)

    def before(self, reference: str = "@last") -> Picture | None:
        """See `Conversation.before`."""
        return self.memory.before(reference)

    def compare(self, left: str, right: str = "@last") -> Image.Image:
        """See `Conversation.compare`."""
        return self.memory.compare(left, right)

    def search(self, text: str, limit: int = 20) -> list[Turn]:
        """See `Conversation.search`."""
        return self.memory.search(text, limit)

    def context(
        self,
        handed: tuple[KnownImage, ...] = (),
        mask: bool = False,
        note: Callable[[str], None] = ignore_note,
        vocabulary: frozenset[str] | None = None,
    ) -> Context:
        """See `Conversation.context`."""
        return self.memory.context(handed, mask, note, vocabulary)

    def unfinished(self) -> list[Turn]:
        """See `Conversation.unfinished`."""
        return self.memory.unfinished()

    def undo(self, n: int = 1) -> Picture | None:
        """See `Conversation.undo`."""
        return self.memory.undo(n)

    def redo(self, n: int = 1) -> Picture | None:
        """See `Conversation.redo`."""
        return self.memory.redo(n)

    def goto(self, reference: str) -> Picture:
        """See `Conversation.goto`."""
        return self.memory.goto(reference)

    def attach(self, source: Handed, kind: str = "image") -> Picture:
        """See `Conversation.attach`."""
        return self.memory.attach(source, kind)

    def draw_mask(self, region: Region, on: str = "@last") -> Picture:
        """Store a region as a mask of a picture's size. Raises InputError for words that are not in the picture."""
        found = None if region.words is None else self.engines.find_region(self.show(on).image, region).mask
        return self.memory.draw_mask(region, on, found)

    def export(self, path: Path, *, force: bool = False) -> Path:
        """See `Conversation.export`."""
        return self.memory.export(path, force=force)

    def close(self) -> None:
        self.memory.close()

    def _carry_out(
        self,
        plan: Plan,
        inputs: Inputs,
        request: str,
        notes: list[str],
        confirm: Confirm | None,
        progress: ProgressCallback | None,
        files: bool = True,
        note: Callable[[str], None] | None = None,
    ) -> Turn:
        """Everything that can be refused is refused here, before the turn is stored; then the work."""
        tip = self.memory.tip
        if self.memory.moved_elsewhere:
            notes.append(
                "this conversation went on in another window meanwhile; that is the last picture now"
            )
        check(plan, images=self.memory.image_ids(), inputs=inputs.count, files=files)
        if confirm is not None and plan.steps:
            answer = confirm(plan, self.estimate(plan))
            if answer is False:
                raise Cancelled("nothing was done")
            if isinstance(answer, Plan):
                plan = answer.with_variables()
                check(plan, images=self.memory.image_ids(), inputs=inputs.count, files=files)
                for text in set(plan.files()) - set(inputs.pictures):
                    raise PlanError(
                        f"{text} was not part of the plan", "attach it first, and name it by its id"
                    )
        parent = tip if plan.goto is None else self.memory.turn_of(plan.goto)
        if not plan.steps:
            notes += inputs.unused(plan)
            self.goto(plan.goto or "@last")
            moved = turn_of(self.store, self.store.turn(self.memory.tip or 0))
            return replace(moved, notes=[*moved.notes, *notes])
        known = self.memory.named_images(plan)
        if plan.goto is not None and "@last" in known:
            known["@last"] = self.memory.image_row(plan.goto)
        pictures = {text: Picture(row, self.store).image for text, row in known.items()} | inputs.pictures
        self.engines.check(plan.steps, pictures)
        for doubt in self.engines.doubts(plan.steps, pictures):
            notes.append(doubt)
            if note is not None:
                note(doubt)
        check_known_masks(plan, pictures, self.engines)
        if self.engines.needs_model(plan.steps):
            if progress is not None and self._pipeline is None:
                progress(PlanProgress(1, len(plan.steps), 0.0, None, "loading the model"))
            _ = self.pipeline  # what cannot be loaded is refused before the turn is stored
        notes += [*inputs.notices, *inputs.unused(plan)]
        new = inputs.new_images()
        with self.store.transaction(durable=bool(new)):
            talk = self.memory.row()
            row, images = self.store.begin_turn(talk.id, parent, request, "{}", new, owner_now())
            replaced = {text: f"@{image.number}" for text, image in known.items()}
            replaced |= {text: f"@{i.number}" for text, i in zip(inputs.pictures, images, strict=True)}
            self.store.set_plan(row.id, bind(plan, replaced, self.engines).to_json())
        return self._execute(self.store.turn(row.id), tip, notes, progress)

    def _execute(
        self,
        row: TurnRow,
        tip: int | None,
        notes: list[str],
        progress: ProgressCallback | None,
    ) -> Turn:
        executor = Executor(self.store, self.engines, self.timing)
        try:
            notes += executor.run(row, progress)
            moved = self.store.finish_turn(row.id, executor.cost(row), _lines(notes))
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            reason = error.message if isinstance(error, AceError) else type(error).__name__
            with suppress(StoreRefused), self.store.transaction():
                if self.store.turn(row.id).owner == owner_now():  # else another process has taken it up
                    self.store.set_status(
                        row.id, "stopped" if stopped else "failed", "stopped" if stopped else reason
                    )
            raise
        self.memory.stand_at(row.id)
        if moved != tip:
            notes.append(
                "another window went on meanwhile; its turn is on a branch of its own (ace history --all)"
            )
            self.store.set_status(row.id, "done", _lines(notes))
        return turn_of(self.store, self.store.turn(row.id))

    def preload(self) -> None:
        """Begins to load the planner's model in the background, for a person who is still typing."""
        begin = getattr(self.planner, "preload", None)
        if callable(begin):
            begin()

    @property
    def planner(self) -> Planner:
        """The planner, made now if only its name was given."""
        if isinstance(self._planner, str):
            from ace_agent.planner.factory import make_planner

            self._planner = make_planner(self._planner)
        return self._planner

    def _planned(
        self,
        request: str,
        inputs: Inputs,
        mask: bool,
        ask: Ask | None,
        notes: list[str],
        progress: ProgressCallback | None = None,
        note: Callable[[str], None] | None = None,
        on: Sequence[str] | None = None,
    ) -> Plan:
        def tell(line: str) -> None:
            if line not in notes:  # a planner that tries twice says it twice
                notes.append(line)
                if note is not None:
                    note(line)

        photographs = [name for name, image in inputs.pictures.items() if looks_like_a_photograph(image)]
        inputs.seen = {name: self.engines.seen_in(inputs.pictures[name]) for name in photographs}
        context = self.context(handed_pictures(inputs), mask, tell)
        known = self.show(context.newest) if context.newest is not None else None
        if not photographs and (known is None or not self.engines.is_photograph(known)):
            # Experts edit a photograph, and they know other words than ace-mini.
            context = replace(context, vocabulary=known_nouns(self._model_name()))
        if progress is not None:
            context = replace(
                context, progress=lambda message, share: progress(PlanProgress(1, 1, share, None, message))
            )
        try:
            if on is None:
                return self.planner.plan(request, context)
            return plan_on(self.planner, request, context, on)
        except Question as question:
            if ask is None:
                tell(f"{question.question} Took {question.choices[0].label!r}.")
                return question.choices[0].plan
            return question.choices[ask(question)].plan

    @property
    def pipeline(self) -> Pipeline:
        """The model, loaded now if it was not yet."""
        if self._pipeline is None:
            began = time.perf_counter()
            self._pipeline = load_pipeline(self.model, self.runtime)
            self.timing.record_load(self._pipeline.name, time.perf_counter() - began)
        return self._pipeline

    def _model_name(self) -> str:
        return self._pipeline.name if self._pipeline is not None else Path(self.model).name

    def _default_steps(self) -> int:
        if self._pipeline is not None:
            return self._pipeline.default_steps
        return PRESETS.get(self._model_name(), PRESETS[MINI]).steps

    def _stored(self, digest: str) -> Image.Image:
        return read_picture(self.store.blob(digest)).image

    def _made_by(self, recipe: dict[str, Any]) -> Image.Image:
        for picture in reversed(self.pictures()):
            if not picture.forgotten and picture.recipe == recipe:
                return picture.image
        raise InputError("no picture of this conversation has that recipe", "give the PNG instead")


def _lines(notes: Iterable[str]) -> str:
    """Notes as they are stored, a line each: a file name in one may hold line breaks."""
    return "\n".join(" ".join(note.split()) for note in notes)
