"""The plot of figures against training hours."""

from pathlib import Path

import numpy as np
import pytest

from ace_agent.evaluation.curves import Evaluation, append_history, plot_history, read_history
from ace_agent.evaluation.errors import EvaluationError


def test_history_round_trips_in_order_of_hours(tmp_path: Path) -> None:
    path = tmp_path / "run" / "history.jsonl"
    append_history(path, Evaluation(2.0, {"add": 0.4}))
    append_history(path, Evaluation(1.0, {"add": 0.1, "remove": -3.0}))
    assert [evaluation.hours for evaluation in read_history(path)] == [1.0, 2.0]
    assert read_history(path)[1].figures == {"add": 0.4}


def test_an_invalid_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"hours": 1, "figures": {}}\n{"hours": 2}\n')
    with pytest.raises(EvaluationError, match="line 2"):
        read_history(path)
    with pytest.raises(EvaluationError, match="absent"):
        read_history(tmp_path / "absent")


def test_a_rising_figure_rises() -> None:
    """The line starts low on the left and ends high on the right; a very low figure stays on the canvas."""
    history = [Evaluation(float(h), {"add": h / 4, "bad": -9.0}) for h in range(5)]
    plot = np.asarray(plot_history(history, ["add"])).astype(int)
    coloured = np.argwhere((plot.max(-1) - plot.min(-1) > 60)[:, :700])
    left, right = coloured[coloured[:, 1].argmin()], coloured[coloured[:, 1].argmax()]
    assert left[0] > right[0] + 200
    assert plot_history(history).size == (900, 460)
    with pytest.raises(EvaluationError, match="Nothing to plot"):
        plot_history(history, ["absent"])


def test_a_long_legend_makes_the_plot_taller() -> None:
    """The model card has over fifty rows: their names overlapped."""
    few, many = (
        plot_history([Evaluation(1.0, {f"row {n}": 0.5 for n in range(count)})]) for count in (3, 60)
    )
    assert few.size == (900, 460) and many.width == 900 and many.height >= 60 * 12
