-- Versions of the database of what apps keep. A version, once released, is never edited.

-- version: 1
CREATE TABLE spaces (
	space text PRIMARY KEY,
	revision bigint NOT NULL,
	keys bigint NOT NULL,
	bytes bigint NOT NULL
);

CREATE TABLE items (
	space text NOT NULL,
	scope text NOT NULL,
	key text NOT NULL,
	value text NOT NULL,
	revision bigint NOT NULL,
	bytes bigint NOT NULL,
	written_usec bigint NOT NULL,
	PRIMARY KEY (space, scope, key)
);

CREATE TABLE done (
	id text PRIMARY KEY,
	answer text NOT NULL,
	at_sec bigint NOT NULL
);
CREATE INDEX done_at ON done (at_sec);

-- version: 2
ALTER TABLE spaces ADD COLUMN files bigint NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN file_bytes bigint NOT NULL DEFAULT 0;

CREATE TABLE files (
	space text NOT NULL,
	name text NOT NULL,
	id text NOT NULL,
	size bigint NOT NULL,
	revision bigint NOT NULL,
	written_usec bigint NOT NULL,
	PRIMARY KEY (space, name)
);
CREATE INDEX files_id ON files (space, id);

-- version: 3
-- A snapshot is a revision of its Space. What a write replaces and a snapshot still has goes here:
-- it was there from its revision on, and until that one.
CREATE TABLE snapshots (
	space text NOT NULL,
	revision bigint NOT NULL,
	made_usec bigint NOT NULL,
	PRIMARY KEY (space, revision)
);

CREATE TABLE old_items (
	space text NOT NULL,
	scope text NOT NULL,
	key text NOT NULL,
	value text NOT NULL,
	revision bigint NOT NULL,
	bytes bigint NOT NULL,
	until bigint NOT NULL,
	PRIMARY KEY (space, scope, key, revision)
);

CREATE TABLE old_files (
	space text NOT NULL,
	name text NOT NULL,
	id text NOT NULL,
	size bigint NOT NULL,
	revision bigint NOT NULL,
	written_usec bigint NOT NULL,
	until bigint NOT NULL,
	PRIMARY KEY (space, name, revision)
);
CREATE INDEX old_files_id ON old_files (space, id);
