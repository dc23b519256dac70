"""A conversation as one file: a zip of `conversation.json` and the pictures, `blobs/<sha256>`."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ace_memory.records import ConversationRow
from ace_memory.store import Store

FORMAT = 1
MAX_TEXT = 64 * 2**20
"""Bytes of conversation.json; ten thousand turns take some twenty million."""
MAX_VALUES = 4_000_000
"""Commas and brackets in conversation.json: each may become an object of a hundred bytes."""
MAX_BLOB = 512 * 2**20
GROWTH = 2
"""Pictures are compressed already: together they are at most this many times as large as the file."""
MAX_NUMBER = 10**9
"""Largest number of a picture, and of anything else that is counted."""
LAST_SECOND = 253_402_214_400.0
"""The end of the year 9999 in Unix seconds."""
LONG_TEXTS = {"plan": 4 * 2**20, "recipe": 4 * 2**20, "note": 2**20}
MAX_CHARACTERS = 100_000
"""Of every other text."""
_TABLES = {
    "turns": ("id", "parent", "request", "plan", "status", "note", "created", "tokens"),
    "steps": ("id", "turn", "position", "task", "instruction", "recipe", "created"),
    "images": (
        "id", "number", "kind", "sha256", "width", "height", "step", "variation", "turn", "caption", "source",
        "created",
    ),
    "step_inputs": ("step", "position", "role", "image"),
}  # fmt: skip
_TEXTS = {
    "request",
    "plan",
    "status",
    "note",
    "task",
    "instruction",
    "recipe",
    "kind",
    "role",
    "caption",
    "source",
}
_NULLABLE = {("turns", "parent"), ("images", "step"), ("images", "turn"), ("images", "sha256")}


def accept_any(value: Any) -> None:
    """A check that lets everything pass."""


@dataclass(frozen=True)
class Checks:
    """Checks on an archive's contents, supplied by the caller. Each raises ValueError with a one-line message.

    `picture` gets a file's bytes, width and height in pixels; `plan` and `recipe` get a JSON object.
    """

    picture: Callable[[bytes, int, int], None] = lambda data, width, height: None
    plan: Callable[[dict[str, Any]], None] = accept_any
    recipe: Callable[[dict[str, Any]], None] = accept_any


def export_conversation(store: Store, conversation: ConversationRow, stream: BinaryIO) -> None:
    """Write the whole tree with its pictures and masks, as one consistent snapshot."""
    with store.snapshot(), zipfile.ZipFile(stream, "w") as archive:
        document = _document(store, conversation)
        text = json.dumps(document, ensure_ascii=False, indent=1)
        if len(text.encode()) > MAX_TEXT:
            raise store.error(f"{conversation.name} is too long to export", "export a branch of fewer turns")
        archive.writestr("conversation.json", text, zipfile.ZIP_DEFLATED)
        for digest in sorted({item["sha256"] for item in document["images"] if item["sha256"]}):
            archive.writestr(f"blobs/{digest}", store.blob(digest))


def branch_conversation(
    store: Store, conversation: ConversationRow, name: str, tip: int | None
) -> ConversationRow:
    """Copy a conversation, with the same tree and picture numbers, and set its tip to `tip`. Picture bytes are
    shared, not copied."""
    with store.transaction():
        document = {**_document(store, conversation), "tip": tip, "head": tip, "created": time.time()}
        return _load(store, document, {table: document[table] for table in _TABLES}, name)


def _document(store: Store, conversation: ConversationRow) -> dict[str, Any]:
    """A conversation as plain data."""
    tables = {
        "turns": store.rows("SELECT * FROM turns WHERE conversation = ? ORDER BY id", conversation.id),
        "steps": store.rows(
            "SELECT steps.* FROM steps JOIN turns ON turns.id = turn WHERE conversation = ?"
            " ORDER BY steps.id",
            conversation.id,
        ),
        "images": [asdict(image) for image in store.images(conversation.id)],
        "step_inputs": store.rows(
            "SELECT step_inputs.* FROM step_inputs JOIN images ON images.id = image"
            " WHERE conversation = ? ORDER BY step_inputs.step, role, position",
            conversation.id,
        ),
    }
    row = store.conversation(conversation.id)
    return {
        "format": FORMAT,
        "name": row.name,
        "tip": row.tip,
        "head": row.head,
        "last_number": row.last_number,
        "created": row.created,
        **{name: [{key: item[key] for key in _TABLES[name]} for item in tables[name]] for name in _TABLES},
    }


def import_conversation(
    store: Store, path: Path, name: str | None = None, checks: Checks | None = None
) -> ConversationRow:
    """Import an exported conversation, all or nothing, under its own name (or `name-2` ... if that is taken).

    Checks sizes before reading anything, then every type, range, reference and hash, then runs `checks`.
    Raises StoreError if any check fails.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")
        with zipfile.ZipFile(path) as archive:
            return _take_in(store, archive, name, checks or Checks(), path.stat().st_size)
    except FileNotFoundError:
        raise store.error(f"there is no file {path}") from None
    except OSError as error:
        raise store.error(f"{path} cannot be read: {error.strerror}") from None
    except (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError, TypeError, ValueError,
        OverflowError, RecursionError, sqlite3.IntegrityError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 200 else f"{reason[:199]}…"
        raise store.error(f"{path} is no exported conversation: {reason}", "export it again") from None


def _take_in(
    store: Store, archive: zipfile.ZipFile, name: str | None, checks: Checks, size: int
) -> ConversationRow:
    document = _read_document(archive)
    rows = _checked_rows(document, checks)
    digests = {row["sha256"] for row in rows["images"] if row["sha256"] is not None}
    blobs = [archive.getinfo(f"blobs/{digest}") for digest in sorted(digests)]
    if any(info.file_size > MAX_BLOB for info in blobs) or sum(i.file_size for i in blobs) > GROWTH * size:
        raise ValueError("its pictures are far larger than the file")
    with store.transaction():
        own = document["name"]
        if not isinstance(own, str) or len(own) > MAX_CHARACTERS:
            raise ValueError("its name is no text")
        conversation = _load(store, document, rows, _free_name(store, name, own))
        sizes = {row["sha256"]: (row["width"], row["height"]) for row in rows["images"]}
        for info in blobs:
            digest = info.filename.removeprefix("blobs/")
            data = archive.read(info)
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError(f"{info.filename} does not hold what its name says")
            checks.picture(data, *sizes[digest])
            store.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, 'image/png')", digest, data)
        return conversation


