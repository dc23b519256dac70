"""The tree of turns, its pictures, and what two processes, old files and full disks do to it."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ace_agent.engines.ace.condition_unit import contiguous_history
from ace_memory import NewImage, Store, StoreError
from ace_memory.housekeeping import check
from ace_memory.schema import MIGRATIONS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "memory.db") as opened:
        yield opened
        assert check(opened) == []


def picture(text: str = "x") -> NewImage:
    return NewImage(text.encode(), 8, 8)


def add(store: Store, conversation: int, request: str, *, tokens: int = 64, parent: int | None = -1) -> int:
    """One finished turn of one step below the tip (or `parent`)."""
    below = store.conversation(conversation).tip if parent == -1 else parent
    turn, _ = store.begin_turn(conversation, below, request, "{}")
    store.add_step(turn.id, 0, "edit_scene", request.upper(), "{}", [], [picture(request)])
    store.finish_turn(turn.id, tokens)
    return turn.id


def test_a_turn_is_kept_with_its_inputs_and_pictures(store: Store) -> None:
    talk = store.create_conversation()
    turn, attached = store.begin_turn(talk.id, None, "night", '{"version": 1}', [picture("photo")])
    assert [image.number for image in attached] == [1]
    made = store.add_step(
        turn.id, 0, "edit_scene", "Make it night.", '{"seed": 1}', [("image", attached[0].id)],
        [NewImage(b"a", 8, 8), NewImage(b"b", 8, 8, variation=2)],
    )  # fmt: skip
    assert [image.number for image in made] == [2, 3]
    assert store.conversation(talk.id).tip is None, "the tip waits until the turn is done"
    assert store.finish_turn(turn.id, 64) is None
    assert store.conversation(talk.id).tip == turn.id
    step = store.steps(turn.id)[0]
    assert store.step_inputs(step.id) == [("image", attached[0])]
    assert store.step_images(step.id) == made
    assert store.data(made[1]) == b"b"
    assert store.image(talk.id, 3) == made[1]


def test_the_same_bytes_are_kept_once(store: Store) -> None:
    talk = store.create_conversation()
    first, second = store.add_image(talk.id, picture()), store.add_image(talk.id, picture())
    assert (first.number, second.number) == (1, 2)
    assert store.rows("SELECT count(*) AS n FROM blobs")[0]["n"] == 1


def test_redo_follows_the_branch_that_was_undone(store: Store) -> None:
    talk = store.create_conversation().id
    a, b, c = (add(store, talk, word) for word in "abc")
    assert [turn.id for turn in (store.undo(talk), store.undo(talk)) if turn] == [c, b]
    assert store.conversation(talk).tip == a
    assert store.redo(talk) == store.turn(b)
    store.move_tip(talk, a)
    assert store.redo(talk) is None, "a goto forgets what redo led to"
    d = add(store, talk, "d")
    assert store.turn(d).parent == a
    assert [turn.id for turn in store.path_to(d)] == [a, d]
    store.undo(talk)
    redone = store.redo(talk)
    assert redone is not None and redone.id == d
    for _ in range(3):
        store.undo(talk)
    assert store.undo(talk) is None and store.conversation(talk).tip is None
    assert len(store.turns(talk)) == 4


def test_a_failed_turn_leaves_the_tip(store: Store) -> None:
    talk = store.create_conversation().id
    a = add(store, talk, "a")
    turn, _ = store.begin_turn(talk, a, "b", "{}")
    store.set_status(turn.id, "stopped", "Ctrl-C")
    assert store.conversation(talk).tip == a
    with pytest.raises(StoreError, match="stopped"):
        store.move_tip(talk, turn.id)


def test_history_is_the_run_from_the_anchor(store: Store) -> None:
    """Against the rule's own definition, over random costs, for two budgets, asked after every turn or
    rarely."""
    talk = store.create_conversation().id
    draw = random.Random(0)
    costs: list[int] = []
    turns: list[int] = []
    for index in range(120):
        costs.append(draw.choice([0, 16, 64, 64, 128, 576]))
        turns.append(add(store, talk, f"turn {index}", tokens=costs[-1]))
        for budget in (1024, 300):
            if index % 7 == 0 or draw.random() < 0.5:
                run = [turn.id for turn in store.history(turns[-1], budget)]
                assert run == turns[contiguous_history(costs, budget) :]
                assert [turn.id for turn in store.history(turns[-1], budget)] == run
    assert store.history(None, 1024) == []


def test_history_of_a_branch_is_its_own_path(store: Store) -> None:
    talk = store.create_conversation().id
    a, b = add(store, talk, "a"), add(store, talk, "b")
    store.history(b, 1024)
    c = add(store, talk, "c", parent=a)
    assert [turn.id for turn in store.history(c, 1024)] == [a, c]


def test_search_finds_words_of_requests_and_instructions(store: Store) -> None:
    talk, other = store.create_conversation().id, store.create_conversation().id
    a = add(store, talk, "a red fox")
    b = add(store, talk, "the red car")
    c = add(store, other, "red foxes")
    assert [turn.id for turn in store.search("red")] == [c, b, a]
    assert [turn.id for turn in store.search("FOX red", conversation=talk)] == [a]
    assert [turn.id for turn in store.search("red", limit=1)] == [c]
    for odd in ("", '"', "red OR", "NEAR(", "*", "a AND (", "request:x", "'; DROP TABLE turns"):
        store.search(odd)


def test_a_conversation_name_is_checked(store: Store) -> None:
    assert [store.create_conversation().name for _ in range(2)] == ["talk-1", "talk-2"]
    store.create_conversation("My cat")
    with pytest.raises(StoreError, match="already"):
        store.create_conversation("My cat")
    for bad in ("", "../x", "a/b", "-c", " x", "x ", "a" * 81, "a\nb"):
        with pytest.raises(StoreError, match="cannot be a conversation's name"):
            store.create_conversation(bad)
    with pytest.raises(StoreError, match="no conversation"):
        store.conversation("nobody")
    latest = store.latest_conversation()
    assert latest is not None and latest.name == "My cat"


def test_a_step_is_whole_or_absent(store: Store) -> None:
    talk = store.create_conversation().id
    turn, _ = store.begin_turn(talk, None, "a", "{}")
    with pytest.raises(sqlite3.IntegrityError):
        store.add_step(turn.id, 0, "t", "i", "{}", [("image", 99)], [picture()])
    with pytest.raises(sqlite3.IntegrityError):
        store.add_step(turn.id, 0, "t", "i", "{}", [], [picture(), NewImage(b"", 8, 8, kind="drawing")])
    assert store.steps(turn.id) == [] and store.images(talk) == []
    store.add_step(turn.id, 0, "t", "i", "{}", [], [picture()])
    with pytest.raises(StoreError, match="done meanwhile"):
        store.add_step(turn.id, 0, "t", "i", "{}", [], [picture()])


def test_the_first_schema_migrates(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "memory.db")
    conn.executescript((Path(__file__).parent / "schema1.sql").read_text())
    conn.close()
    with Store(tmp_path / "memory.db") as store:
        talk = store.conversation("old")
        assert (talk.tip, talk.head, talk.last_number, talk.used) == (2, 2, 2, 1700000002.0)
        assert [turn.request for turn in store.path_to(talk.tip)] == ["a red fox", "make it night"]
        assert store.data(store.image(talk.id, 2)) == b"abc"
        assert add(store, talk.id, "go on") == 3
        assert store.image(talk.id, 3).sha256 is not None
        assert [turn.id for turn in store.history(3, 1024)] == [1, 2, 3]
        assert check(store) == []


def test_the_order_of_use_survives_the_migration(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "memory.db")
    for migration in MIGRATIONS[:2]:
        conn.executescript(migration)
    conn.executescript("""
        INSERT INTO conversations (name, created, used) VALUES ('b', 1, 30), ('a', 2, 40), ('c', 3, 30);
        PRAGMA user_version = 2;
    """)
    conn.close()
    with Store(tmp_path / "memory.db") as store:
        assert [talk.name for talk in store.conversations()] == ["a", "c", "b"]
        store.create_conversation("d")
        assert [talk.name for talk in store.conversations()] == ["d", "a", "c", "b"]


def test_the_migrated_schema_is_the_new_one(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "old.db")
    conn.executescript((Path(__file__).parent / "schema1.sql").read_text())
    conn.close()
    schemas = []
    for name in ("old.db", "new.db"):
        with Store(tmp_path / name) as store:
            rows = store.rows("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
            schemas.append([" ".join(row["sql"].split()) for row in rows])
    assert schemas[0] == schemas[1]


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "memory.db").close()
    conn = sqlite3.connect(tmp_path / "memory.db")
    conn.execute("PRAGMA user_version = 99")
    conn.close()
    with pytest.raises(StoreError, match=r"newer version.*pip install"):
        Store(tmp_path / "memory.db")


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"damaged or no database.*--workspace"):
        Store(path)
    assert path.read_bytes() == before
    conn = sqlite3.connect(tmp_path / "theirs.db")
    conn.execute("CREATE TABLE bookmarks (url)")
    conn.close()
    with pytest.raises(StoreError, match="another program"):
        Store(tmp_path / "theirs.db")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="--workspace"):
        Store(tmp_path / "file" / "memory.db")


def test_a_read_only_store_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the first connection is made to fail as it would for others."""
    with Store(tmp_path / "memory.db") as store:
        add(store, store.create_conversation("kept").id, "a red fox")
    connect = sqlite3.connect

    def refuse(database: str, **options: object) -> sqlite3.Connection:
        if "mode=ro" not in database and "immutable" not in database:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(database, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with Store(tmp_path / "memory.db") as store:
        talk = store.conversation("kept")
        assert [turn.request for turn in store.history(talk.tip, 1024)] == ["a red fox"]
        with pytest.raises(StoreError, match=r"cannot be written.*--workspace"):
            store.create_conversation()


def test_a_full_disk_loses_nothing(store: Store) -> None:
    talk = store.create_conversation().id
    a = add(store, talk, "a")
    pages = store.rows("PRAGMA page_count")[0]["page_count"]
    store.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"full.*nothing stored was lost"):
        store.add_image(talk, NewImage(b"x" * 1_000_000, 8, 8))
    store.rows("PRAGMA max_page_count = 1073741823")
    assert store.conversation(talk).tip == a
    assert add(store, talk, "b") == a + 1


