"""Plans as YAML, for people: line numbers in errors, comments kept on rewriting."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, NodeEvent

from ace_agent.errors import InputError, PlanError
from ace_agent.files import read_bounded, write_atomic
from ace_agent.plan import Plan, Problem, allowed_file, form_problems, problems

MAX_BYTES = 1_000_000
MAX_DEPTH = 12
MAX_EVENTS = 5_000
"""Parts of a plan's text; twenty steps with every field have 1,500."""


class PlanFile:
    """A plan and the YAML document it came from. `plan` still holds its `${variables}`."""

    def __init__(self, plan: Plan, document: CommentedMap, name: str) -> None:
        self.plan = plan
        self.name = name
        self._document = document

    @classmethod
    def read(cls, path: Path) -> PlanFile:
        """Raises PlanError with the file's name, the line and what is wrong."""
        return cls.parse(read_text(path), str(path))

    @classmethod
    def parse(cls, text: str, name: str = "plan") -> PlanFile:
        plan, document, found = _parse(text)
        if plan is None or document is None:
            raise PlanError(f"{name}: {found[0]}")
        return cls(plan, document, name)

    @classmethod
    def new(cls, plan: Plan) -> PlanFile:
        """A new document for a plan."""
        return cls(plan, _fresh(plan), "plan")

    def update(self, plan: Plan) -> None:
        """Write `plan`'s values into the document; comments on what stays are kept."""
        _merge(self._document, _plain(plan))
        self.plan = plan

    def text(self) -> str:
        stream = io.StringIO()
        _yaml().dump(self._document, stream)
        return stream.getvalue()

    def write(self, path: Path) -> None:
        write_atomic(path, self.text())


def load_plan(path: Path, variables: Mapping[str, object] | None = None) -> Plan:
    """The plan of a file, its variables filled in."""
    return PlanFile.read(path).plan.with_variables(variables)


def check_text(
    text: str, *, inputs: int | None = None, folder: Path | None = None, allow: Sequence[Path] = ()
) -> list[Problem]:
    """Everything that is wrong with a plan's YAML (or JSON, which is YAML too), each with its line.

    With a `folder`, also the files that are named outside it and `allow`.
    """
    plan, document, found = _parse(text)
    if plan is None or document is None:
        return found
    try:
        plan = plan.with_variables()
    except PlanError as error:
        return [Problem((), error.message, error.hint, _line(document, ("vars",)))]
    found = problems(plan, inputs=inputs)
    if folder is not None:
        found += _outside(plan, folder, allow)
    return [Problem(item.path, item.message, item.hint, _line(document, item.path)) for item in found]


def _outside(plan: Plan, folder: Path, allow: Sequence[Path]) -> list[Problem]:
    found = []
    for index, step in enumerate(plan.steps):
        for position, ref in enumerate(step.references):
            if ref.kind == "file":
                try:
                    allowed_file(ref.text, folder, allow)
                except PlanError as error:
                    where = ("images", position) if position < len(step.images) else ("mask",)
                    found.append(Problem(("steps", index, *where), error.message, error.hint))
    return found


def read_text(path: Path) -> str:
    """The text of a plan file; raises PlanError for one that is missing, too large or not text."""
    try:
        return read_bounded(path, MAX_BYTES).decode()
    except InputError as error:
        raise PlanError(error.message, error.hint or "a plan is a short YAML or JSON file") from None
    except FileNotFoundError:
        raise PlanError(f"there is no file {path}") from None
    except UnicodeDecodeError:
        raise PlanError(f"{path} is not a text file", "a plan is YAML or JSON") from None
    except OSError as error:
        raise PlanError(f"{path} cannot be read", error.strerror or "") from None


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 100
    yaml.allow_duplicate_keys = False
    return yaml


