"""From what the parser wrote to plans, and the loop that lets it write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ace_agent.planner.parser.plan_tokens import IDS, SIZE, Writer, WrittenStep

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ace_agent.planner.parser.encoding import Encoded

MOST_WRITTEN = 96

Scores = Callable[[Sequence[int]], "npt.NDArray[np.float32]"]
"""The scores of every token and position, given the tokens written so far, `begin` first."""


def write_greedily(scores: Scores, encoded: Encoded) -> tuple[list[WrittenStep], float]:
    """Take the likeliest allowed token until the plan ends.

    Returns:
        The steps, and the lowest probability of a token among those that decide tasks and pictures.
    """
    import numpy as np

    writer = Writer(list(encoded.pictures.values()), encoded.masks, encoded.words, encoded.masked)
    tokens, surest = [IDS["begin"]], 1.0
    while not writer.ended and len(tokens) < MOST_WRITTEN:
        allowed = writer.allowed()
        if not allowed:
            break
        row = scores(tokens)[allowed]
        at = int(row.argmax())
        token = allowed[at]
        if not (token >= SIZE and encoded.words[0] <= token - SIZE <= encoded.words[1]):
            weights = np.exp(row - row.max())
            surest = min(surest, float(weights[at] / weights.sum()))
        writer.take(token)
        tokens.append(token)
    return writer.steps, surest
