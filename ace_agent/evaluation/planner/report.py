"""A planner's figures for people: what `ace plan --eval` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.errors import InputError
from ace_agent.evaluation.planner.scoring import Answer, Report, evaluate, load, write_dump

if TYPE_CHECKING:
    from rich.table import Table


def report_table(report: Report) -> Table:
    """The figures as a table: a row a kind, then the pool."""
    from rich import box
    from rich.table import Table

    title = f"{report.planner}, {len(report.outcomes)} requests (pooled without refusals; p50, p95 in ms)"
    table = Table(title=title, box=box.SIMPLE, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("kind", "n", "exact", "95 %", "task", "ref", "key", "valid", "p50", "p95"):
        table.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    for name, score in (*report.kinds.items(), ("pooled", report.pooled)):
        low, high = score.exact.interval
        table.add_row(
            name,
            str(score.exact.total),
            f"{score.exact.value:.3f}",
            f"{low:.2f}-{high:.2f}",
            *(f"{s.value:.2f}" for s in (score.task, score.reference, score.key, score.valid)),
            f"{score.p50 * 1000:.0f}",
            f"{score.p95 * 1000:.0f}",
        )
    return table


def describe(answer: Answer, said: str = "") -> str:
    """An answer in one line, for lists of what was missed."""
    if answer.refused:
        return f"refused ({said})" if said else "refused"
    rows = [f"{r.task}({' '.join(r.images)}{f' mask {r.mask}' if r.mask else ''})" for r in answer.rows] or [
        f"goto {answer.goto}"
    ]
    return " ".join(rows)


def score(
    file: Path, planner: str, *, as_json: bool = False, dump: Path | None = None, missed: bool = False
) -> None:
    """Scores a planner on a file and prints its figures: what ``ace plan --eval`` does.

    Args:
        file: requests with their right plans.
        planner: a planner's name.
        as_json: print JSON instead of a table.
        dump: also write every plan to this file.
        missed: also list what was not exactly right.

    Raises InputError for a file that cannot be read or written, PlanError and ModelError for the planner.
    """
    from rich.console import Console

    from ace_agent.planner.factory import make_planner

    made = make_planner(planner)
    if callable(loading := getattr(made, "preload", None)):
        loading().join()  # latencies are those of a loaded planner
    report = evaluate(made, load(file))
    if dump is not None:
        try:
            write_dump(report, dump)
        except OSError as error:
            raise InputError(f"{dump} cannot be written", error.strerror or "") from None
    console = Console()
    if as_json:
        console.print_json(data=report.as_dict())
    else:
        console.print(report_table(report))
    for outcome in report.missed if missed else ():
        want = " or ".join(describe(a) for a in outcome.request.answers)
        got = describe(outcome.answer, outcome.said)
        head = f"{outcome.request.kind} {outcome.request.id}: {outcome.request.text!r}"
        console.print(
            f"{head}\n    wanted {want}\n    got    {got}", markup=False, highlight=False, soft_wrap=True
        )
