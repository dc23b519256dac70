"""The experts by name. None is imported before it is asked for."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

from ace_agent.errors import InputError

if TYPE_CHECKING:
    from ace_agent.engines.experts.expert import Expert

_HOMES = {
    "exact": "ace_agent.engines.experts.exact:ExactOperations",
    "photo-edits": "ace_agent.engines.experts.local:PhotoEdits",
    "writing": "ace_agent.engines.experts.writing:Writing",
    "layers": "ace_agent.engines.experts.layers:Layers",
    "looks": "ace_agent.engines.experts.looks:Looks",
    "analysis": "ace_agent.engines.experts.analysis:Analysis",
}
"""Where each expert lives; the first that can do a call is asked first."""


def expert_names() -> tuple[str, ...]:
    """Every expert, in the order in which they are asked."""
    return tuple(_HOMES)


@cache
def expert(name: str) -> Expert:
    """The expert of that name. Raises InputError with the names that there are."""
    if name not in _HOMES:
        raise InputError(f"there is no engine {name!r}", f"there are {', '.join(_HOMES)}, and the models")
    module, _, attribute = _HOMES[name].partition(":")
    made: Expert = getattr(importlib.import_module(module), attribute)()
    return made
