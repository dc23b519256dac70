"""Calls queue for the model, and stopping one leaves the conversation whole."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ace_agent.engines.runtime import Runtime
from ace_agent.execution.executor import PlanProgress
from ace_memory.housekeeping import check
from ace_tools.langchain.toolkit import AceToolkit
from ace_tools.sessions import KEPT_OPEN, SessionPool
from ace_tools.worker import StoppedError, Worker, shared_worker
from tests.tiny import TinyPipeline


def numbers(pool: SessionPool, conversation: str = "tools") -> list[int]:
    with pool.session(conversation) as session:
        assert check(session.agent.store) == []
        return [turn.number for turn in session.agent.turns()]


@pytest.mark.asyncio
async def test_eight_calls_at_once_each_become_a_turn(tools: Any, pool: SessionPool) -> None:
    calls = [tools.acall("create_image", description=f"a red car {n}") for n in range(8)]
    answers = await asyncio.gather(*calls)
    assert [answer.status for answer in answers] == ["success"] * 8
    assert {answer.artifact["images"][0]["id"] for answer in answers} == {f"@{n}" for n in range(1, 9)}
    assert numbers(pool) == list(range(1, 9))
    assert not any("Note" in answer.content for answer in answers), "no call saw another window"


def test_a_hundred_calls_do_not_leak(tools: Any, pool: SessionPool, pipeline: TinyPipeline) -> None:
    def work(count: int) -> None:
        for number in range(count):
            if number % 2:
                tools("show_image", image="@1")
            answer = tools("create_image", description="a red car", seed=number)
            assert answer.status == "success"
            pipeline.calls.clear()

    work(70)  # whatever is made once is made by now
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work(30)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert numbers(pool) == list(range(1, 101))
    assert after - before < 50_000, "bytes; 30 pictures of this size are 92,000 as pixels alone"


@pytest.mark.asyncio
async def test_a_cancelled_call_leaves_the_conversation_at_the_turn_before(workspace: Path) -> None:
    slow = TinyPipeline(seconds_per_step=0.05)
    toolkit = AceToolkit(workspace=workspace, planner="rules", pipeline=slow)
    create, edit = toolkit.get_tools()[:2]
    await create.ainvoke({"description": "a red car"})
    running = asyncio.create_task(edit.ainvoke({"instruction": "make it night", "steps": 1000}))
    waiting = asyncio.create_task(create.ainvoke({"description": "a blue car"}))
    while len(slow.calls) < 2:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "Made" in await asyncio.wait_for(waiting, 30), "the queue goes on at the next denoising step"
    assert numbers(toolkit.pool) == [1, 3]
    with toolkit.pool.session("tools") as session:
        stopped = [turn for turn in session.agent.turns(everything=True) if turn.status != "done"]
        assert [(turn.number, turn.status) for turn in stopped] == [(2, "stopped")]
    toolkit.pool.close()


@pytest.mark.asyncio
async def test_a_call_that_is_cancelled_while_it_waits_stores_nothing(workspace: Path) -> None:
    slow = TinyPipeline(seconds_per_step=0.05)
    toolkit = AceToolkit(workspace=workspace, planner="rules", pipeline=slow)
    create = toolkit.get_tools()[0]
    running = asyncio.create_task(create.ainvoke({"description": "a red car", "steps": 10}))
    waiting = asyncio.create_task(create.ainvoke({"description": "a blue car"}))
    while not slow.calls:
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await running
    with toolkit.pool.session("tools") as session:
        assert [turn.number for turn in session.agent.turns(everything=True)] == [1]
    toolkit.pool.close()


def test_interrupting_the_waiting_thread_stops_the_job() -> None:
    worker = Worker(TinyPipeline)
    ticks: list[int] = []
    entered, left = threading.Event(), threading.Event()

    def job(tick: Any) -> None:
        entered.set()
        try:
            for number in range(10_000):
                tick(PlanProgress(1, 1, 0.0, None, ""))
                ticks.append(number)
                time.sleep(0.005)
        finally:
            left.set()

    queued = worker.start(job)
    assert entered.wait(10)
    queued.stop()
    assert left.wait(10)
    with pytest.raises(StoppedError):
        queued.future.result(10)
    assert len(ticks) < 10_000
    assert worker.run(lambda tick: 7) == 7, "the thread lives on"


def test_a_model_is_loaded_once_and_only_for_a_picture() -> None:
    loads: list[int] = []

    def load() -> Any:
        loads.append(1)
        return TinyPipeline()

    worker = Worker(load)
    assert not loads
    assert (worker.pipeline.name, worker.pipeline.native_size) == ("tiny", 32)
    assert loads == [1]
    with pytest.raises(AttributeError):
        worker.pipeline.no_such_thing  # type: ignore[attr-defined]


def test_toolkits_of_one_model_share_it() -> None:
    one, two = shared_worker("ace-mini", Runtime()), shared_worker("ace-mini", Runtime())
    assert one is two
    assert one is not shared_worker("other", Runtime())


def test_unused_conversations_are_closed(tools: Any, pool: SessionPool) -> None:
    for number in range(KEPT_OPEN + 5):
        tools("list_images", thread=f"t{number}")
    assert len(pool._open) == KEPT_OPEN
    assert tools("list_images", thread="t0").status == "success"
