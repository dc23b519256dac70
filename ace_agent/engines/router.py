"""Which engine does a step: the one that the plan names, an expert for what has an exact answer, else the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ace_agent.engines.experts.registry import expert, expert_names
from ace_agent.engines.interface import Pipeline
from ace_agent.errors import InputError
from ace_agent.plan import Step


class Engines:
    """The engines of one agent. The model is loaded when a step first needs it.

    Args:
        model: loads the model, or gives the one that is loaded.
        model_name: its name, known without loading it.
    """

    def __init__(self, model: Callable[[], Pipeline], model_name: Callable[[], str]) -> None:
        self._model = model
        self._model_name = model_name

    def named(self, name: str) -> Pipeline:
        """The engine that a recipe or a plan names. Raises InputError for one that is neither model nor expert."""
        if name in expert_names():
            return expert(name)
        return self._model()

    def choose(self, step: Step) -> Pipeline:
        """The engine for a step."""
        if step.engine is not None and step.engine != self._model_name():
            return expert(step.engine)
        if step.row.family == "operations":
            return next(one for one in map(expert, expert_names()) if step.task in one.tasks)
        return self._model()

    def check(self, steps: Sequence[Step]) -> None:
        """Raises InputError for an engine that is not there, or that does not do its step's task."""
        for number, step in enumerate(steps, 1):
            if step.engine in (None, self._model_name()):
                continue
            one = expert(step.engine or "")
            if step.task not in one.tasks:
                raise InputError(
                    f"step {number}: {one.name} does not do {step.task}",
                    f"it does {', '.join(sorted(one.tasks))}",
                )

    def needs_model(self, steps: Sequence[Step]) -> bool:
        """Whether any of the steps is done by the model."""
        return any(
            step.row.family != "operations" and step.engine in (None, self._model_name()) for step in steps
        )
