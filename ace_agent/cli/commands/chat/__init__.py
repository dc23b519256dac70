"""`ace chat`: the terminal assistant."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ace_agent.cli.ui import options
from ace_agent.engines.runtime import Runtime


@click.command("chat")
@options.conversation
@click.option("--new", is_flag=True, help="Start a new conversation; with -c, under that name.")
@options.model
@options.runtime
@options.planner
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write every picture here.",
)
@options.workspace
@options.yes
@click.pass_context
def command(
    ctx: click.Context,
    conversation: str | None,
    new: bool,
    model: str,
    runtime: Runtime,
    planner: str,
    output: Path | None,
    workspace: Path | None,
    yes: bool,
) -> None:
    """Talk to the agent in the terminal. /help lists the slash commands.

    From a pipe, every line is a request or a slash command; the exit status is 1 if one failed.
    """
    from ace_agent.cli.commands.chat import slash_commands  # noqa: F401  (fills the registry)
    from ace_agent.cli.commands.chat.prompt import read_lines
    from ace_agent.cli.commands.chat.session import Quit, Session
    from ace_agent.cli.ui import console as consoles
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.plain_text import clip
    from ace_agent.cli.ui.saving import Destination

    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        Destination(output).check()
    agent = open_agent(workspace, conversation, model=model, runtime=runtime, planner=planner, new=new)
    session = Session(
        agent, consoles.output(), consoles.notices(),
        workspace=workspace, model=model, runtime=runtime, planner=planner, yes=yes, output=output,
    )  # fmt: skip
    if sys.stdin.isatty():
        session.print_line(f"{agent.conversation}, {model}. /help lists the commands, /quit leaves.")
        for turn in agent.unfinished()[-1:]:
            session.print_line(f"{clip(turn.request, 60)!r} was not finished: /resume continues it.")
        agent.preload()
    ok = True
    try:
        for line in read_lines(session, agent.workspace / "chat-history"):
            try:
                ok &= session.run_line(line)
            except (KeyboardInterrupt, click.Abort):  # click's is Ctrl-C at a question
                if not sys.stdin.isatty():
                    raise
                session.notices.print("stopped; the conversation is as it was", style="red")
    except Quit:
        pass
    ctx.exit(0 if ok or sys.stdin.isatty() else 1)
