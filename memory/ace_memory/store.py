"""The store: append-only, except for tips, status, pruning and forgetting."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Sequence

from ace_memory.connection import Connection
from ace_memory.records import ConversationRow, ImageRow, NewImage, StepRow, TurnRow

FAR = 64
"""Turns that `history` looks back one by one for an anchor; beyond that one query reads the whole path."""


class Store(Connection):
    """Conversations, their trees of turns, the executed steps and the pictures."""

    # Conversations

    def create_conversation(self, name: str | None = None) -> ConversationRow:
        """Create an empty conversation; the default names are `talk-1`, `talk-2` ..."""
        with self.transaction():
            if name is None:
                taken = {
                    row["name"]
                    for row in self.rows("SELECT name FROM conversations WHERE name GLOB 'talk-*'")
                }
                count = 1
                while f"talk-{count}" in taken:
                    count += 1
                name = f"talk-{count}"
            self.check_name(name)
            if self.rows("SELECT 1 FROM conversations WHERE name = ?", name):
                raise self.error(f"there is a conversation {name!r} already", f"reopen it with -c {name}")
            now = time.time()
            key = self.insert("conversations", name=name, created=now, used=now)
            self._use(key)
            return self.conversation(key)

    def conversation(self, key: int | str) -> ConversationRow:
        """The conversation with this id or name."""
        column = "id" if isinstance(key, int) else "name"
        found = self.records(ConversationRow, f"SELECT * FROM conversations WHERE {column} = ?", key)
        if not found:
            raise self.error(f"there is no conversation {key!r}", "`ace conversations` lists them")
        return found[0]

    def find_conversation(self, name: str) -> ConversationRow | None:
        """The conversation with this name, or None."""
        found = self.records(ConversationRow, "SELECT * FROM conversations WHERE name = ?", name)
        return found[0] if found else None

    def conversations(self) -> list[ConversationRow]:
        """All conversations, most recently used first."""
        return self.records(ConversationRow, "SELECT * FROM conversations ORDER BY last_use DESC, id DESC")

    def latest_conversation(self) -> ConversationRow | None:
        found = self.records(
            ConversationRow, "SELECT * FROM conversations ORDER BY last_use DESC, id DESC LIMIT 1"
        )
        return found[0] if found else None

    def counts(self, conversation: int) -> tuple[int, int]:
        """Turns and pictures of a conversation."""
        row = self.rows(
            "SELECT (SELECT count(*) FROM turns WHERE conversation = ?) AS turns,"
            " (SELECT count(*) FROM images WHERE conversation = ? AND kind = 'image') AS images",
            conversation, conversation,
        )[0]  # fmt: skip
        return row["turns"], row["images"]

    def rename(self, conversation: int, name: str) -> None:
        self.check_name(name)
        with self.transaction():
            if self.rows("SELECT 1 FROM conversations WHERE name = ? AND id != ?", name, conversation):
                raise self.error(f"there is a conversation {name!r} already", "choose another name")
            self.execute("UPDATE conversations SET name = ? WHERE id = ?", name, conversation)

    def _use(self, conversation: int) -> None:
        """Mark a conversation as the most recently used."""
        self.execute(
            "UPDATE conversations SET used = ?, last_use = (SELECT max(last_use) FROM conversations) + 1"
            " WHERE id = ?",
            time.time(), conversation,
        )  # fmt: skip

    def check_name(self, name: str) -> None:
        """Raise for a name that cannot serve as a command-line argument and in a file name."""
        if not re.fullmatch(r"[^\W_][\w .-]{0,79}", name) or name != name.strip():
            raise self.error(
                f"{name!r} cannot be a conversation's name",
                "use letters, digits, spaces, dots, - and _, at most 80, beginning with a letter or digit",
            )

    # The tree of turns

    def turn(self, key: int) -> TurnRow:
        found = self.records(TurnRow, "SELECT * FROM turns WHERE id = ?", key)
        if not found:
            raise self.error(f"there is no turn {key}", "`ace history` lists them")
        return found[0]

    def turns(self, conversation: int) -> list[TurnRow]:
        """All turns of the tree, oldest first."""
        return self.records(TurnRow, "SELECT * FROM turns WHERE conversation = ? ORDER BY id", conversation)

    def newest_turn(self, conversation: int) -> int:
        """The id of the newest turn; 0 if there is none."""
        sql = "SELECT coalesce(max(id), 0) AS id FROM turns WHERE conversation = ?"
        return int(self.rows(sql, conversation)[0]["id"])

    def open_turns(self, conversation: int) -> list[TurnRow]:
        """The turns that are not done, oldest first."""
        sql = "SELECT * FROM turns WHERE conversation = ? AND status != 'done' ORDER BY id"
        return self.records(TurnRow, sql, conversation)

    def path_to(self, tip: int | None) -> list[TurnRow]:
        """The turns from the root to `tip`."""
        return self.records(
            TurnRow,
            "WITH RECURSIVE path(id, parent) AS ("
            " SELECT id, parent FROM turns WHERE id = ?"
            " UNION ALL SELECT t.id, t.parent FROM turns t JOIN path ON t.id = path.parent)"
            " SELECT turns.* FROM path JOIN turns USING (id) ORDER BY turns.id",
            tip,
        )

    def recent(self, tip: int | None, limit: int) -> list[TurnRow]:
        """`tip` and its nearest ancestors, oldest first."""
        return [self.turn(key) for key, _ in reversed(self._costs(tip, limit))]

    def number_of(self, turn: TurnRow) -> int:
        """A turn's place in its conversation, from 1, over all branches."""
        sql = "SELECT count(*) AS n FROM turns WHERE conversation = ? AND id <= ?"
        return int(self.rows(sql, turn.conversation, turn.id)[0]["n"])

    def numbers(self, conversation: int) -> dict[int, int]:
        """The place of every turn in its conversation, from 1, by its id."""
        rows = self.rows("SELECT id FROM turns WHERE conversation = ? ORDER BY id", conversation)
        return {row["id"]: number for number, row in enumerate(rows, 1)}

    def begin_turn(
        self,
        conversation: int,
        parent: int | None,
        request: str,
        plan: str,
        attachments: Sequence[NewImage] = (),
        owner: str = "",
    ) -> tuple[TurnRow, list[ImageRow]]:
        """Add a running turn below `parent` with its attached pictures. The tip does not move."""
        with self.transaction():
            now = time.time()
            key = self.insert(
                "turns", conversation=conversation, parent=parent, request=request, plan=plan,
                status="running", created=now, owner=owner,
            )  # fmt: skip
            self.execute(
                "INSERT INTO turns_fts(rowid, request, instructions) VALUES (?, ?, '')", key, request
            )
            self._use(conversation)
            images = [self.add_image(conversation, image, turn=key) for image in attachments]
            return self.turn(key), images

    def set_plan(self, turn: int, plan: str) -> None:
        with self.transaction():
            self.execute("UPDATE turns SET plan = ? WHERE id = ?", plan, turn)

    def set_status(self, turn: int, status: str, note: str = "", owner: str = "") -> None:
        with self.transaction():
            self.execute(
                "UPDATE turns SET status = ?, note = ?, owner = ? WHERE id = ?", status, note, owner, turn
            )

    def finish_turn(self, turn: int, tokens: int, note: str = "") -> int | None:
        """Mark a turn done and move the tip to it. Returns the previous tip, so that the caller can tell whether
        another process has moved it."""
        with self.transaction():
            row = self.turn(turn)
            before = self.conversation(row.conversation).tip
            self.execute(
                "UPDATE turns SET status = 'done', tokens = ?, note = ?, owner = '' WHERE id = ?",
                tokens, note, turn,
            )  # fmt: skip
            self.execute(
                "UPDATE conversations SET tip = ?, head = ?, chosen = NULL WHERE id = ?",
                turn,
                turn,
                row.conversation,
            )
            self._use(row.conversation)
            return before

    def move_tip(
        self, conversation: int, turn: int | None, *, keep_head: bool = False, chosen: int | None = None
    ) -> None:
        """Move the tip to a finished turn, or to before the first one.

        `keep_head` keeps the target of redo; `chosen` is the current picture (its row) if not the turn's own.
        """
        with self.transaction():
            if turn is not None:
                row = self.turn(turn)
                if row.conversation != conversation or row.status != "done":
                    raise self.error(
                        f"turn {turn} is not one to go to: it is {row.status}", "choose a finished one"
                    )
            self.execute(
                "UPDATE conversations SET tip = ?, chosen = ? WHERE id = ?", turn, chosen, conversation
            )
            self._use(conversation)
            if not keep_head:
                self.execute("UPDATE conversations SET head = ? WHERE id = ?", turn, conversation)

    def undo(self, conversation: int) -> TurnRow | None:
        """Move the tip to its parent; returns the undone turn, or None at the root."""
        with self.transaction():
            row = self.conversation(conversation)
            if row.tip is None:
                return None
            turn = self.turn(row.tip)
            self.move_tip(conversation, turn.parent, keep_head=True)
            return turn

    def choose(self, conversation: int, image: int | None) -> None:
        """Make a picture the current one without moving the tip; None: the tip's own."""
        self.execute("UPDATE conversations SET chosen = ? WHERE id = ?", image, conversation)

    def redo(self, conversation: int) -> TurnRow | None:
        """Move the tip one turn towards the head; returns the redone turn, or None if there is none."""
        with self.transaction():
            row = self.conversation(conversation)
            key = row.head
            while key is not None and key != row.tip:
                turn = self.turn(key)
                if turn.parent == row.tip:
                    self.move_tip(conversation, key, keep_head=True)
                    return turn
                key = turn.parent
            return None

    def history(self, tip: int | None, budget: int) -> list[TurnRow]:
        """The contiguous run of turns, oldest first, that the model sees before a turn below `tip`.

        The run starts at an anchor, which depends only on the costs (`tokens`) along the path. It begins at
        the root; when the run exceeds `budget`, it jumps forward until the run fits half the budget, and so
        stays put for many turns. `anchors` caches the anchor of each tip, so that the path is walked only
        once.
        """
        if tip is None:
            return []
        walked: list[tuple[int, int]] = []
        key: int | None = tip
        kept = 0
        while key is not None:
            found = self.rows("SELECT turns FROM anchors WHERE turn = ? AND budget = ?", key, budget)
            if found:
                kept = found[0]["turns"]
                break
            if len(walked) == FAR:
                walked += self._costs(key, -1)
                break
            walked += self._costs(key, 1)
            key = self.turn(key).parent
        run = deque(reversed(self._costs(key, kept) if kept else []))
        total = sum(tokens for _, tokens in run)
        for turn in reversed(walked):
            run.append(turn)
            total += turn[1]
            if total > budget:
                while run and total > budget // 2:
                    total -= run.popleft()[1]
        if walked and not self.read_only and self.turn(tip).status == "done":
            with self.transaction():
                self.execute("INSERT OR REPLACE INTO anchors VALUES (?, ?, ?)", tip, budget, len(run))
        return [self.turn(key) for key, _ in run]

    def _costs(self, tip: int | None, limit: int) -> list[tuple[int, int]]:
        """(turn, tokens) of `tip` and its ancestors, at most `limit` of them (-1: all), youngest first."""
        rows = self.rows(
            "WITH RECURSIVE path(id, parent, tokens) AS ("
            " SELECT id, parent, tokens FROM turns WHERE id = ?"
            " UNION ALL SELECT t.id, t.parent, t.tokens FROM turns t JOIN path ON t.id = path.parent LIMIT ?)"
            " SELECT id, tokens FROM path",
            tip, limit,
        )  # fmt: skip
        return [(row["id"], row["tokens"]) for row in rows]

    # Steps and images

    def add_step(
        self,
        turn: int,
        position: int,
        task: str,
        instruction: str,
        recipe: str,
        inputs: Iterable[tuple[str, int | NewImage]],
        images: Sequence[NewImage],
    ) -> list[ImageRow]:
        """Add an executed step, its inputs as (role, image id) in order, and its pictures, in one transaction.

        Raises StoreError if the step exists already (another process has resumed the same turn).
        """
        with self.transaction(durable=bool(images)):
            row = self.turn(turn)
            if self.rows("SELECT 1 FROM steps WHERE turn = ? AND position = ?", turn, position):
                raise self.error(f"step {position + 1} of turn {turn} was done meanwhile by another process")
            key = self.insert(
                "steps", turn=turn, position=position, task=task, instruction=instruction, recipe=recipe,
                created=time.time(),
            )  # fmt: skip
            made = [self.add_image(row.conversation, image, turn=turn, step=key) for image in images]
            counts = {"image": 0, "mask": 0}
            for role, image in inputs:
                if isinstance(image, NewImage):
                    image = self.add_image(row.conversation, image, turn=turn).id
                self.insert("step_inputs", step=key, position=counts[role], role=role, image=image)
                counts[role] += 1
            self.execute(
                "UPDATE turns_fts SET instructions = instructions || ? || char(10) WHERE rowid = ?",
                instruction, turn,
            )  # fmt: skip
            return made

    def add_image(
        self, conversation: int, image: NewImage, *, turn: int | None = None, step: int | None = None
    ) -> ImageRow:
        """Store a picture under the next number; identical bytes are stored once."""
        digest = image.sha256
        with self.transaction():
            self.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", digest, image.data, image.media)
            number = self.conversation(conversation).last_number + 1
            self.execute("UPDATE conversations SET last_number = ? WHERE id = ?", number, conversation)
            key = self.insert(
                "images", conversation=conversation, number=number, kind=image.kind, sha256=digest,
                width=image.width, height=image.height, step=step, variation=image.variation, turn=turn,
                caption=image.caption, source=image.source, created=time.time(),
            )  # fmt: skip
            return self.image_by_id(key)

    def steps(self, turn: int) -> list[StepRow]:
        """The steps of a turn, in plan order."""
        return self.records(StepRow, "SELECT * FROM steps WHERE turn = ? ORDER BY position", turn)

    def step(self, key: int) -> StepRow:
        return self.records(StepRow, "SELECT * FROM steps WHERE id = ?", key)[0]

    def step_inputs(self, step: int) -> list[tuple[str, ImageRow]]:
        """The inputs of a step as (role, image): images first, then masks, each in order."""
        rows = self.rows("SELECT role, image FROM step_inputs WHERE step = ? ORDER BY role, position", step)
        return [(row["role"], self.image_by_id(row["image"])) for row in rows]

    def step_images(self, step: int) -> list[ImageRow]:
        """The pictures of a step, in order of variation."""
        return self.records(ImageRow, "SELECT * FROM images WHERE step = ? ORDER BY variation, id", step)

    def image(self, conversation: int, number: int) -> ImageRow:
        found = self.records(
            ImageRow, "SELECT * FROM images WHERE conversation = ? AND number = ?", conversation, number
        )
        if not found:
            last = self.conversation(conversation).last_number
            raise self.error(
                f"there is no @{number} in this conversation", f"the last is @{last}" if last else ""
            )
        return found[0]

    def image_by_id(self, key: int) -> ImageRow:
        return self.records(ImageRow, "SELECT * FROM images WHERE id = ?", key)[0]

    def images(self, conversation: int) -> list[ImageRow]:
        return self.records(
            ImageRow, "SELECT * FROM images WHERE conversation = ? ORDER BY number", conversation
        )

    def latest_images(self, conversation: int, limit: int) -> list[ImageRow]:
        """The newest pictures, by number."""
        sql = "SELECT * FROM images WHERE conversation = ? ORDER BY number DESC LIMIT ?"
        return self.records(ImageRow, sql, conversation, limit)[::-1]

    def image_numbers(self, conversation: int) -> list[int]:
        """The numbers of all pictures and masks that are not forgotten."""
        sql = "SELECT number FROM images WHERE conversation = ? AND sha256 IS NOT NULL ORDER BY number"
        return [row["number"] for row in self.rows(sql, conversation)]

    def turn_images(self, turn: int) -> list[ImageRow]:
        """The pictures attached to or made in a turn, by number."""
        return self.records(ImageRow, "SELECT * FROM images WHERE turn = ? ORDER BY number", turn)

    def data(self, image: ImageRow) -> bytes:
        """The stored file; raises StoreError if it was forgotten."""
        if image.sha256 is None:
            raise self.error(f"@{image.number} was forgotten", "its picture is gone for good")
        return self.blob(image.sha256)

    def blob(self, sha256: str) -> bytes:
        found = self.rows("SELECT bytes FROM blobs WHERE sha256 = ?", sha256)
        if not found:
            raise self.error(f"no picture {sha256[:12]}... is stored here", "import its conversation first")
        return bytes(found[0]["bytes"])

    def loose_image(self, conversation: int) -> ImageRow | None:
        """The newest picture attached outside any turn."""
        found = self.records(
            ImageRow,
            "SELECT * FROM images WHERE conversation = ? AND turn IS NULL AND kind = 'image'"
            " ORDER BY number DESC LIMIT 1",
            conversation,
        )
        return found[0] if found else None

    # Search

    def search(self, words: str, *, conversation: int | None = None, limit: int = 20) -> list[TurnRow]:
        """Turns whose request or instructions contain every word, matched as a prefix; newest first."""
        terms = re.findall(r"\w+", words)
        if not terms:
            return []
        match = " ".join(f'"{term}"*' for term in terms)
        mine = "AND turns.conversation = ?" if conversation is not None else ""
        return self.records(
            TurnRow,
            "SELECT turns.* FROM turns_fts JOIN turns ON turns.id = turns_fts.rowid"
            f" WHERE turns_fts MATCH ? {mine} ORDER BY turns_fts.rowid DESC LIMIT ?",
            match, *(() if conversation is None else (conversation,)), limit,
        )  # fmt: skip
