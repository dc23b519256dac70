"""`ace check`, `ace prune` and `ace forget`: upkeep of what is stored."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ace_agent.cli.ui import options
from ace_agent.cli.ui.plain_text import plain, say

if TYPE_CHECKING:
    from ace_memory import Store
    from ace_memory.housekeeping import Removed


def open_store(workspace: Path | None) -> Store:
    """The store of a workspace. Raises InputError where there is none, StoreRefused for what it refuses."""
    from ace_agent.agent import open_store as open_at
    from ace_agent.agent import workspace_folder
    from ace_agent.errors import InputError

    folder = workspace_folder(workspace)
    if not (folder / "memory.db").exists():
        raise InputError(f"nothing is stored in {folder}", hint="--workspace names another folder")
    return open_at(folder)


def removed_words(removed: Removed) -> str:
    """`3 turns, 4 pictures, 1.2 MB`."""
    return f"{removed.turns} turns, {removed.images} pictures, {removed.bytes / 1e6:.1f} MB"


@click.command("check")
@options.workspace
@options.as_json
@click.pass_context
def check(ctx: click.Context, workspace: Path | None, as_json: bool) -> None:
    """Verify that every stored picture and pointer is sound.

    The exit status is 1 when something is wrong.
    """
    from ace_agent.cli.ui.console import print_json
    from ace_agent.workspace import check_picture
    from ace_memory import housekeeping

    with open_store(workspace) as store:
        found = housekeeping.check(store, check_picture)
    if as_json:
        print_json({"problems": found})
    else:
        for line in found or ["all is well"]:
            say(line)
    ctx.exit(1 if found else 0)


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@options.workspace
@options.yes
@options.as_json
def prune(dry_run: bool, workspace: Path | None, yes: bool, as_json: bool) -> None:
    """Remove the turns that no conversation can reach, such as those undone and abandoned."""
    from ace_agent.cli.ui.console import print_json
    from ace_memory import housekeeping

    with open_store(workspace) as store:
        removed = housekeeping.prune(store, dry_run=True)
        if not dry_run and removed.turns:
            require_consent(f"Remove {removed_words(removed)}?", yes)
            removed = housekeeping.prune(store)
    if as_json:
        print_json(asdict(removed) | {"dry_run": dry_run})
    elif removed.turns:
        say(f"{'would remove' if dry_run else 'removed'} {removed_words(removed)}")
    else:
        say("nothing to remove")


@click.command("forget")
@click.argument("what", metavar="CONVERSATION|@ID")
@options.conversation
@options.workspace
@options.yes
@options.as_json
def forget(what: str, conversation: str | None, workspace: Path | None, yes: bool, as_json: bool) -> None:
    """Erase for good a conversation, or one picture with its words.

    Files written elsewhere are not touched.
    """
    from ace_agent.cli.ui.console import print_json
    from ace_agent.errors import InputError
    from ace_memory import housekeeping

    with open_store(workspace) as store:
        if found := re.fullmatch(r"@(\d+)", what):
            owner = store.latest_conversation() if conversation is None else store.conversation(conversation)
            if owner is None:
                raise InputError("there is no conversation yet")
            store.image(owner.id, int(found[1]))
            require_consent(f"Erase {what} of {owner.name} and its words for good?", yes)
            removed = housekeeping.forget_image(store, owner, int(found[1]))
        else:
            owner = store.conversation(what)
            turns, images = store.counts(owner.id)
            require_consent(f"Erase {owner.name}, its {turns} turns and {images} pictures, for good?", yes)
            removed = housekeeping.forget_conversation(store, owner)
    if as_json:
        print_json(asdict(removed))
        return
    say(f"erased {removed_words(removed)}")
    if not removed.complete:
        say("old bytes may remain in the file: close other `ace` programs, then run `ace prune`", err=True)


def require_consent(question: str, yes: bool) -> None:
    """Ask before erasing. Raises InputError for a no, and where nobody can be asked and --yes is missing."""
    from ace_agent.cli.ui.console import interactive
    from ace_agent.errors import InputError

    if yes:
        return
    if not interactive():
        raise InputError(f"this needs your consent: {question}", hint="add --yes")
    if not click.confirm(plain(question), err=True):
        raise InputError("nothing was erased")
