"""The schema as numbered migrations; `user_version` counts those applied. Never change a released one."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    # 1: the first schema, described in docs/design.md.
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        tip INTEGER REFERENCES turns(id),
        created REAL NOT NULL
    );
    CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversations(id),
        parent INTEGER REFERENCES turns(id),
        request TEXT NOT NULL,
        plan TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'stopped')),
        note TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        tokens INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX turns_conversation ON turns(conversation);
    CREATE INDEX turns_parent ON turns(parent);
    CREATE TABLE steps (
        id INTEGER PRIMARY KEY,
        turn INTEGER NOT NULL REFERENCES turns(id),
        position INTEGER NOT NULL,
        task TEXT NOT NULL,
        instruction TEXT NOT NULL,
        recipe TEXT NOT NULL,
        created REAL NOT NULL,
        UNIQUE (turn, position)
    );
    CREATE TABLE blobs (
        sha256 TEXT PRIMARY KEY,
        bytes BLOB NOT NULL,
        media TEXT NOT NULL
    );
    CREATE TABLE images (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversations(id),
        number INTEGER NOT NULL CHECK (number > 0),
        kind TEXT NOT NULL CHECK (kind IN ('image', 'mask')),
        sha256 TEXT REFERENCES blobs(sha256),
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        step INTEGER REFERENCES steps(id),
        variation INTEGER NOT NULL DEFAULT 1,
        turn INTEGER REFERENCES turns(id),
        caption TEXT NOT NULL DEFAULT '',
        source TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        UNIQUE (conversation, number)
    );
    CREATE INDEX images_step ON images(step);
    CREATE INDEX images_turn ON images(turn);
    CREATE INDEX images_sha256 ON images(sha256);
    CREATE TABLE step_inputs (
        step INTEGER NOT NULL REFERENCES steps(id),
        position INTEGER NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('image', 'mask')),
        image INTEGER NOT NULL REFERENCES images(id),
        PRIMARY KEY (step, role, position)
    );
    CREATE INDEX step_inputs_image ON step_inputs(image);
    CREATE VIRTUAL TABLE turns_fts USING fts5(request, instructions);
    """,
    # 2: undo and redo, concurrent terminals and long conversations.
    # head: the turn that redo leads to; last_number: numbers are not used again after a prune; owner: the
    # process that works on a running turn; anchors: where the run of history ends that a turn's context
    # begins with.
    """
    ALTER TABLE conversations ADD COLUMN head INTEGER REFERENCES turns(id);
    ALTER TABLE conversations ADD COLUMN last_number INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE conversations ADD COLUMN used REAL NOT NULL DEFAULT 0;
    ALTER TABLE turns ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    UPDATE conversations SET head = tip,
        last_number = coalesce((SELECT max(number) FROM images WHERE conversation = conversations.id), 0),
        used = coalesce((SELECT max(created) FROM turns WHERE conversation = conversations.id), created);
    CREATE INDEX conversations_used ON conversations(used);
    CREATE TABLE anchors (
        turn INTEGER NOT NULL REFERENCES turns(id),
        budget INTEGER NOT NULL,
        turns INTEGER NOT NULL,
        PRIMARY KEY (turn, budget)
    ) WITHOUT ROWID;
    """,
    # 3: last_use numbers the uses of conversations in their order; by their times, a clock that was set back
    # put an older one first.
    """
    ALTER TABLE conversations ADD COLUMN last_use INTEGER NOT NULL DEFAULT 0;
    UPDATE conversations SET last_use =
        (SELECT count(*) FROM conversations AS c WHERE (c.used, c.id) <= (conversations.used, conversations.id));
    DROP INDEX conversations_used;
    CREATE INDEX conversations_last_use ON conversations(last_use);
    """,
    # 4: chosen is the picture that somebody went back to, where it is not the tip's own: one of its turn's other
    # results, or the file that the first turn edited.
    """
    ALTER TABLE conversations ADD COLUMN chosen INTEGER REFERENCES images(id) ON DELETE SET NULL;
    """,
)
