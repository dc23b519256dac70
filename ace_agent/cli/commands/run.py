"""`ace run`: run a plan file, over one picture or many."""

from __future__ import annotations

import glob
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ace_agent.cli.ui import options
from ace_agent.engines.runtime import Runtime

if TYPE_CHECKING:
    from ace_agent.batch import FileReport
    from ace_agent.plan import Plan


def parse_variables(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """`--var sky=stormy`."""
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.BadParameter(f"{name!r} is not NAME=VALUE", ctx, param)
    return {name: value for name, _, value in pairs}


@click.command("run")
@click.argument(
    "plan_file", metavar="[PLAN]", required=False, type=click.Path(dir_okay=False, path_type=Path)
)
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    callback=parse_variables,
    help="Set a variable of the plan.",
)
@click.option(
    "--each", "patterns", multiple=True, metavar="GLOB", help="Run the plan once for each of these pictures."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|FOLDER",
    type=click.Path(path_type=Path),
    help="Where the results go; with --each, a folder.",
)
@click.option(
    "--name",
    "template",
    default="{stem}.png",
    show_default=True,
    metavar="TEMPLATE",
    help="With --each: {stem}, {index}, {variation}.",
)
@click.option("--resume", is_flag=True, help="Continue where it stopped.")
@click.option(
    "--retries",
    type=click.IntRange(0, 10),
    default=1,
    show_default=True,
    metavar="N",
    help="With --each: retries after a failure.",
)
@click.option("--force", is_flag=True, help="Overwrite files.")
@options.allow_path
@click.option("--ray", "use_ray", is_flag=True, help="With --each: spread it over a Ray cluster.")
@options.model
@options.runtime
@options.conversation
@options.workspace
@click.option("--no-metadata", is_flag=True, help="Leave the recipe out of the files.")
@options.yes
@options.as_json
@click.pass_context
def command(ctx: click.Context, /, patterns: tuple[str, ...], **arguments: Any) -> None:
    """Run a plan file, over one picture or many.

    Without --each the plan is a turn of the conversation. With --each it runs once for every picture that
    matches, which it calls `input`; the exit status is 1 if one of them failed.

    `ace run --resume` continues the latest request that was stopped, and needs no PLAN.
    """
    if arguments["plan_file"] is None and (patterns or not arguments["resume"]):
        raise click.UsageError("Missing argument 'PLAN'.")
    if patterns:
        ctx.exit(run_each(patterns, **arguments))
    elif arguments["use_ray"]:
        raise click.UsageError("--ray needs --each")
    else:
        run_once(**arguments)


def read_plan(plan_file: Path, variables: dict[str, str]) -> Plan:
    """The plan with its variables filled in."""
    from ace_agent.plan.yaml_file import load_plan

    return load_plan(plan_file, variables)


def run_once(
    plan_file: Path | None,
    pictures: tuple[Path, ...],
    variables: dict[str, str],
    output: Path | None,
    resume: bool,
    force: bool,
    allow: tuple[Path, ...],
    model: str,
    runtime: Runtime,
    conversation: str | None,
    workspace: Path | None,
    no_metadata: bool,
    yes: bool,
    as_json: bool,
    **_of_each: Any,
) -> None:
    """Run a plan as one turn of a conversation."""
    from ace_agent.cli.ui import console as consoles
    from ace_agent.cli.ui.json_records import turn_record
    from ace_agent.cli.ui.open_agent import open_agent
    from ace_agent.cli.ui.plans import Confirm
    from ace_agent.cli.ui.present import Notes, present
    from ace_agent.cli.ui.progress import progress_bar
    from ace_agent.cli.ui.saving import Destination
    from ace_agent.execution.inputs import file_name

    destination = Destination(output, force, metadata=not no_metadata)
    console = consoles.notices()
    if plan_file is None or resume:
        destination.check()
        agent = open_agent(workspace, conversation, model=model, runtime=runtime)
        with progress_bar(console) as progress:
            turn = agent.resume(progress=progress)
    else:
        plan = read_plan(plan_file, variables)
        destination.check(plan.steps[-1].variations if plan.steps else 1)
        agent = open_agent(workspace, conversation, model=model, runtime=runtime)
        with progress_bar(console) as progress:
            turn = agent.run(
                plan,
                pictures,
                request=f"run {file_name(plan_file)}",
                folder=plan_file.parent,
                allow=allow,
                confirm=Confirm(console, yes, progress),
                progress=progress,
            )
    paths = destination.write(turn.images)
    if as_json:
        consoles.print_json({"conversation": agent.conversation, **turn_record(turn, paths)})
    else:
        present(turn, paths, consoles.output(), Notes(console))


def run_each(
    patterns: tuple[str, ...],
    plan_file: Path,
    variables: dict[str, str],
    output: Path | None,
    template: str,
    resume: bool,
    retries: int,
    force: bool,
    allow: tuple[Path, ...],
    use_ray: bool,
    model: str,
    runtime: Runtime,
    no_metadata: bool,
    as_json: bool,
    **_of_once: Any,
) -> int:
    """Run a plan over many pictures, report on each, and return the exit status."""
    from rich.text import Text

    from ace_agent.batch import map_plan
    from ace_agent.cli.ui import console as consoles
    from ace_agent.errors import InputError

    # Path.glob refuses a pattern that is absolute.
    found = {name for pattern in patterns for name in glob.glob(pattern, recursive=True)}  # noqa: PTH207
    files = sorted(map(Path, found))
    if not files:
        raise InputError(f"no file matches {' '.join(patterns)}", hint="put the pattern in quotes")
    if output is None:
        raise click.UsageError("--each needs a folder for the results: -o FOLDER")
    plan = read_plan(plan_file, variables)
    console = consoles.output()

    def print_report(report: FileReport) -> None:
        if not as_json:
            console.print(Text(f"{report.file}  {report.status}  {report.message}".rstrip()), soft_wrap=True)

    reports = map_plan(
        plan,
        files,
        output,
        template=template,
        folder=plan_file.parent,
        resume=resume,
        retries=retries,
        force=force,
        allow=allow,
        model=model,
        runtime=runtime,
        ray=use_ray,
        metadata=not no_metadata,
        report=print_report,
    )
    if as_json:
        consoles.print_json([asdict(report) | {"file": str(report.file)} for report in reports])
    return 1 if any(report.status == "failed" for report in reports) else 0
