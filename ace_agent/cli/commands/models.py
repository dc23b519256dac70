"""`ace models` lists what can run; `ace models convert` converts a released checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from ace_agent.cli.ui import options


@dataclass(frozen=True)
class KnownModel:
    """One model of the list. `side` in pixels; `mend` says how to get it when it is not installed.

    `disk` in bytes once converted; `memory` in bytes for an edit of one picture, by the picture's side in pixels: the
    larger of the text encoder's stage and the picture's, and the picture's alone.
    """

    name: str
    installed: bool
    side: int
    licence: str
    description: str
    mend: str
    disk: int
    memory: dict[int, tuple[int, int]]


def known_models() -> Iterator[KnownModel]:
    """Every model with a name, the embedded one first. Nothing is loaded."""
    from ace_agent.engines.memory_budget import preset_memory
    from ace_agent.engines.presets import PRESETS, is_installed, preset_folder

    for preset in PRESETS.values():
        ships = preset.repository is None
        weights = shipped(preset.name)
        installed = bool(weights) if ships else is_installed(preset.name)
        where = "ships with ace-agent" if ships else str(preset_folder(preset.name))
        mend = (
            "install ace-agent again: its weights are missing"
            if ships
            else f"ace models convert {preset.name} (fetches {preset.download / 1e9:.0f} GB)"
        )
        memory = {side: (need.peak, need.picture) for side, need in preset_memory(preset.name).items()}
        yield KnownModel(
            preset.name,
            installed,
            preset.native_size,
            preset.licence,
            where,
            "" if installed else mend,
            weights if ships else preset.converted,
            memory,
        )


@dataclass(frozen=True)
class KnownExpert:
    """One expert of the list: what it does to any picture, and what it needs."""

    name: str
    installed: bool
    tasks: tuple[str, ...]
    licence: str
    megabytes: float
    mend: str


def known_experts() -> Iterator[KnownExpert]:
    """Every expert, in the order in which they are asked."""
    from ace_agent.engines.experts.registry import expert, expert_names

    for name in expert_names():
        one = expert(name)
        yield KnownExpert(
            name, not one.needs, tuple(sorted(one.tasks)), one.licence, one.megabytes, one.needs
        )


def shipped(name: str) -> int:
    """Bytes of a model's weights in the package; 0 if they are not there."""
    import ace_agent

    folder = Path(ace_agent.__file__).parent / "weights" / name
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def gigabytes(count: int) -> str:
    """`0.05 GB`, `4.4 GB`, `12 GB`."""
    amount = count / 1e9
    return f"{amount:.0f} GB" if amount >= 10 else f"{amount:.1f} GB" if amount >= 0.1 else f"{amount:.2f} GB"


def cost(model: KnownModel) -> str:
    """Licence, disk and memory in one line."""
    facts = [f"licence: {model.licence}", f"{gigabytes(model.disk)} of disk"]
    for side, (peak, picture) in model.memory.items():
        known = f" ({gigabytes(picture)} when the text is known)" if picture < peak else ""
        facts.append(f"{gigabytes(peak)} of memory at {side} px{known}")
    return "; ".join(facts)


def free_here() -> str:
    """The memory and disk that this machine has free."""
    import shutil

    from ace_agent.engines.memory_budget import available_memory
    from ace_agent.engines.presets import existing, models_home

    disk = shutil.disk_usage(existing(models_home())).free
    return f"free here: {gigabytes(available_memory())} of memory, {gigabytes(disk)} of disk"


@click.group("models", invoke_without_command=True)
@options.as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the models and the experts, or convert a model.

    `--model` takes a model's name, or a folder; `--engine` an expert's, too. Without `--engine`, experts do the exact
    operations, and with ace-mini they edit photographs.
    """
    if ctx.invoked_subcommand is not None:
        return
    from rich.table import Table
    from rich.text import Text

    from ace_agent.cli.ui.console import output, print_json

    found, experts = list(known_models()), list(known_experts())
    if as_json:
        print_json([*map(asdict, found), *map(asdict, experts)])
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for model in found:
        mark = Text("ok", "green") if model.installed else Text("--", "yellow")
        where = model.description if model.installed else f"not here: {model.mend}"
        table.add_row(mark, Text(model.name, "bold"), f"{model.side} px", where)
        table.add_row("", "", "", Text(cost(model), "dim"))
    output().print(table)
    output().print()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for one in experts:
        mark = Text("ok", "green") if one.installed else Text("--", "yellow")
        table.add_row(mark, Text(one.name, "bold"), ", ".join(one.tasks))
        size = f"; {one.megabytes:.1f} MB" if one.megabytes else ""
        missing = "" if one.installed else f"; not here: {one.mend}"
        table.add_row("", "", Text(f"licence: {one.licence}{size}{missing}", "dim"))
    output().print(table)
    output().print(free_here())


@command.command("convert")
@click.argument("source", metavar="NAME|FOLDER")
@click.argument("dest", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is there.")
def convert(source: str, dest: Path | None, force: bool) -> None:
    """Convert a released checkpoint, fetched by NAME or read from FOLDER, to safetensors.

    An interrupted conversion continues where it stopped. By default, a named model is put where
    `--model` finds it.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ace_agent.cli.ui.console import notices, output
    from ace_agent.engines.released.convert import convert as convert_checkpoint

    console = notices()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("getting ready", total=None)

        def show(done: int, total: int, file: str) -> None:
            bar.update(task, completed=done, total=total, description=file)

        folder = convert_checkpoint(source, dest, overwrite=force, progress=show)
    output().print(str(folder), soft_wrap=True)
