"""Score a folder that `ace eval --dump` wrote: ``python -m ace_agent.evaluation.score_dump DIR``.

Its outputs may be those of another model.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click
from rich.console import Console

from ace_agent.errors import AceError
from ace_agent.evaluation.benchmark import report_of
from ace_agent.evaluation.dump import read_dump
from ace_agent.evaluation.errors import ReaderMissing
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.report import Report
from ace_agent.evaluation.suites import Suite
from ace_agent.evaluation.tables import show


def score_dump(folder: Path, reader: Reader | None) -> Report:
    """The report of a dumped folder.

    Raises:
        DumpError: the folder cannot be scored.
    """
    records = list(read_dump(folder))
    per_row = Counter(record.row for record in records)
    suite = Suite(tasks=tuple(per_row), per_task=max(per_row.values(), default=0))
    return report_of(
        records, reader, model=str(folder), weights_sha256=None, preset="dump", suite=suite, seconds=0.0
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
def main(folder: Path, as_json: bool) -> None:
    """Score the samples of a dumped folder."""
    try:
        reader: Reader | None = Reader.load()
    except ReaderMissing:
        reader = None
    try:
        report = score_dump(folder, reader)
    except AceError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        show(report, Console())


if __name__ == "__main__":
    main()
