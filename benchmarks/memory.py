"""The conversation store at 100,000 turns: history, append and search, in milliseconds.

    python benchmarks/memory.py [--turns 100000]

Targets: history 5 ms, append of a turn without its image 5 ms, search 50 ms, each at the 95th percentile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ace_memory import Store

WORDS = (
    "red",
    "blue",
    "fox",
    "car",
    "tent",
    "boat",
    "night",
    "snow",
    "beach",
    "castle",
    "tree",
    "marble",
    "hat",
)
BUDGET = 1024


def request(index: int) -> str:
    """Five words and a number, so that some searches match every turn and others one."""
    return " ".join(WORDS[(index * step) % len(WORDS)] for step in (1, 3, 5, 7, 11)) + f" n{index}"


def fill(store: Store, conversation: int, turns: int) -> None:
    """One long line of finished turns of one step each, written in one transaction."""
    with store.transaction():
        parent = None
        for index in range(turns):
            turn, _ = store.begin_turn(conversation, parent, request(index), "{}")
            store.execute(
                "INSERT INTO steps(turn, position, task, instruction, recipe, created)"
                " VALUES (?, 0, ?, ?, '{}', 0)",
                turn.id, "edit_scene", request(index).title(),
            )  # fmt: skip
            store.finish_turn(turn.id, 64)
            parent = turn.id


def append(store: Store, conversation: int, index: int) -> None:
    """What one turn costs the store but for its picture's bytes: begin, one step, finish; three commits."""
    tip = store.conversation(conversation).tip
    turn, _ = store.begin_turn(conversation, tip, request(index), "{}")
    store.add_step(turn.id, 0, "edit_scene", request(index), "{}", [], [])
    store.finish_turn(turn.id, 64)


def timed(repeats: int, call: Callable[[int], object]) -> dict[str, float]:
    """Milliseconds: median and 95th percentile."""
    taken = []
    for index in range(repeats):
        start = time.perf_counter()
        call(index)
        taken.append(1000 * (time.perf_counter() - start))
    return {
        "median_ms": round(statistics.median(taken), 3),
        "p95_ms": round(sorted(taken)[int(0.95 * repeats)], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=100_000)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "memory.db") as store:
        talk = store.create_conversation().id
        start = time.perf_counter()
        fill(store, talk, turns)
        figures: dict[str, object] = {"turns": turns, "fill_s": round(time.perf_counter() - start, 1)}
        start = time.perf_counter()
        store.history(store.conversation(talk).tip, BUDGET)
        figures["first history of a path never asked for, ms"] = round(
            1000 * (time.perf_counter() - start), 1
        )

        def turn_and_history(index: int) -> None:
            append(store, talk, turns + index)
            store.history(store.conversation(talk).tip, BUDGET)

        figures["history"] = timed(200, lambda _: store.history(store.conversation(talk).tip, BUDGET))
        figures["append"] = timed(200, lambda index: append(store, talk, turns + index))
        figures["append and history"] = timed(200, turn_and_history)
        figures["undo"] = timed(100, lambda _: store.undo(talk))
        figures["search, every turn matches"] = timed(50, lambda _: store.search("fox", conversation=talk))
        figures["search, one turn matches"] = timed(
            50, lambda index: store.search(f"n{index * 97 % turns} fox")
        )
        figures["search, no turn matches"] = timed(50, lambda _: store.search("fox zeppelin"))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
