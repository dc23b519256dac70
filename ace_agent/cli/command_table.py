"""The commands by name, each loaded only when it is called."""

from __future__ import annotations

import importlib
import importlib.util
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """Where a command lives, and its line in `ace --help`, which loads none of them."""

    where: str  # "module:attribute"
    help: str
    optional: bool = False  # listed only where its module is installed


COMMANDS: dict[str, Entry] = {
    "branch": Entry("ace_agent.cli.commands.navigate:branch", "Start another conversation from this point."),
    "chat": Entry("ace_agent.cli.commands.chat:command", "Talk to the agent in the terminal."),
    "check": Entry("ace_agent.cli.commands.maintenance:check", "Verify everything that is stored."),
    "completion": Entry(
        "ace_agent.cli.commands.completion:command", "Print the completion script of a shell."
    ),
    "conversations": Entry("ace_agent.cli.commands.conversations:command", "List the conversations."),
    "data": Entry(
        "ace_agent.cli.commands.data:group", "Make training pairs from your own pictures.", optional=True
    ),
    "describe": Entry("ace_agent.cli.commands.describe:command", "Say what is in a picture."),
    "doctor": Entry(
        "ace_agent.cli.commands.doctor:command",
        "Check what is installed, and say how to get what is missing.",
    ),
    "eval": Entry("ace_agent.cli.commands.eval:command", "Measure a model.", optional=True),
    "export": Entry("ace_agent.cli.commands.archive:export", "Write a conversation to one file."),
    "forget": Entry(
        "ace_agent.cli.commands.maintenance:forget", "Erase a conversation or a picture for good."
    ),
    "gallery": Entry("ace_agent.cli.commands.gallery:command", "Write a conversation as one HTML page."),
    "goto": Entry("ace_agent.cli.commands.navigate:goto", "Go back to the turn that made a picture."),
    "history": Entry("ace_agent.cli.commands.history:command", "List the turns of a conversation."),
    "import": Entry("ace_agent.cli.commands.archive:import_", "Read a conversation from a file."),
    "mcp": Entry("ace_tools.mcp.command:command", "Serve the tools over MCP.", optional=True),
    "models": Entry("ace_agent.cli.commands.models:command", "List the models, or convert one."),
    "plan": Entry("ace_agent.cli.commands.plan:command", "Show the plan of a request, or check a plan file."),
    "prune": Entry("ace_agent.cli.commands.maintenance:prune", "Remove what no conversation can reach."),
    "redo": Entry("ace_agent.cli.commands.navigate:redo", "Go forward again after an undo."),
    "rerun": Entry("ace_agent.cli.commands.rerun:command", "Make a picture again from the recipe inside it."),
    "run": Entry("ace_agent.cli.commands.run:command", "Run a plan file, over one picture or many."),
    "search": Entry("ace_agent.cli.commands.search:command", "Find turns by their words."),
    "show": Entry("ace_agent.cli.commands.show:command", "Show a picture, and how it was made."),
    "train": Entry(
        "ace_agent.cli.commands.train:command", "Fine-tune a model on pairs of your own.", optional=True
    ),
    "train-planner": Entry(
        "ace_agent.cli.commands.train_planner:command", "Train the planner.", optional=True
    ),
    "undo": Entry("ace_agent.cli.commands.navigate:undo", "Go back one turn."),
}
REQUEST = Entry("ace_agent.cli.commands.request:command", "")
"""The command that has no name: what `ace` runs when the line names none of the above."""


def load(entry: Entry) -> click.Command:
    """Import the command of an entry."""
    module, _, attribute = entry.where.partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    return command


def is_installed(entry: Entry) -> bool:
    """Whether the module of an entry can be found; it is not run."""
    if not entry.optional:
        return True
    try:
        return importlib.util.find_spec(entry.where.partition(":")[0]) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False
