"""The judged requests as a table, as JSON, and as a sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ace_agent.evaluation.photographs.run import ENGINES, Judged
from ace_agent.images.files import read_picture
from ace_agent.reports.contact_sheet import Entry, sheet

if TYPE_CHECKING:
    from rich.table import Table


def table(judged: Sequence[Judged]) -> Table:
    """A row for each request: right or not, by each engine; the product's seconds and who made it."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False)
    for name in ("photograph", "request", *ENGINES, "seconds", "made by"):
        grid.add_column(name, justify="right" if name == "seconds" else "left")
    for group in _by_row(judged):
        own = group["auto"]
        marks = ["right" if group[name].right else "-" for name in ENGINES if name in group]
        grid.add_row(own.row["photo"], own.row["request"], *marks, f"{own.seconds:.1f}", own.made_by[:60])
    totals = [f"{sum(one.right for one in judged if one.engine == name)}" for name in ENGINES]
    count = len(_by_row(judged))
    grid.add_row(
        "", f"right, of {count}", *totals, f"{sum(o.seconds for o in judged if o.engine == 'auto'):.0f}", ""
    )
    return grid


def as_records(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The same for `--json`."""
    return [
        {
            "photo": one.row["photo"],
            "request": one.row["request"],
            "engine": one.engine,
            "right": one.right,
            "made_by": one.made_by,
            "seconds": round(one.seconds, 2),
        }
        for one in judged
    ]


def sheet_of(folder: Path, judged: Sequence[Judged]) -> Image.Image:
    """Before and after of every request that gave a picture."""
    entries = [
        Entry(
            one.row["request"],
            f"{'right' if one.right else 'wrong'}, {one.made_by}",
            [read_picture(folder / one.row["photo"]).image],
            one.image,
            None,
        )
        for one in judged
        if one.engine == "auto" and one.image is not None
    ]
    return sheet("Requests on photographs", entries, columns=4)


def _by_row(judged: Sequence[Judged]) -> list[dict[str, Judged]]:
    groups: dict[tuple[str, str], dict[str, Judged]] = {}
    for one in judged:
        groups.setdefault((one.row["photo"], one.row["request"]), {})[one.engine] = one
    return list(groups.values())
