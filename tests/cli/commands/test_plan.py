"""`ace plan`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ace_agent.plan.yaml_file import PlanFile, load_plan
from tests.cli.conftest import PLAN, Ace, json_of


def test_a_request_is_planned_and_nothing_is_stored(ace: Ace, here: Path) -> None:
    result = ace("plan", "a red car")
    assert PlanFile.parse(result.stdout).plan.steps[0].task == "text_to_image"  # YAML alone: it can be piped
    assert "$1" in result.stderr
    assert "text_to_image" in result.stderr
    ace("plan", "a red car", "-o", "car.yaml")
    assert load_plan(here / "car.yaml").steps[0].task == "text_to_image"
    assert "exists already" in ace("plan", "a red car", "-o", "car.yaml", status=1).stderr
    assert json.loads(ace("conversations", "--json").stdout) == []


def test_the_schema_accepts_a_plan(ace: Ace) -> None:
    schema = json.loads(ace("plan", "--schema").stdout)
    step = {"task": "text_to_image", "instruction": "a car"}
    jsonschema.validate({"version": 1, "steps": [step]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "steps": [step | {"surprise": 1}]}, schema)


def test_a_plan_file_is_checked_with_line_numbers(ace: Ace, here: Path, plan: str) -> None:
    assert "nothing wrong" in ace("plan", "--check", plan).stdout
    (here / "bad.yaml").write_text(PLAN.replace("task: inpaint", "task: inpant").replace("$1", "$7"))
    result = ace("plan", "--check", "bad.yaml", status=1)
    assert "bad.yaml: line 8" in result.stdout and "inpaint" in result.stdout
    assert json.loads(ace("plan", "--check", "bad.yaml", "--json", status=1).stdout)[0]["line"] == 8
    assert "no file" in ace("plan", "--check", "gone.yaml", status=1).stderr
    ace("plan", status=2)


REQUEST = {
    "id": "a",
    "images": ["a dog", "a cat"],
    "request": "delete the cat",
    "kind": "plain",
    "plan": [{"task": "fuse_layers", "images": ["@1", "@2"], "mask": None, "key": ["Fuse"]}],
    "alt": [],
}


def test_a_planner_is_scored(ace: Ace, here: Path) -> None:
    (here / "set.jsonl").write_text(json.dumps(REQUEST) + "\n")
    printed = json_of(ace, "plan", "--eval", "set.jsonl", "--dump", "plans.jsonl")
    assert printed["requests"] == 1
    assert set(printed["pooled"]) == {"task", "reference", "exact", "key", "valid", "p50", "p95"}
    assert (here / "plans.jsonl").exists()
    text = ace("plan", "--eval", "set.jsonl", "--missed").stdout
    assert "'delete the cat'" in text and "wanted fuse_layers(@1 @2)" in text and "got    remove(@2)" in text
    ace("plan", "--missed", "a red car", status=2)
