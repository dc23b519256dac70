"""The planners on the kept-apart set: the table of docs/planner.md.

    python benchmarks/planner.py [--set FILE.jsonl] [--missed both]

The rules, the parser, both together, and a scripted stand-in for a large
hosted model, which answers each request with the first of its right plans, or with the next where that one comes
back as one that cannot run: what is lost between it and 1.0 is lost by
our resolution of its answers, not by a model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ace_agent.evaluation.planner.report import describe
from ace_agent.evaluation.planner.request_files import load
from ace_agent.evaluation.planner.scoring import Report, Request, evaluate
from ace_agent.planner.english.tokens import normalize
from ace_agent.planner.interface import Planner
from ace_agent.planner.llm.chat_model import ChatPlanner
from ace_agent.planner.parser.hybrid import HybridPlanner
from ace_agent.planner.parser.planner import ParserPlanner
from ace_agent.planner.rules.rule_planner import RulePlanner

HELD_OUT = Path(__file__).parent.parent / "tests" / "planner" / "data" / "heldout.jsonl"


class StandIn(BaseChatModel):
    """A chat model that knows the right plans of every request of a set, and gives the next where one comes back."""

    requests: list[Request]

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Takes any tools: it only ever calls the plan's."""
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        asked = str(messages[1].content)
        right = next(
            r.answers[(len(messages) // 2 - 1) % len(r.answers)]
            for r in self.requests
            if asked.endswith(f"Request:\n{normalize(r.text)}")
            and all(json.dumps(c, ensure_ascii=False) in asked for c in r.captions)
        )
        args: dict[str, Any] = {
            "steps": [
                {
                    "task": row.task,
                    "images": list(row.images),
                    "mask": row.mask,
                    "instruction": ", ".join(row.key),
                }
                for row in right.rows
            ],
            "goto": right.moves,
            "refuse": "not a picture request" if right.refused else None,
        }
        call = {"name": "ProposedPlan", "args": args, "id": "1", "type": "tool_call"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content="", tool_calls=[call]))])


def planners(requests: list[Request]) -> Iterator[tuple[str, Planner]]:
    """The planners by name, loaded."""
    yield "rules", RulePlanner()
    parser = ParserPlanner()
    parser.parser.load()
    yield "parser", parser
    yield "both", HybridPlanner(parser)
    yield "stand-in for a hosted model", ChatPlanner(StandIn(requests=requests))


def markdown(name: str, report: Report) -> str:
    """One row of the first table in docs/planner.md."""
    pooled, refusal = report.pooled, report.kinds.get("refusal")
    low, high = pooled.exact.interval
    refused = f"{refusal.exact.value:.2f}" if refusal else "-"
    return (
        f"| {name} | {pooled.exact.value:.3f} ({low:.2f}-{high:.2f}) | {pooled.task.value:.3f} "
        f"| {pooled.reference.value:.3f} | {pooled.key.value:.3f} | {refused} | {pooled.valid.value:.2f} "
        f"| {pooled.p50 * 1000:.0f} ms | {pooled.p95 * 1000:.0f} ms |"
    )


def by_kind(reports: dict[str, Report]) -> Iterator[str]:
    """The rows of the second table: how many are exact, kind by kind, planner by planner."""
    scores = {name: report.kinds for name, report in reports.items()}
    first = next(iter(scores.values()))
    yield f"| kind | n | {' | '.join(scores)} |"
    yield "|---" * (len(scores) + 2) + "|"
    for kind, score in first.items():
        shares = " | ".join(f"{kinds[kind].exact.value:.2f}" for kinds in scores.values())
        yield f"| {kind} | {score.exact.total} | {shares} |"


def main() -> None:
    """Prints both tables and this process's peak memory; with --missed, what each planner missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", type=Path, default=HELD_OUT)
    parser.add_argument("--missed", metavar="PLANNER", help="also list what this planner missed")
    options = parser.parse_args()
    requests = load(options.set)
    reports = {name: evaluate(planner, requests) for name, planner in planners(requests)}
    print("| planner | exact (95 %) | tasks | references | key words | refusals | valid | p50 | p95 |")
    print("|---" * 9 + "|")
    for name, report in reports.items():
        print(markdown(name, report))
    print("", *by_kind(reports), sep="\n")
    print(f"\npeak memory {max(r.peak_bytes for r in reports.values()) / 2**20:.0f} MB")
    for outcome in reports[options.missed].missed if options.missed else ():
        want = " or ".join(describe(a) for a in outcome.request.answers)
        got = describe(outcome.answer, outcome.said)
        print(
            f"{outcome.request.kind} {outcome.request.id}: {outcome.request.text!r}: wanted {want}, got {got}"
        )


if __name__ == "__main__":
    main()