def _read_document(archive: zipfile.ZipFile) -> dict[str, Any]:
    info = archive.getinfo("conversation.json")
    if info.file_size > MAX_TEXT:
        raise ValueError("conversation.json is too large")
    text = archive.read(info)
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise ValueError("conversation.json holds too many values")
    document = json.loads(text, parse_constant=_no_constant)
    if not isinstance(document, dict):
        raise ValueError("conversation.json is no object")
    if document.get("format") != FORMAT:
        raise ValueError(f"format {_short(document.get('format'))}, this version reads {FORMAT}")
    return document


def _checked_rows(document: dict[str, Any], checks: Checks) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table, after checking the type and range of each field and the references between rows."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in _TABLES:
        if not isinstance(document[table], list):
            raise ValueError(f"{table} is no list")
        rows[table] = [_checked(table, item) for item in document[table]]
    turns = {row["id"]: row for row in rows["turns"]}
    steps = {row["id"]: row for row in rows["steps"]}
    for table, known in (
        ("turns", turns),
        ("steps", steps),
        ("images", {row["id"] for row in rows["images"]}),
    ):
        if len(known) != len(rows[table]):
            raise ValueError(f"two rows of {table} have one id")
    for row in rows["turns"]:
        if row["parent"] is not None and turns[row["parent"]]["status"] != "done":
            raise ValueError(f"turn {row['id']} follows one that was not finished")
        _check_json(row, "plan", checks.plan)
    for row in rows["steps"]:
        _check_json(row, "recipe", checks.recipe)
    for row in rows["images"]:
        if row["step"] is not None and steps[row["step"]]["turn"] != row["turn"]:
            raise ValueError(f"image @{row['number']} is of another turn than the step that made it")
        if row["sha256"] is not None and not re.fullmatch(r"[0-9a-f]{64}", row["sha256"]):
            raise ValueError(f"image @{row['number']} has no SHA-256")
    sizes: dict[str, tuple[int, int]] = {}
    for row in rows["images"]:
        size = row["width"], row["height"]
        if row["sha256"] is not None and sizes.setdefault(row["sha256"], size) != size:
            raise ValueError(f"image @{row['number']} has two sizes")
    for key in ("tip", "head"):
        if document[key] is not None and turns[document[key]]["status"] != "done":
            raise ValueError(f"the {key} is no finished turn")
    _check_value("conversation", "created", document["created"])
    _check_value("conversation", "last_number", document["last_number"])
    return rows


