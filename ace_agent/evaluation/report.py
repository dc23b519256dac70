"""The figures of a benchmark: rows per task and per family, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ace_agent.evaluation.agreement import Agreement
from ace_agent.evaluation.baselines import NAMES
from ace_agent.evaluation.grading import Grade, Measure, figure, standard_error, trivial_figure
from ace_agent.plan.tasks import FAMILIES


@dataclass(frozen=True)
class Result:
    """One graded sample.

    Args:
        row: its row in the report: its task, or a finer name such as "chain: undo".
        agreement: the reader's checks of the output; None where it is not used.
        ceiling: its checks of the target itself, that is, its accuracy on this sample.
        chance: its checks of another sample's target.
    """

    row: str
    family: str
    task: str
    seed: int
    instruction: str
    grade: Grade
    agreement: Agreement | None = None
    ceiling: Agreement | None = None
    chance: Agreement | None = None


@dataclass(frozen=True)
class Row:
    """The figures of a task under one measure; a task with two measures has two rows.

    Args:
        figure: 1 is best; a score, F1, mIoU, or the share of samples that agree with their request.
        error: jackknife standard error of ``figure``.
        trivial: the same figure for the trivial answers; None where it has no meaning.
        keep: mean PSNR outside the region, dB.
        reader: for the measure "reader", the same figure for the right answers themselves.
        chance: likewise for the right answers to other samples.
        checks: for the measure "reader", the share passed by kind of check, as
            (output, right answer, another's right answer, how many).
    """

    name: str
    family: str
    samples: int
    measure: Measure
    figure: float
    error: float | None
    trivial: dict[str, float | None]
    keep: float | None
    reader: float | None = None
    chance: float | None = None
    checks: dict[str, tuple[float, float, float, int]] = field(default_factory=dict)


def rows(results: Iterable[Result]) -> list[Row]:
    """One row per task and measure, families in the catalogue's order, chains after them."""
    groups: dict[tuple[str, str, Measure], list[Result]] = {}
    for result in results:
        groups.setdefault((result.family, result.row, result.grade.measure), []).append(result)
    order = list(FAMILIES)
    found = [_row(name, family, measure, group) for (family, name, measure), group in groups.items()]
    return sorted(found, key=lambda row: order.index(row.family) if row.family in order else len(order))


def _row(name: str, family: str, measure: Measure, group: Sequence[Result]) -> Row:
    keeps = [result.grade.keep for result in group if result.grade.keep is not None]
    keep = sum(keeps) / len(keeps) if keeps else None
    if measure == "reader":
        agreed, ceiling, chance = (
            [one.agrees for result in group if (one := getattr(result, part)) is not None]
            for part in ("agreement", "ceiling", "chance")
        )
        share = _mean(agreed)
        spread = (share * (1 - share) / len(agreed)) ** 0.5 if len(agreed) > 1 else None
        inputs = [value for result in group if (value := result.grade.trivial.get("input")) is not None]
        trivial: dict[str, float | None] = {"input": _mean(inputs) if inputs else None}
        read = (_mean(ceiling), _mean(chance), _checks(group))
        return Row(name, family, len(group), measure, share, spread, trivial, keep, *read)
    grades = [result.grade for result in group]
    trivial = {baseline: trivial_figure(grades, baseline) for baseline in (*NAMES, "matrix")}
    if measure != "score":
        del trivial["matrix"]
    return Row(name, family, len(group), measure, figure(grades), standard_error(grades), trivial, keep)


def _checks(group: Sequence[Result]) -> dict[str, tuple[float, float, float, int]]:
    passed: dict[str, list[tuple[bool, bool, bool]]] = {}
    for result in group:
        if result.agreement is None or result.ceiling is None or result.chance is None:
            continue
        for kind, answers in result.agreement.by_kind().items():
            others = (result.ceiling.by_kind()[kind], result.chance.by_kind()[kind])
            passed.setdefault(kind, []).extend(zip(answers, *others, strict=True))
    return {
        kind: (
            _mean(a for a, _, _ in all_),
            _mean(b for _, b, _ in all_),
            _mean(c for _, _, c in all_),
            len(all_),
        )
        for kind, all_ in passed.items()
    }


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else float("nan")


@dataclass(frozen=True)
class Summary:
    """The figures that have bars; None where no sample contributes."""

    analysis_miou: float | None
    analysis_f1: float | None
    analysis_score: float | None
    edits: float | None
    edits_below: list[str]
    keep: float | None
    object_found: float | None
    object_color: float | None
    left_right: float | None
    both_found: float | None
    agreement: float | None
    chains: float | None


def beaten(rows: Iterable[Row]) -> tuple[int, int, int]:
    """The numbers of rows better than every trivial answer, of rows better than doing nothing, and of all rows."""
    graded = [row for row in rows if row.measure != "reader"]
    every = nothing = 0
    for row in graded:
        trivial = [value for name in NAMES if (value := row.trivial.get(name)) is not None]
        still = row.trivial.get("input")
        every += bool(trivial) and row.figure > max(trivial)
        nothing += still is not None and row.figure > still
    return every, nothing, len(graded)


BARS: dict[str, tuple[str, float]] = {
    "analysis_miou": ("analysis: mIoU of segmentation", 0.70),
    "analysis_f1": ("analysis: F1 of lines and poses", 0.60),
    "analysis_score": ("analysis: score of the others", 0.60),
    "edits": ("edits with an exact target: macro mean of scores", 0.50),
    "keep": ("keep: mean PSNR outside the region, dB", 32.0),
    "object_found": ("text_to_image: an object named is found", 0.80),
    "object_color": ("text_to_image: its colour", 0.85),
    "left_right": ("text_to_image: left and right", 0.80),
    "both_found": ("text_to_image: two objects both found", 0.55),
    "agreement": ("inverses, inpainting, references agree with the request", 0.65),
    "chains": ("chains that need history: right with it", 0.60),
}
"""Label and bar of each figure of a summary."""

HISTORY_BAR = ("chains that need history: times as often right as with the earlier turns hidden", 2.0)
UNSEEN_GIVEN = "unseen object, with its picture"
"""The row of the preset `ood` that has a bar of its own."""
UNSEEN_BAR = ("text_to_image: an object never trained is found, given its picture", 0.50)

LEAST_EDIT = 0.2
EDIT_FAMILIES = ("semantic", "element", "layer", "repainting", "reference", "control")
CHAINS = "chains"
PLAIN_CHAIN = "chain"
"""The kind of chain that can be answered without its earlier turns."""


def summarize(found: Sequence[Row]) -> Summary:
    """The figures of `BARS` from the rows of a benchmark."""

    def mean(chosen: Iterable[Row]) -> float | None:
        figures = [row.figure for row in chosen]
        return _mean(figures) if figures else None

    analysis = [row for row in found if row.family == "analysis"]
    edits = [row for row in found if row.family in EDIT_FAMILIES and row.measure == "score"]
    kept = [row.keep for row in found if row.keep is not None]
    checks = next((row.checks for row in found if row.name == "text_to_image" and row.checks), {})
    chains = [
        row for row in found if row.family == CHAINS and row.measure == "reader" and row.name != PLAIN_CHAIN
    ]
    read = [row for row in found if row.measure == "reader" and row.family in EDIT_FAMILIES]

    def check(kind: str) -> float | None:
        return checks[kind][0] if kind in checks else None

    return Summary(
        analysis_miou=mean(row for row in analysis if row.measure == "miou"),
        analysis_f1=mean(row for row in analysis if row.measure == "f1"),
        analysis_score=mean(row for row in analysis if row.measure == "score"),
        edits=mean(edits),
        edits_below=[row.name for row in edits if row.figure < LEAST_EDIT],
        keep=_mean(kept) if kept else None,
        object_found=check("object"),
        object_color=check("color"),
        left_right=check("side"),
        both_found=check("both"),
        agreement=mean(read),
        chains=mean(chains),
    )


@dataclass(frozen=True)
class FamilyMean:
    """Mean figure of a family's rows of one measure."""

    family: str
    measure: Measure
    mean: float
    tasks: int


def family_means(found: Sequence[Row]) -> list[FamilyMean]:
    """The mean of every family and measure, in the rows' order."""
    groups: dict[tuple[str, Measure], list[float]] = {}
    for row in found:
        groups.setdefault((row.family, row.measure), []).append(row.figure)
    return [FamilyMean(*key, _mean(figures), len(figures)) for key, figures in groups.items()]


@dataclass(frozen=True)
class Report:
    """The results of one evaluation.

    Args:
        split: the split of seeds, wordings and object pairs.
        seconds: per sample, drawing and grading included.
        history: whether the model got the earlier turns.
        reader: the scene reader's accuracy, as stored with its weights; None if it was not used.
        notes: what could not be measured, a line each.
    """

    model: str
    weights_sha256: str | None
    preset: str
    split: str
    seed: int
    per_task: int
    seconds: float
    rows: list[Row]
    history: bool = True
    reader: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def summary(self) -> Summary:
        return summarize(self.rows)

    @property
    def families(self) -> list[FamilyMean]:
        return family_means(self.rows)

    def figures(self) -> dict[str, float]:
        """The figures by row, for the history of a training run."""
        return {
            row.name if row.measure != "reader" else f"{row.name} (reader)": row.figure for row in self.rows
        }

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to six digits so that two runs can be compared as text."""
        families = [asdict(one) for one in self.families]
        return _rounded({**asdict(self), "families": families, "summary": asdict(self.summary)})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) if value == value else None
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
