"""A conversation as one file: a zip of `conversation.json` and the pictures, `blobs/<sha256>`."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ace_memory.records import Conversation
from ace_memory.store import Store

FORMAT = 1
MAX_TEXT = 256 * 2**20
MAX_BLOB = 256 * 2**20
_TABLES = {
    "turns": ("id", "parent", "request", "plan", "status", "note", "created", "tokens"),
    "steps": ("id", "turn", "position", "task", "instruction", "recipe", "created"),
    "images": (
        "id", "number", "kind", "sha256", "width", "height", "step", "variation", "turn", "caption", "source",
        "created",
    ),
    "step_inputs": ("step", "position", "role", "image"),
}  # fmt: skip
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("request", "plan", "status", "note", "task", "instruction", "recipe"), (str,)),
    **dict.fromkeys(("kind", "role", "caption", "source"), (str,)),
    "parent": (int, type(None)),
    "sha256": (str, type(None)),
    "created": (int, float),
}


def export_conversation(store: Store, conversation: Conversation, stream: BinaryIO) -> None:
    """Write the whole tree, its pictures and masks, as they are at one moment."""
    with store.snapshot(), zipfile.ZipFile(stream, "w") as archive:
        document = _document(store, conversation)
        text = json.dumps(document, ensure_ascii=False, indent=1)
        archive.writestr("conversation.json", text, zipfile.ZIP_DEFLATED)
        for digest in sorted({item["sha256"] for item in document["images"] if item["sha256"]}):
            archive.writestr(f"blobs/{digest}", store.blob(digest))


def branch_conversation(store: Store, conversation: Conversation, name: str, tip: int | None) -> Conversation:
    """Another conversation with the same tree and picture numbers, standing at `tip`; the bytes are kept
    once."""
    with store.transaction():
        document = {**_document(store, conversation), "tip": tip, "head": tip, "created": time.time()}
        return _load(store, document, name, None)


def _document(store: Store, conversation: Conversation) -> dict[str, Any]:
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


def import_conversation(store: Store, path: Path, name: str | None = None) -> Conversation:
    """Take in an exported conversation, whole or not at all, under its own name (or `name-2` ... if that is
    taken).

    Every picture's hash is checked and every pointer must lead inside the file. Raises the store's error otherwise.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _take_in(store, archive, name)
    except FileNotFoundError:
        raise store.error(f"there is no file {path}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise store.error(f"{path} is no exported conversation: {error}", "export it again") from None
    except OSError as error:
        raise store.error(f"{path} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, RecursionError, sqlite3.IntegrityError) as error:
        raise store.error(f"{path} is no exported conversation: {error}", "export it again") from None


def _take_in(store: Store, archive: zipfile.ZipFile, name: str | None) -> Conversation:
    info = archive.getinfo("conversation.json")
    if info.file_size > MAX_TEXT:
        raise ValueError("conversation.json is too large")
    document = json.loads(archive.read(info))
    if document.get("format") != FORMAT:
        raise ValueError(f"format {document.get('format')!r}, this version reads {FORMAT}")
    with store.transaction():
        return _load(store, document, _free_name(store, name, str(document["name"])), archive)


def _load(store: Store, document: dict[str, Any], name: str, archive: zipfile.ZipFile | None) -> Conversation:
    """A document's rows under new ids. Without an archive its pictures are in the store already."""
    rows = {table: [_checked(table, item) for item in document[table]] for table in _TABLES}
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
        if row["sha256"] is not None and archive is not None:
            _take_blob(store, archive, row["sha256"])
        pointers = {"id": None, "step": steps[row["step"]], "turn": turns[row["turn"]]}
        images[row["id"]] = store.insert("images", **{**row, **pointers}, conversation=conversation.id)
    for row in rows["step_inputs"]:
        store.insert("step_inputs", **{**row, "step": steps[row["step"]], "image": images[row["image"]]})
    told: dict[int, str] = {}
    for row in rows["steps"]:
        told[row["turn"]] = told.get(row["turn"], "") + row["instruction"] + "\n"
    for row in rows["turns"]:
        store.execute(
            "INSERT INTO turns_fts(rowid, request, instructions) VALUES (?, ?, ?)",
            turns[row["id"]], row["request"], told.get(row["id"], ""),
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
        nullable = table == "images" and key in ("step", "turn")
        kinds = (int, type(None)) if nullable else _KINDS.get(key, (int,))
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{table}.{key} is {value!r}")
    return item


def _take_blob(store: Store, archive: zipfile.ZipFile, digest: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError(f"{digest!r} is no SHA-256")
    info = archive.getinfo(f"blobs/{digest}")
    if info.file_size > MAX_BLOB:
        raise ValueError(f"{info.filename} is too large")
    data = archive.read(info)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{info.filename} does not hold what its name says")
    store.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, 'image/png')", digest, data)


def _free_name(store: Store, wanted: str | None, own: str) -> str:
    if wanted is not None:
        return wanted
    store.check_name(own)
    taken = {conversation.name for conversation in store.conversations()}
    name, count = own, 2
    while name in taken:
        name, count = f"{own[:70]}-{count}", count + 1
    return name
