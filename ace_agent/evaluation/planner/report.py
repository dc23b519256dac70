"""A planner's scores in readable form: what `ace plan --eval` prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.errors import InputError
from ace_agent.evaluation.planner.request_files import load
from ace_agent.evaluation.planner.scoring import Answer, Report, evaluate, write_dump

if TYPE_CHECKING:
    from rich.table import Table


def report_table(report: Report) -> Table:
    """The scores as a table: one row per kind, then the pooled scores."""
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
    """An answer in one line, for the list of missed requests."""
    if answer.refused:
        return f"refused ({said})" if said else "refused"
    rows = [f"{r.task}({' '.join(r.images)}{f' mask {r.mask}' if r.mask else ''})" for r in answer.rows] or [
        f"goto {answer.goto}"
    ]
    return " ".join(rows)


def score(file: Path, planner: str, *, dump: Path | None = None) -> Report:
    """Score the named planner on the requests in a file; write every plan to `dump` if given.

    Raises InputError for a file that cannot be read or written, PlanError and ModelError for the planner.
    """
    from ace_agent.planner.factory import make_planner

    made = make_planner(planner)
    if callable(preload := getattr(made, "preload", None)):
        preload().join()  # keep loading time out of the latencies
    report = evaluate(made, load(file))
    if dump is not None:
        try:
            write_dump(report, dump)
        except OSError as error:
            raise InputError(f"{dump} cannot be written", error.strerror or "") from None
    return report


def missed_lines(report: Report) -> Iterator[str]:
    """Three lines for each request that was not answered exactly: the request, the right answers, the planner's."""
    for outcome in report.missed:
        want = " or ".join(describe(a) for a in outcome.request.answers)
        got = describe(outcome.answer, outcome.said)
        yield f"{outcome.request.kind} {outcome.request.id}: {outcome.request.text!r}"
        yield f"    wanted {want}"
        yield f"    got    {got}"