def _parse(text: str) -> tuple[Plan | None, CommentedMap | None, list[Problem]]:
    if len(text.encode()) > MAX_BYTES:
        return None, None, [Problem((), f"a plan has at most {MAX_BYTES:,} bytes")]
    try:
        refused = _refused(text)
        if refused is not None:
            return None, None, [refused]
        document = _yaml().load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or str(error).splitlines()[0]
        hint = 'write "@3" in quotes' if message.startswith("found character '@'") else ""
        return None, None, [Problem((), message, hint, line=None if mark is None else mark.line + 1)]
    except (ValueError, IndexError, OverflowError, RecursionError) as error:  # of dates and numbers
        reason = str(error).split(";")[0].split(":")[0][:80]
        return None, None, [Problem((), f"a value cannot be read ({reason})", "put it in quotes, or mend it")]
    if not isinstance(document, CommentedMap):
        return None, None, [Problem((), "a plan is a mapping with version and steps", line=1)]
    try:
        return Plan.model_validate(_unwrapped(document)), document, []
    except ValidationError as error:
        found = [
            Problem(item.path, item.message, item.hint, _line(document, item.path))
            for item in form_problems(error)
        ]
        return None, document, sorted(found, key=lambda item: item.line or 0)


def _refused(text: str) -> Problem | None:
    """Anchors, aliases, tags and deep nesting: a plan never needs them, and bombs are made of them."""
    depth = 0
    for number, event in enumerate(_yaml().parse(text)):
        if number > MAX_EVENTS:
            return Problem((), "a plan has fewer entries than this", line=event.start_mark.line + 1)
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            return Problem((), "a plan holds no anchors and aliases (& and *)", line=line)
        tag = getattr(event, "ctag", None)
        if isinstance(event, NodeEvent) and tag is not None and str(tag) not in ("", "None"):
            return Problem((), f"a plan holds no tags, got {tag}", line=line)
        if type(event).__name__ in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
        elif type(event).__name__ in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1
        if depth > MAX_DEPTH:
            return Problem((), "a plan is not nested this deeply", line=line)
    return None


def _unwrapped(node: Any) -> Any:
    """Plain lists, dicts and scalars; ruamel's carry comments and formatting."""
    if isinstance(node, dict):
        return {str(key): _unwrapped(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_unwrapped(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _line(document: CommentedMap, path: tuple[str | int, ...]) -> int:
    """One-based line of the deepest part of `path` that the document has."""
    node: Any = document
    line = int(document.lc.line)
    for part in path:
        if isinstance(node, CommentedMap) and part in node:
            line = int(node.lc.key(part)[0])
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = int(node.lc.item(part)[0])
        else:
            break
        node = node[part]
    return line + 1


def _plain(plan: Plan) -> dict[str, Any]:
    return {"version": 1} | plan.model_dump(mode="json", exclude_defaults=True)


def _fresh(plan: Plan) -> CommentedMap:
    document = CommentedMap()
    _merge(document, _plain(plan))
    return document


_INLINE = ("images", "size", "box", "ellipse")


def _merge(node: CommentedMap, values: dict[str, Any]) -> None:
    for key in [key for key in node if key not in values]:
        del node[key]
    for key, value in values.items():
        old = node.get(key)
        if _unwrapped(old) == value and key in node:
            continue
        if isinstance(value, dict) and isinstance(old, CommentedMap):
            _merge(old, value)
        elif isinstance(value, list) and isinstance(old, CommentedSeq) and key == "steps":
            _merge_steps(old, value)
        else:
            node[key] = _commented(value, key)


def _merge_steps(old: CommentedSeq, values: list[Any]) -> None:
    while len(old) > len(values):
        old.pop()
    for index, value in enumerate(values):
        if index < len(old) and isinstance(old[index], CommentedMap):
            _merge(old[index], value)
        else:
            old.append(_commented(value, "steps"))


def _commented(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        node = CommentedMap()
        for name, item in value.items():
            node[name] = _commented(item, name)
        if key == "mask":
            node.fa.set_flow_style()
        return node
    if isinstance(value, list):
        sequence = CommentedSeq([_commented(item, "") for item in value])
        if key in _INLINE:
            sequence.fa.set_flow_style()
        return sequence
    return value
