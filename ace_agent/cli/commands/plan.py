"""`ace plan`: show the plan of a request, check a plan file, or score the planner."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ace_agent.cli.ui import options
from ace_agent.cli.ui.plain_text import say


@click.command("plan")
@click.argument("request", required=False)
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--check",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="List what is wrong with a plan file.",
)
@click.option(
    "--eval",
    "evaluate",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Score the planner on requests with known plans (JSON lines).",
)
@click.option(
    "--dump",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --eval, write every plan as a JSON line.",
)
@click.option("--missed", is_flag=True, help="With --eval, also list the requests that it got wrong.")
@options.allow_path
@click.option("--schema", is_flag=True, help="Print the JSON schema of a plan, for editors.")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the plan as YAML."
)
@click.option("--force", is_flag=True, help="Overwrite the file that -o names.")
@options.planner
@options.conversation
@options.workspace
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    request: str | None,
    pictures: tuple[Path, ...],
    check: Path | None,
    allow: tuple[Path, ...],
    evaluate: Path | None,
    dump: Path | None,
    missed: bool,
    schema: bool,
    output: Path | None,
    force: bool,
    planner: str,
    conversation: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Show the plan of a REQUEST, as a table and as YAML, without running it; check a plan file, or score the planner.

    With --check, the exit status is 1 when something is wrong.
    """
    if sum((request is not None, check is not None, evaluate is not None, schema)) != 1:
        raise click.UsageError("give a request, or --check FILE, or --eval FILE, or --schema")
    if dump is not None and evaluate is None:
        raise click.UsageError("--dump goes with --eval")
    if missed and evaluate is None:
        raise click.UsageError("--missed goes with --eval")
    if schema:
        from ace_agent.plan import plan_schema

        click.echo(json.dumps(plan_schema(), indent=2))
    elif evaluate is not None:
        print_score(evaluate, planner, dump, missed, as_json)
    elif check is not None:
        ctx.exit(check_file(check, allow, as_json))
    elif request is not None:
        propose(request, pictures, output, force, planner, conversation, workspace, as_json)


def print_score(file: Path, planner: str, dump: Path | None, missed: bool, as_json: bool) -> None:
    """Score a planner on a file of requests."""
    from ace_agent.cli.ui.console import output, print_json
    from ace_agent.evaluation.planner.report import missed_lines, report_table, score

    report = score(file, planner, dump=dump)
    if as_json:
        print_json(report.as_dict())
    else:
        output().print(report_table(report))
    for line in missed_lines(report) if missed else ():
        output().print(line, soft_wrap=True)


def check_file(path: Path, allow: tuple[Path, ...], as_json: bool) -> int:
    """Print every problem with its line, and return the exit status."""
    from ace_agent.cli.ui.console import print_json
    from ace_agent.plan.yaml_file import check_text, read_text

    found = check_text(read_text(path), folder=path.parent, allow=allow)
    if as_json:
        print_json([asdict(problem) for problem in found])
    for problem in [] if as_json else found:
        say(f"{path}: {problem}")
    if not found and not as_json:
        say(f"{path}: nothing wrong")
    return 1 if found else 0


def propose(
    request: str,
    pictures: tuple[Path, ...],
    output: Path | None,
    force: bool,
    planner: str,
    conversation: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Print or write the plan of a request, without storing anything."""
    from rich.syntax import Syntax

    from ace_agent.cli.ui import console as consoles
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.plans import asker, plan_table
    from ace_agent.cli.ui.present import print_notes
    from ace_agent.cli.ui.progress import duration
    from ace_agent.errors import InputError
    from ace_agent.plan.yaml_file import PlanFile

    if output is not None and output.exists() and not force:
        raise InputError(f"{output} exists already", hint="choose another name, or --force")
    agent = open_agent(workspace, conversation, planner=planner)
    notes: list[str] = []
    console = consoles.notices()
    plan = agent.propose(request, pictures, ask=asker(console, False), notes=notes)
    print_notes(notes, console)
    document = PlanFile.new(plan)
    if output is not None:
        document.write(output)
    if as_json:
        consoles.print_json(json.loads(plan.to_json()))
        return
    console.print(plan_table(plan))
    consoles.output().print(
        Syntax(document.text().rstrip(), "yaml", background_color="default", word_wrap=True)
    )
    seconds = agent.estimate(plan)
    if seconds is not None:
        console.print(f"about {duration(seconds)}", style="dim")
