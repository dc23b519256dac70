-- A store as the first schema wrote it. Never change this file.
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
INSERT INTO conversations(id, name, tip, created) VALUES (1, 'old', NULL, 1700000000.0);
INSERT INTO turns(id, conversation, parent, request, plan, status, created, tokens) VALUES
 (1, 1, NULL, 'a red fox', '{"version": 1}', 'done', 1700000001.0, 0),
 (2, 1, 1, 'make it night', '{"version": 1}', 'done', 1700000002.0, 64);
UPDATE conversations SET tip = 2;
INSERT INTO blobs VALUES ('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', X'616263', 'image/png');
INSERT INTO steps(id, turn, position, task, instruction, recipe, created) VALUES
 (1, 1, 0, 'text_to_image', 'a red fox', '{"format": 1}', 1700000001.5),
 (2, 2, 0, 'edit_scene', 'Make it night in {image}.', '{"format": 1}', 1700000002.5);
INSERT INTO images(id, conversation, number, kind, sha256, width, height, step, turn, created) VALUES
 (1, 1, 1, 'image', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 8, 8, 1, 1, 1700000001.5),
 (2, 1, 2, 'image', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 8, 8, 2, 2, 1700000002.5);
INSERT INTO step_inputs VALUES (2, 0, 'image', 1);
INSERT INTO turns_fts(rowid, request, instructions) VALUES (1, 'a red fox', 'a red fox'),
 (2, 'make it night', 'Make it night in {image}.');
PRAGMA user_version = 1;
