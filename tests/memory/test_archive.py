"""Export and import: the same conversation in another store; broken files are refused whole."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ace_memory import ConversationRow, NewImage, Store, StoreError
from ace_memory.archive import branch_conversation, export_conversation, import_conversation
from ace_memory.housekeeping import check


def grow(store: Store, name: str = "trip") -> int:
    """A tree of three turns with two branches; the second takes the first one's picture and a mask."""
    talk = store.create_conversation(name).id
    first, attached = store.begin_turn(
        talk, None, "photo to night", '{"version": 1}', [NewImage(b"photo", 4, 4)]
    )
    made = store.add_step(
        first.id,
        0,
        "edit_scene",
        "Make it night.",
        '{"seed": 1}',
        [("image", attached[0].id)],
        [NewImage(b"n", 4, 4)],
    )
    store.finish_turn(first.id, 64)
    for request in ("left", "right"):
        turn, masks = store.begin_turn(talk, first.id, request, "{}", [NewImage(b"mask", 4, 4, kind="mask")])
        inputs = [("image", made[0].id), ("mask", masks[0].id)]
        store.add_step(
            turn.id, 0, "remove", f"Remove {request}.", "{}", inputs, [NewImage(request.encode(), 4, 4)]
        )
        store.finish_turn(turn.id, 64)
    return talk


def export(store: Store, conversation: ConversationRow, path: Path) -> Path:
    with path.open("wb") as stream:
        export_conversation(store, conversation, stream)
    return path


def shape(store: Store, name: str) -> list[Any]:
    """The tree without its row numbers."""
    talk = store.conversation(name)
    order = {turn.id: index for index, turn in enumerate(store.turns(talk.id))}
    found: list[Any] = [None if talk.tip is None else order[talk.tip], talk.last_number]
    for turn in store.turns(talk.id):
        steps = [
            (
                step.position, step.task, step.instruction, step.recipe,
                [(role, image.number) for role, image in store.step_inputs(step.id)],
                [(image.number, store.data(image)) for image in store.step_images(step.id)],
            )
            for step in store.steps(turn.id)
        ]  # fmt: skip
        parent = None if turn.parent is None else order[turn.parent]
        pictures = [(image.number, image.kind, image.sha256) for image in store.turn_images(turn.id)]
        found.append(
            (parent, turn.request, turn.plan, turn.status, turn.tokens, turn.created, steps, pictures)
        )
    return found


def test_a_round_trip_keeps_everything(tmp_path: Path) -> None:
    with Store(tmp_path / "one.db") as one, Store(tmp_path / "two.db") as two:
        grow(two, "other")  # so that row numbers differ
        talk = grow(one)
        path = export(one, one.conversation(talk), tmp_path / "trip.ace")
        taken = import_conversation(two, path)
        assert taken.name == "trip"
        assert shape(two, "trip") == shape(one, "trip")
        assert [turn.request for turn in two.search("right", conversation=taken.id)] == ["right"]
        assert import_conversation(two, path).name == "trip-2"
        assert import_conversation(two, path, "third").name == "third"
        assert check(two) == []


def test_an_export_neither_waits_for_writers_nor_keeps_them_waiting(tmp_path: Path) -> None:
    """It took the lock that writing needs, so nothing could be exported from a store that is read-only."""
    with Store(tmp_path / "one.db") as one, Store(tmp_path / "one.db") as other:
        talk = one.conversation(grow(one))
        with other.transaction():
            other.begin_turn(talk.id, None, "not finished", "{}")
            path = export(one, talk, tmp_path / "trip.ace")
        with Store(tmp_path / "two.db") as two:
            import_conversation(two, path)
            assert two.search("finished") == []
        one.read_only = True
        export(one, talk, tmp_path / "again.ace")


def rewrite(path: Path, change: Callable[[dict[str, Any]], None], blobs: bool = True) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(parts["conversation.json"])
    change(document)
    parts["conversation.json"] = json.dumps(document).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data if blobs or name == "conversation.json" else b"other")


def _drop_turn(document: dict[str, Any]) -> None:
    del document["turns"][0]


def _bad_type(document: dict[str, Any]) -> None:
    document["turns"][0]["request"] = 3


def _bad_status(document: dict[str, Any]) -> None:
    document["turns"][0]["status"] = "odd"


def _bad_name(document: dict[str, Any]) -> None:
    document["name"] = "../../x"


def _extra(document: dict[str, Any]) -> None:
    document["images"][0]["path"] = "/etc/passwd"


def _newer(document: dict[str, Any]) -> None:
    document["format"] = 2


def _traversal(document: dict[str, Any]) -> None:
    document["images"][0]["sha256"] = "../conversation.json"


@pytest.mark.parametrize(
    "change", [_drop_turn, _bad_type, _bad_status, _bad_name, _extra, _newer, _traversal]
)
def test_a_broken_file_is_refused_whole(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with Store(tmp_path / "one.db") as one, Store(tmp_path / "two.db") as two:
        path = export(one, one.conversation(grow(one)), tmp_path / "trip.ace")
        rewrite(path, change)
        with pytest.raises(StoreError) as error:
            import_conversation(two, path)
        assert "\n" not in str(error.value)
        assert two.conversations() == []
        assert two.rows("SELECT count(*) AS n FROM blobs")[0]["n"] == 0


def test_damaged_pictures_and_files_are_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "one.db") as one, Store(tmp_path / "two.db") as two:
        path = export(one, one.conversation(grow(one)), tmp_path / "trip.ace")
        truncated = tmp_path / "short.ace"
        truncated.write_bytes(path.read_bytes()[:-200])
        rewrite(path, lambda document: None, blobs=False)
        for broken in (path, truncated, tmp_path / "none.ace", tmp_path):
            with pytest.raises(StoreError) as error:
                import_conversation(two, broken)
            assert "\n" not in str(error.value)
        assert two.conversations() == []


def test_a_branch_is_the_same_tree_standing_elsewhere(tmp_path: Path) -> None:
    with Store(tmp_path / "one.db") as store:
        talk = store.conversation(grow(store))
        root = store.turns(talk.id)[0]
        other = branch_conversation(store, talk, "elsewhere", root.id)
        assert [turn.request for turn in store.path_to(other.tip)] == ["photo to night"]
        assert shape(store, "elsewhere")[2:] == shape(store, "trip")[2:]
        assert store.conversation(talk.id) == talk
        assert check(store) == []
        with pytest.raises(StoreError, match="already"):
            branch_conversation(store, talk, "trip", root.id)
        assert len(store.conversations()) == 2
