"""Figures against training hours, drawn with Pillow.

The history is JSON Lines, one evaluation a line: ``{"hours": 2.5, "figures": {"edit_color": 0.41, ...}}``;
other keys are ignored. A resumed run appends to the same file.
"""

from __future__ import annotations

import colorsys
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ace_agent.evaluation.errors import EvaluationError

_INK, _GRID, _PAPER = (40, 40, 40), (225, 225, 225), (255, 255, 255)
_LEFT, _TOP, _BOTTOM, _LEGEND, _ENTRY = 56, 24, 40, 190, 14


@dataclass(frozen=True)
class Evaluation:
    """The figures of a training run at one time."""

    hours: float
    figures: Mapping[str, float]


def read_history(path: Path) -> list[Evaluation]:
    """The evaluations in ``path``, by hours.

    Raises:
        EvaluationError: the file cannot be read or a line is not an evaluation.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror or error}") from error
    evaluations = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            figures = {str(name): float(value) for name, value in row["figures"].items() if value is not None}
            evaluations.append(Evaluation(float(row["hours"]), figures))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(f'{path}, line {number}: wanted {{"hours", "figures"}}') from error
    return sorted(evaluations, key=lambda evaluation: evaluation.hours)


def append_history(path: Path, evaluation: Evaluation) -> None:
    """Append an evaluation to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"hours": evaluation.hours, "figures": dict(evaluation.figures)}) + "\n")


def plot_history(
    history: Sequence[Evaluation],
    names: Sequence[str] | None = None,
    *,
    size: tuple[int, int] = (900, 460),
    floor: float = -0.2,
) -> Image.Image:
    """A line per figure over training hours; RGB of ``size``, or taller where the legend needs it.

    Args:
        names: figures to draw, in the legend's order; None: all, by their last value, the best first.
        floor: lower figures are drawn on it, so that one very low figure does not flatten the rest.

    Raises:
        EvaluationError: there is nothing to draw.
    """
    lines = _lines(history, names)
    if not lines:
        raise EvaluationError("Nothing to plot: the history holds no such figures")
    width, height = size[0], max(size[1], _ENTRY * len(lines) + _TOP + _BOTTOM)
    last_hour = max(history[-1].hours, 1e-6)
    values = [value for line in lines.values() for _, value in line]
    low, high = max(floor, min(0.0, *values)), max(1.0, *values)

    canvas = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(12)
    right, bottom = width - _LEGEND, height - _BOTTOM

    def place(hours: float, value: float) -> tuple[float, float]:
        share = (min(max(value, low), high) - low) / (high - low)
        return _LEFT + (right - _LEFT) * hours / last_hour, bottom - (bottom - _TOP) * share

    for tick in range(math.ceil(low * 5), math.floor(high * 5) + 1):
        _, y = place(0, tick / 5)
        draw.line((_LEFT, y, right, y), fill=_INK if tick == 0 else _GRID)
        draw.text((_LEFT - 8, y), f"{tick / 5:.1f}", fill=_INK, font=font, anchor="rm")
    for part in range(5):
        x, _ = place(last_hour * part / 4, low)
        draw.line((x, _TOP, x, bottom), fill=_GRID)
        draw.text((x, bottom + 6), f"{last_hour * part / 4:.3g}", fill=_INK, font=font, anchor="mt")
    draw.text(((_LEFT + right) / 2, height - 6), "training hours", fill=_INK, font=font, anchor="mb")

    for order, (name, line) in enumerate(lines.items()):
        colour = _colour(order)
        points = [place(hours, value) for hours, value in line]
        draw.line(points, fill=colour, width=2)
        for x, y in points:
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)
        y = _TOP + _ENTRY * order
        draw.line((right + 10, y + 6, right + 26, y + 6), fill=colour, width=3)
        draw.text((right + 32, y), f"{name} {line[-1][1]:.2f}", fill=_INK, font=ImageFont.load_default(10))
    return canvas


def _lines(
    history: Sequence[Evaluation], names: Sequence[str] | None
) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for evaluation in history:
        for name, value in evaluation.figures.items():
            if names is None or name in names:
                found.setdefault(name, []).append((evaluation.hours, value))
    order = names if names is not None else sorted(found, key=lambda name: -found[name][-1][1])
    return {name: found[name] for name in order if name in found}


def _colour(order: int) -> tuple[int, int, int]:
    """Distinct hues for any number of lines: steps of the golden angle, three depths in turn."""
    red, green, blue = colorsys.hsv_to_rgb(order * 0.618 % 1.0, 0.75, (0.85, 0.6, 0.4)[order % 3])
    return round(red * 255), round(green * 255), round(blue * 255)