def _check_json(row: dict[str, Any], key: str, check: Callable[[dict[str, Any]], None]) -> None:
    """Check a JSON object; an empty one, for a turn that was forgotten or has not begun, passes."""
    value = json.loads(row[key], parse_constant=_no_constant)
    if not isinstance(value, dict):
        raise ValueError(f"a {key} is no object")
    if value:
        check(value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _load(
    store: Store, document: dict[str, Any], rows: dict[str, list[dict[str, Any]]], name: str
) -> ConversationRow:
    """Insert a document's rows under new ids."""
    conversation = store.create_conversation(name)
    store.execute("PRAGMA defer_foreign_keys = ON")
    turns: dict[int | None, int | None] = {None: None}
    steps: dict[int | None, int | None] = {None: None}
    images: dict[int | None, int | None] = {None: None}
    for row in rows["turns"]:
        status = "stopped" if row["status"] == "running" else row["status"]
        parent = turns[row["parent"]]
        turns[row["id"]] = store.insert(
            "turns", **{**row, "id": None, "parent": parent, "status": status}, conversation=conversation.id
        )
    for row in rows["steps"]:
        steps[row["id"]] = store.insert("steps", **{**row, "id": None, "turn": turns[row["turn"]]})
    for row in rows["images"]:
        pointers = {"id": None, "step": steps[row["step"]], "turn": turns[row["turn"]]}
        images[row["id"]] = store.insert("images", **{**row, **pointers}, conversation=conversation.id)
    for row in rows["step_inputs"]:
        store.insert("step_inputs", **{**row, "step": steps[row["step"]], "image": images[row["image"]]})
    instructions: dict[int, list[str]] = {}
    for row in rows["steps"]:
        instructions.setdefault(row["turn"], []).append(row["instruction"])
    for row in rows["turns"]:
        store.execute(
            "INSERT INTO turns_fts(rowid, request, instructions) VALUES (?, ?, ?)",
            turns[row["id"]], row["request"], "".join(f"{text}\n" for text in instructions.get(row["id"], ())),
        )  # fmt: skip
    last = max([image["number"] for image in rows["images"]], default=0)
    store.execute(
        "UPDATE conversations SET tip = ?, head = ?, last_number = ?, created = ? WHERE id = ?",
        turns[document["tip"]], turns[document["head"]], max(last, int(document["last_number"])),
        float(document["created"]), conversation.id,
    )  # fmt: skip
    return store.conversation(conversation.id)


def _checked(table: str, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) != set(_TABLES[table]):
        raise ValueError(f"a row of {table} has other fields than {', '.join(_TABLES[table])}")
    for key, value in item.items():
        if value is not None or (table, key) not in _NULLABLE:
            _check_value(table, key, value)
    return item


def _check_value(table: str, key: str, value: Any) -> None:
    if key in _TEXTS or key == "sha256":
        right = isinstance(value, str) and len(value) <= LONG_TEXTS.get(key, MAX_CHARACTERS)
    elif key == "created":
        right = isinstance(value, (int, float)) and 0 <= value <= LAST_SECOND
    else:
        least = 1 if key in ("number", "width", "height", "variation") else 0
        right = isinstance(value, int) and least <= value <= MAX_NUMBER
    if not right or isinstance(value, bool):
        raise ValueError(f"{table}.{key} is {_short(value)}")


def _short(value: object) -> str:
    """An untrusted value, shortened for an error message."""
    if isinstance(value, str) and len(value) > 50:
        return f"a text of {len(value):,} characters"
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a very large number"
    return repr(value) if isinstance(value, (str, int, float, type(None))) else f"a {type(value).__name__}"


def _free_name(store: Store, wanted: str | None, own: str) -> str:
    if wanted is not None:
        return wanted
    store.check_name(own)
    taken = {conversation.name for conversation in store.conversations()}
    name, count = own, 2
    while name in taken:
        name, count = f"{own[:70]}-{count}", count + 1
    return name
