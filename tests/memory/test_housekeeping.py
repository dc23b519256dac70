"""What prune keeps, what forget leaves nothing of, and what check sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from ace_memory import NewImage, Store, StoreError
from ace_memory.housekeeping import FORGOTTEN, check, forget_conversation, forget_image, prune

SECRET = b"secretpicture" * 50


def add(store: Store, talk: int, request: str, data: bytes, inputs: tuple[int, ...] = ()) -> tuple[int, int]:
    """A finished turn below the tip; returns the turn's id and its picture's."""
    turn, _ = store.begin_turn(talk, store.conversation(talk).tip, request, f'{{"plan": "{request}"}}')
    taken = [("image", image) for image in inputs]
    made = store.add_step(turn.id, 0, "t", request, "{}", taken, [NewImage(data, 4, 4)])
    store.finish_turn(turn.id, 64)
    store.history(turn.id, 1024)
    return turn.id, made[0].id


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_prune_keeps_what_a_tip_can_reach(tmp_path: Path) -> None:
    with Store(tmp_path / "memory.db") as store:
        talk = store.create_conversation().id
        a, _ = add(store, talk, "a", b"a")
        b, taken = add(store, talk, "b", b"b")
        store.move_tip(talk, a)
        c, _ = add(store, talk, "c", b"c" * 1000)
        store.move_tip(talk, a)
        d, _ = add(store, talk, "d", b"d", (taken,))
        running, _ = store.begin_turn(talk, d, "still at it", "{}")
        loose = store.add_image(talk, NewImage(b"loose", 4, 4))
        expected = prune(store, dry_run=True)
        assert len(store.turns(talk)) == 5
        removed = prune(store)
        assert (removed.turns, removed.images, removed.bytes) == (1, 1, 1000)
        assert (expected.turns, expected.images, expected.bytes) == (1, 1, 1000)
        assert [turn.id for turn in store.turns(talk)] == [a, b, d, running.id], (
            "b's picture is an input of d"
        )
        assert c not in [turn.id for turn in store.turns(talk)]
        assert store.data(loose) == b"loose"
        assert store.search("c") == []
        assert store.add_image(talk, NewImage(b"next", 4, 4)).number == loose.number + 1
        assert check(store) == []


def test_prune_does_not_give_numbers_out_again(tmp_path: Path) -> None:
    with Store(tmp_path / "memory.db") as store:
        talk = store.create_conversation().id
        add(store, talk, "a", b"a")
        add(store, talk, "b", b"b")
        store.undo(talk)
        assert prune(store).turns == 1
        assert store.redo(talk) is None
        _, image = add(store, talk, "c", b"c")
        assert store.image_by_id(image).number == 3
        assert check(store) == []


def test_forgetting_a_conversation_leaves_no_byte(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    with Store(folder / "memory.db") as store:
        kept = store.create_conversation("kept").id
        add(store, kept, "stays", b"stays")
        talk = store.create_conversation("gone")
        for index in range(5):
            add(store, talk.id, f"unspeakable{index} words", SECRET + bytes([index]))
        assert b"unspeakable3" in everything(folder) and SECRET in everything(folder)
        removed = forget_conversation(store, talk)
        assert (removed.turns, removed.images, removed.complete) == (5, 5, True)
        assert b"unspeakable" not in everything(folder) and SECRET not in everything(folder)
        assert [item.name for item in store.conversations()] == ["kept"]
        assert [turn.request for turn in store.search("stays")] == ["stays"]
        assert check(store) == []


def test_forgetting_a_picture_keeps_the_tree(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    with Store(folder / "memory.db") as store:
        talk = store.create_conversation()
        _, first = add(store, talk.id, "a fox", b"a fox")
        _, secret = add(store, talk.id, "unspeakable", SECRET)
        add(store, talk.id, "go on", b"go on", (secret, first))
        assert forget_image(store, talk, 2).complete
        assert b"unspeakable" not in everything(folder) and SECRET not in everything(folder)
        assert [turn.request for turn in store.turns(talk.id)] == ["a fox", FORGOTTEN, "go on"]
        with pytest.raises(StoreError, match=r"@2 was forgotten"):
            store.data(store.image(talk.id, 2))
        with pytest.raises(StoreError, match="forgotten before"):
            forget_image(store, talk, 2)
        assert store.data(store.image(talk.id, 3)) == b"go on"
        assert check(store) == []


def test_a_picture_that_another_conversation_holds_is_not_half_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path / "memory.db") as store:
        talk, other = store.create_conversation("mine"), store.create_conversation("other")
        add(store, talk.id, "a", SECRET)
        add(store, other.id, "b", SECRET)
        with pytest.raises(StoreError, match="also in conversation 'other'"):
            forget_image(store, talk, 1)
        assert store.data(store.image(talk.id, 1)) == SECRET


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("UPDATE blobs SET bytes = X'79'", "is damaged"),
        ("UPDATE conversations SET tip = 99", "points to nothing"),
        ("UPDATE turns SET status = 'stopped'", "which is not a finished turn"),
        ("UPDATE turns SET plan = '{'", "plan is no JSON"),
        ("DELETE FROM turns_fts", "cannot be searched for"),
        ("DELETE FROM images", "has no picture"),
        ("UPDATE images SET number = 9", "above the last one"),
        ("UPDATE turns SET parent = 1", "not before it"),
    ],
)
def test_check_sees(tmp_path: Path, damage: str, line: str) -> None:
    with Store(tmp_path / "memory.db") as store:
        talk = store.create_conversation().id
        add(store, talk, "a", b"a")
        assert check(store) == []
        store.execute("PRAGMA foreign_keys = OFF")
        store.execute(damage)
        assert any(line in found for found in check(store)), check(store)
