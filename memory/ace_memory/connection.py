"""The connection to one SQLite file: opening, migrating, transactions, plain errors."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import sqlite_utils

from ace_memory.errors import StoreError
from ace_memory.records import ConversationRow, ImageRow, StepRow, TurnRow
from ace_memory.schema import MIGRATIONS

BUSY_SECONDS = 20.0
"""How long to wait for another process's transaction; ours take milliseconds, an import a second or two."""

ROOM = 100_000
"""Bytes that opening takes for the log and its index; with less, the disk is full."""

Row = TypeVar("Row", ConversationRow, ImageRow, StepRow, TurnRow)


class Connection:
    """A connection that several processes, and several threads of each, can use at once.

    Raises `error`, a class that takes a message and a hint, if the file is not a store, comes from a newer version
    or cannot be opened, and for any later failure. A read-only file can be read; the first write raises.
    """

    def __init__(self, path: Path, error: type[Exception] = StoreError) -> None:
        self.path = path
        self.error = error
        self.read_only = False
        self._lock = threading.RLock()
        self._depth = 0
        self._db = self._open()
        try:
            self._migrate()
        except BaseException:
            self._db.conn.close()
            raise

    def close(self) -> None:
        self._db.conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """A transaction; a nested one joins the outer one.

        Takes the write lock at once, so that nothing read inside can change before the write. Every commit
        survives a killed process. A `durable` commit, and all before it, also survives a power cut, at the
        cost of one flush to disk.
        """
        with self._lock, self._translated():
            if self._depth:
                yield
                return
            if self.read_only:
                raise self._unwritable()
            if durable:
                self._db.conn.execute("PRAGMA synchronous = FULL")
            self._db.conn.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                self._db.conn.execute("COMMIT")
            except BaseException:
                if self._db.conn.in_transaction:
                    self._db.conn.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0
                if durable:
                    self._db.conn.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A read transaction: all reads see one snapshot, and other processes can still write."""
        with self._lock, self._translated():
            if self._depth:
                yield
                return
            self._db.conn.execute("BEGIN")
            try:
                yield
            finally:
                self._db.conn.execute("ROLLBACK")

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with self._lock, self._translated():
            return list(self._db.query(sql, values))

    def records(self, kind: type[Row], sql: str, *values: object) -> list[Row]:
        names = [field.name for field in fields(kind)]
        return [kind(*(row[name] for name in names)) for row in self.rows(sql, *values)]

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        with self._lock, self._translated():
            return self._db.conn.execute(sql, values)

    def insert(self, table: str, **values: object) -> int:
        """Insert one row; returns its rowid."""
        marks = ", ".join("?" * len(values))
        cursor = self.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())
        return int(cursor.lastrowid or 0)

    def _open(self) -> sqlite_utils.Database:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.error(
                f"the folder {self.path.parent} cannot be created: {error.strerror}",
                "choose one with --workspace",
            ) from None
        uri = self.path.absolute().as_uri()
        with self._translated():
            try:
                return self._connect(uri)
            except sqlite3.OperationalError as error:
                if not self.path.exists() or "locked" in str(error):
                    raise
            self.read_only = True
            try:
                return self._connect(f"{uri}?mode=ro")
            except sqlite3.OperationalError:
                # A write-ahead log needs a file beside the database, which a read-only folder does not allow.
                return self._connect(f"{uri}?immutable=1")

    def _connect(self, uri: str) -> sqlite_utils.Database:
        conn = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in ("foreign_keys = ON", "secure_delete = ON", "synchronous = NORMAL"):
                conn.execute(f"PRAGMA {pragma}")
            if not self.read_only:
                conn.execute("PRAGMA journal_mode = WAL")
                conn.execute("BEGIN IMMEDIATE")
                conn.execute("ROLLBACK")
            conn.execute("SELECT count(*) FROM sqlite_master")
        except BaseException:
            conn.close()
            raise
        return sqlite_utils.Database(conn, execute_plugins=False)

    def _version(self) -> int:
        return int(self.rows("PRAGMA user_version")[0]["user_version"])

    def _migrate(self) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise self.error(
                f"{self.path} is from a newer version (schema {version}, this one knows {len(MIGRATIONS)})",
                "upgrade with `pip install -U ace-agent`, or choose another --workspace",
            )
        tables = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        if version == 0 and tables:
            raise self.error(f"{self.path} is a database of another program", "choose another --workspace")
        if version == len(MIGRATIONS):
            return
        with self.transaction():
            # Another process may have migrated while this one waited for the lock.
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in MIGRATIONS[number].split(";\n"):
                    if statement.strip():
                        self.execute(statement)
                self.execute(f"PRAGMA user_version = {number + 1}")

    def _unwritable(self) -> Exception:
        """The error for a failed write: a full disk or a read-only file, which SQLite does not tell apart."""
        if self.path.parent.is_dir() and shutil.disk_usage(self.path.parent).free < ROOM:
            return self._full()
        return self.error(f"{self.path} cannot be written", "choose another folder with --workspace")

    def _full(self) -> Exception:
        return self.error(f"the disk with {self.path} is full", "free some space; nothing stored was lost")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate an SQLite error into ours: a one-line message and a hint."""
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "full" in text:
                raise self._full() from None
            if "locked" in text or "busy" in text:
                raise self.error(
                    f"{self.path} is in use by another process", "try again in a moment"
                ) from None
            if "readonly" in text or "unable to open" in text:
                raise self._unwritable() from None
            if "not a database" in text or "malformed" in text:
                raise self.error(
                    f"{self.path} is damaged or no database: {text}",
                    "restore a copy, or choose another --workspace",
                ) from None
            if "disk I/O" in text:
                raise self.error(
                    f"{self.path} could not be read or written: {text}", "check the disk"
                ) from None
            raise
