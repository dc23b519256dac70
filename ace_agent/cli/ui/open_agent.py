"""Opening a conversation for a command."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError

if TYPE_CHECKING:
    from ace_agent.agent import Agent


def open_agent(
    workspace: Path | None,
    conversation: str | None = None,
    *,
    runtime: Runtime | None = None,
    **settings: Any,
) -> Agent:
    """The agent of the named conversation, or of the latest. Loads no model."""
    from ace_agent.agent import Agent

    return Agent(workspace, conversation=conversation, **asdict(runtime or Runtime()), **settings)


def open_existing(workspace: Path | None, conversation: str | None = None) -> Agent:
    """The agent of an existing conversation.

    Raises InputError, listing those that exist, for any other name.
    """
    from ace_agent.agent import conversations, workspace_folder

    names = [row.name for row in conversations(workspace_folder(workspace))]
    if not names:
        raise InputError("there is no conversation yet", hint='start one: ace "a red car in a meadow"')
    if conversation is not None and conversation not in names:
        raise InputError(f"there is no conversation {conversation!r}", hint=f"there is {', '.join(names)}")
    return open_agent(workspace, conversation)
