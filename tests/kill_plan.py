"""Kill a running plan at random moments and check every invariant after each: ``python -m tests.kill_plan
50``.

A child process, forked so that it starts at once, carries out a plan of several steps (or goes on with the
one that the last kill left). The parent kills it with SIGKILL after a random time. A first run without kills
says what every picture must be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

from ace_agent.agent import Agent
from ace_memory import Store
from ace_memory.housekeeping import check
from tests.tiny import TinyPipeline, photo, plan, step

PLAN = plan(
    {"task": "text_to_image", "instruction": "a fox", "seed": 1, "variations": 2},
    step("edit_color", "input", seed=2, mask={"side": "left"}),
    step("edit_scene", "$1.2", seed=3),
    step("fuse_layers", "$2", "$3", seed=4),
)
PICTURES = 7
"""What one run of the plan stores: the photograph, five results and a drawn mask."""
SECONDS_PER_STEP = 0.002


def work(workspace: Path) -> None:
    """Go on with what was left, else carry out the plan once more."""
    agent = Agent(workspace, conversation="talk", pipeline=TinyPipeline(SECONDS_PER_STEP))
    if agent.unfinished():
        agent.resume()
    else:
        agent.run(PLAN, [photo()], request="the plan")


def pictures(store: Store) -> dict[int, str]:
    """SHA-256 by number."""
    talks = [row for row in store.conversations() if row.name == "talk"]
    return {row.number: str(row.sha256) for talk in talks for row in store.images(talk.id)}


def problems(workspace: Path, wanted: dict[int, str], before: dict[int, str]) -> list[str]:
    """What is wrong after a kill: damage, a picture lost or not the one it must be, a tip at an unfinished
    turn."""
    if not (workspace / "memory.db").exists():
        return ["the store is gone"] if before else []
    with Store(workspace / "memory.db") as store:
        found = check(store)
        now = pictures(store)
        found += [f"@{number} was lost" for number in before.keys() - now.keys()]
        found += [f"@{number} is another picture" for number in now if now[number] != wanted[number]]
        for talk in store.conversations():
            unfinished = store.open_turns(talk.id)
            if len(unfinished) > 1:
                found.append(f"{len(unfinished)} turns are unfinished")
            finished = [turn for turn in store.turns(talk.id) if turn.status == "done"]
            if finished and talk.tip != finished[-1].id:
                found.append("the tip is not the last finished turn")
            found += [f"turn {turn.id} is done with {len(store.steps(turn.id))} steps"
                      for turn in finished if len(store.steps(turn.id)) != len(PLAN.steps)]  # fmt: skip
    return found


def run(folder: Path, kills: int, seed: int = 0) -> dict[str, int]:
    """Kill until `kills` processes were killed while they worked. Raises AssertionError with the first
    problem."""
    draw = random.Random(seed)
    context = multiprocessing.get_context("fork")
    work(folder / "whole")  # imports what the children then need not
    start = time.perf_counter()
    work(folder / "whole")
    seconds = time.perf_counter() - start
    wanted = pictures_of(folder / "whole")
    broken = folder / "broken"
    killed = finished = 0
    before: dict[int, str] = {}
    while killed < kills:
        child = context.Process(target=work, args=(broken,))
        child.start()
        child.join(draw.uniform(0, 1.2 * seconds))
        if child.is_alive():
            child.kill()
            killed += 1
        else:
            finished += 1
        child.join()
        while len(wanted) < len(pictures_of(broken)) + PICTURES:
            work(folder / "whole")
            wanted = pictures_of(folder / "whole")
        found = problems(broken, wanted, before)
        assert not found, f"after kill {killed}: {'; '.join(found)}"
        before = pictures_of(broken)
    work(broken)
    found = problems(broken, wanted, before)
    assert not found, f"at the end: {'; '.join(found)}"
    return {"killed": killed, "finished": finished, "pictures": len(pictures_of(broken))}


def pictures_of(workspace: Path) -> dict[int, str]:
    if not (workspace / "memory.db").exists():
        return {}
    with Store(workspace / "memory.db") as store:
        return pictures(store)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(run(Path(folder), arguments.kills, arguments.seed))


if __name__ == "__main__":
    main()
