"""Check, prune and forget."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from ace_memory.records import ConversationRow
from ace_memory.store import Store

FORGOTTEN = "(forgotten)"


@dataclass(frozen=True)
class Removed:
    """What was removed. `complete` is False if another process kept old pages from being overwritten."""

    turns: int
    images: int
    bytes: int
    complete: bool = True


def check(store: Store, picture: Callable[[bytes, int, int], None] | None = None) -> list[str]:
    """Check every hash and reference; returns the problems found, one line each.

    `picture` gets each file's bytes, width and height in pixels, and raises ValueError if they are not a picture of
    that size.
    """
    found = [f"database: {row['integrity_check']}" for row in store.rows("PRAGMA integrity_check")]
    found = [line for line in found if line != "database: ok"]
    for row in store.rows("PRAGMA foreign_key_check"):
        found.append(f"{row['table']} row {row['rowid']} points to nothing in {row['parent']}")
    for row in store.rows("SELECT sha256 FROM blobs"):
        if hashlib.sha256(store.blob(row["sha256"])).hexdigest() != row["sha256"]:
            found.append(f"blob {row['sha256'][:12]}... is damaged")
    if picture is not None:
        found += _wrong_pictures(store, picture)
    queries = {
        "the tip of conversation {a} is turn {b}, which is not a finished turn of it": """
            SELECT c.name AS a, c.tip AS b FROM conversations c JOIN turns t ON t.id = c.tip
            WHERE t.conversation != c.id OR t.status != 'done'""",
        "turn {a} hangs below turn {b}, of another conversation or not before it": """
            SELECT t.id AS a, p.id AS b FROM turns t JOIN turns p ON p.id = t.parent
            WHERE t.conversation != p.conversation OR p.id >= t.id""",
        "turn {a} hangs below turn {b}, which was not finished": """
            SELECT t.id AS a, p.id AS b FROM turns t JOIN turns p ON p.id = t.parent
            WHERE p.status != 'done'""",
        "image @{a} and the turn {b} that it came in are of two conversations": """
            SELECT i.number AS a, t.id AS b FROM images i JOIN turns t ON t.id = i.turn
            WHERE t.conversation != i.conversation""",
        "image @{a} says turn {b}, but the step that made it is of another": """
            SELECT i.number AS a, i.turn AS b FROM images i JOIN steps s ON s.id = i.step
            WHERE s.turn IS NOT i.turn""",
        "image @{a} has a number above the last one given out, {b}": """
            SELECT i.number AS a, c.last_number AS b FROM images i
            JOIN conversations c ON c.id = i.conversation
            WHERE i.number > c.last_number""",
        "step {a} of turn {b} has no picture": """
            SELECT s.position AS a, s.turn AS b FROM steps s
            WHERE NOT EXISTS (SELECT 1 FROM images i WHERE i.step = s.id)""",
        "step {a} took image {b} of another conversation": """
            SELECT s.id AS a, i.number AS b FROM step_inputs n JOIN steps s ON s.id = n.step
            JOIN turns t ON t.id = s.turn JOIN images i ON i.id = n.image
            WHERE i.conversation != t.conversation""",
        "turn {a} cannot be searched for": """
            SELECT t.id AS a, 0 AS b FROM turns t
            WHERE NOT EXISTS (SELECT 1 FROM turns_fts f WHERE f.rowid = t.id)""",
        "blob {a} belongs to no image": """
            SELECT substr(b.sha256, 1, 12) AS a, 0 AS b FROM blobs b
            WHERE NOT EXISTS (SELECT 1 FROM images i WHERE i.sha256 = b.sha256)""",
    }
    for line, sql in queries.items():
        found += [line.format(a=row["a"], b=row["b"]) for row in store.rows(sql)]
    for table, column in (("turns", "plan"), ("steps", "recipe")):
        sql = (
            f"SELECT id FROM {table} WHERE CASE WHEN json_valid({column}) THEN json_type({column}) ELSE '' END"
            " != 'object'"
        )
        found += [f"{table} row {row['id']}: {column} is no JSON object" for row in store.rows(sql)]
    return found


def _wrong_pictures(store: Store, picture: Callable[[bytes, int, int], None]) -> list[str]:
    found = []
    sql = (
        "SELECT sha256, width, height, min(number) AS number FROM images WHERE sha256 IS NOT NULL"
        " GROUP BY sha256, width, height"
    )
    for row in store.rows(sql):
        try:
            picture(store.blob(row["sha256"]), row["width"], row["height"])
        except ValueError as error:
            found.append(f"image @{row['number']}: {error}")
    return found


def prune(store: Store, *, dry_run: bool = False) -> Removed:
    """Remove the turns that no tip can reach, with their pictures.

    A tip reaches its ancestors, the input pictures of their steps, the turns that made those, and so on.
    Running turns and pictures outside any turn stay. Numbers are never reused.
    """
    with store.transaction():
        keep = _reachable(store)
        gone = [row["id"] for row in store.rows("SELECT id FROM turns") if row["id"] not in keep]
        size = store.rows("SELECT coalesce(sum(length(bytes)), 0) AS n FROM blobs")[0]["n"]
        pictures = 0
        if not dry_run:
            store.execute("PRAGMA defer_foreign_keys = ON")
        for turn in gone:
            pictures += store.rows("SELECT count(*) AS n FROM images WHERE turn = ?", turn)[0]["n"]
            if not dry_run:
                _remove_turn(store, turn)
        if dry_run:
            freed = store.rows(
                "SELECT coalesce(sum(length(bytes)), 0) AS n FROM blobs WHERE sha256 NOT IN"
                " (SELECT sha256 FROM images WHERE sha256 IS NOT NULL AND (turn IS NULL OR turn NOT IN"
                " (SELECT value FROM json_each(?))))",
                json.dumps(gone),
            )[0]["n"]
            return Removed(len(gone), pictures, freed)
        _remove_orphans(store)
        left = store.rows("SELECT coalesce(sum(length(bytes)), 0) AS n FROM blobs")[0]["n"]
    return Removed(len(gone), pictures, size - left, _overwrite(store) if gone else True)


def forget_conversation(store: Store, conversation: ConversationRow) -> Removed:
    """Erase a conversation for good: rows, pictures, search index, and the old pages of the file."""
    with store.transaction():
        turns, images = store.counts(conversation.id)
        size = store.rows("SELECT coalesce(sum(length(bytes)), 0) AS n FROM blobs")[0]["n"]
        store.execute("PRAGMA defer_foreign_keys = ON")
        for turn in store.turns(conversation.id):
            _remove_turn(store, turn.id)
        store.execute("DELETE FROM images WHERE conversation = ?", conversation.id)
        store.execute("DELETE FROM conversations WHERE id = ?", conversation.id)
        _remove_orphans(store)
        left = store.rows("SELECT coalesce(sum(length(bytes)), 0) AS n FROM blobs")[0]["n"]
    return Removed(turns, images, size - left, _overwrite(store))


def forget_image(store: Store, conversation: ConversationRow, number: int) -> Removed:
    """Erase a picture for good, under every number it has in the conversation, with the request, plan,
    instruction and recipe of the turns that made or attached it. The tree and the numbers stay. Raises
    StoreError if another conversation holds the same picture."""
    with store.transaction():
        image = store.image(conversation.id, number)
        if image.sha256 is None:
            raise store.error(f"@{number} was forgotten before")
        others = store.rows(
            "SELECT c.name FROM images i JOIN conversations c ON c.id = i.conversation"
            " WHERE i.sha256 = ? AND c.id != ?",
            image.sha256, conversation.id,
        )  # fmt: skip
        if others:
            raise store.error(
                f"@{number} is also in conversation {others[0]['name']!r}, where it would stay",
                f"forget it there first: ace forget {others[0]['name']}",
            )
        same = store.rows("SELECT id, turn FROM images WHERE sha256 = ?", image.sha256)
        size = len(store.blob(image.sha256))
        turns = {row["turn"] for row in same if row["turn"] is not None}
        store.execute(
            "UPDATE images SET sha256 = NULL, caption = '', source = '' WHERE sha256 = ?", image.sha256
        )
        for turn in turns:
            store.execute(
                "UPDATE turns SET request = ?, plan = '{}', note = '' WHERE id = ?", FORGOTTEN, turn
            )
            store.execute("UPDATE steps SET instruction = ?, recipe = '{}' WHERE turn = ?", FORGOTTEN, turn)
            store.execute("UPDATE images SET caption = '' WHERE turn = ?", turn)
            store.execute(
                "UPDATE turns_fts SET request = ?, instructions = '' WHERE rowid = ?", FORGOTTEN, turn
            )
        _remove_orphans(store)
    return Removed(0, len(same), size, _overwrite(store))


def _reachable(store: Store) -> set[int]:
    rows = store.rows("SELECT tip AS id FROM conversations WHERE tip IS NOT NULL")
    rows += store.rows("SELECT id FROM turns WHERE status = 'running'")
    parents = {row["id"]: row["parent"] for row in store.rows("SELECT id, parent FROM turns")}
    taken: dict[int, set[int]] = {}
    for row in store.rows(
        "SELECT s.turn AS turn, i.turn AS origin FROM step_inputs n JOIN steps s ON s.id = n.step"
        " JOIN images i ON i.id = n.image WHERE i.turn IS NOT NULL"
    ):
        taken.setdefault(row["turn"], set()).add(row["origin"])
    keep: set[int] = set()
    todo = [row["id"] for row in rows]
    while todo:
        turn = todo.pop()
        if turn in keep:
            continue
        keep.add(turn)
        parent = parents[turn]
        todo += [*([parent] if parent is not None else []), *taken.get(turn, ())]
    return keep


def _remove_turn(store: Store, turn: int) -> None:
    store.execute("UPDATE conversations SET head = tip WHERE head = ?", turn)
    store.execute("DELETE FROM anchors WHERE turn = ?", turn)
    store.execute("DELETE FROM step_inputs WHERE step IN (SELECT id FROM steps WHERE turn = ?)", turn)
    store.execute("DELETE FROM images WHERE turn = ?", turn)
    store.execute("DELETE FROM steps WHERE turn = ?", turn)
    store.execute("DELETE FROM turns_fts WHERE rowid = ?", turn)
    store.execute("DELETE FROM turns WHERE id = ?", turn)


def _remove_orphans(store: Store) -> None:
    store.execute(
        "DELETE FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM images WHERE sha256 IS NOT NULL)"
    )
    # The index keeps the words of deleted rows in its segments until it is rebuilt.
    store.execute("INSERT INTO turns_fts(turns_fts) VALUES ('rebuild')")


def _overwrite(store: Store) -> bool:
    """Rewrite the file and empty the log, so that no old page holds removed data."""
    try:
        store.execute("VACUUM")
        return int(store.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]["busy"]) == 0
    except (store.error, sqlite3.Error):
        return False