def test_a_disk_without_room_to_open_is_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite could not make its log, the store was taken for read-only, and the way out was another folder."""
    path = tmp_path / "memory.db"
    with Store(path) as store:
        store.create_conversation("kept")
    usage = shutil.disk_usage(tmp_path)
    with Store(path) as store:
        store.read_only = True
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=4096))
            with pytest.raises(StoreError, match=r"is full.*free some space"):
                store.create_conversation()
        with pytest.raises(StoreError, match="cannot be written"):
            store.create_conversation()


def _append(path: Path, talk: int, name: str, turns: int) -> None:
    with Store(path) as store:
        for index in range(turns):
            add(store, talk, f"{name} {index}")


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Store(path) as store:
        talk = store.create_conversation().id
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(path, talk, name, 25)) for name in ("one", "two")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with Store(path) as store:
        assert len(store.turns(talk)) == 50
        assert [image.number for image in store.images(talk)] == list(range(1, 51))
        assert check(store) == []


def test_finishing_says_when_another_moved_the_tip(store: Store) -> None:
    talk = store.create_conversation().id
    mine, _ = store.begin_turn(talk, None, "mine", "{}")
    new = NewImage(b"mask", 8, 8, kind="mask")
    store.add_step(mine.id, 0, "t", "i", "{}", [("mask", new)], [picture()])
    assert [image.kind for image in store.turn_images(mine.id)] == ["image", "mask"]
    theirs = add(store, talk, "theirs")
    assert store.finish_turn(mine.id, 0) == theirs
    assert store.conversation(talk).tip == mine.id
    assert len(store.turns(talk)) == 2
