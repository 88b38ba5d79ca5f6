-- Versions of the database. A version, once released, is never edited: changes are a new one.

-- version: 1
CREATE TABLE users (
	id text PRIMARY KEY,
	name text NOT NULL UNIQUE,
	admin bigint NOT NULL,
	password text NOT NULL,
	created_usec bigint NOT NULL
);

CREATE TABLE sign_ins (
	hash text PRIMARY KEY,
	user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	csrf text NOT NULL,
	created_usec bigint NOT NULL,
	expires_usec bigint NOT NULL
);
CREATE INDEX sign_ins_user ON sign_ins (user_id);

CREATE TABLE tokens (
	id text PRIMARY KEY,
	user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	name text NOT NULL,
	scope text NOT NULL,
	hash text NOT NULL UNIQUE,
	created_usec bigint NOT NULL,
	used_usec bigint NOT NULL
);
CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE spaces (
	id text PRIMARY KEY,
	owner text NOT NULL,
	name text NOT NULL,
	live_build text,
	epoch bigint NOT NULL,
	created_usec bigint NOT NULL,
	updated_usec bigint NOT NULL,
	UNIQUE (owner, name)
);

-- state: pending (accepted, its ref not yet seen to have moved) | ready | failed
CREATE TABLE builds (
	id text PRIMARY KEY,
	space_id text NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
	number bigint NOT NULL,
	state text NOT NULL,
	commit_id text NOT NULL,
	bundle text,
	entry text,
	class text,
	sleep_sec bigint NOT NULL,
	title text,
	emoji text,
	tree text,
	api text,
	message text,
	phases text NOT NULL,
	log text NOT NULL,
	created_usec bigint NOT NULL,
	UNIQUE (space_id, number)
);
CREATE INDEX builds_pending ON builds (state);

-- Repos of deleted Spaces whose folders are still to be removed.
CREATE TABLE trash (
	id text PRIMARY KEY,
	owner text NOT NULL,
	name text NOT NULL
);

-- version: 2
-- Most workers at a time; 0: as many as the operator allows.
ALTER TABLE builds ADD COLUMN replicas bigint NOT NULL DEFAULT 0;

-- version: 3
-- What a search looks through: owner, name and title of what is live, in lower case. Without it each
-- search would read every build's row.
ALTER TABLE spaces ADD COLUMN words text;
UPDATE spaces SET words = (SELECT lower(spaces.owner || '/' || spaces.name || ' ' || b.title)
FROM builds b WHERE b.id = spaces.live_build);
CREATE INDEX spaces_updated ON spaces (updated_usec DESC, id);

-- version: 4
-- Only its owner and administrators know of it.
ALTER TABLE spaces ADD COLUMN private bigint NOT NULL DEFAULT 0;

-- version: 5
-- What models have cost: one row per call, by inference's journal and the number of the call's first
-- row there. n: the last row of the journal that told of it. outcome: running | done | failed |
-- cancelled | quota | lost.
CREATE TABLE usage (
	journal text NOT NULL,
	call bigint NOT NULL,
	n bigint NOT NULL,
	ended_usec bigint NOT NULL,
	payer text NOT NULL,
	account text NOT NULL,
	space_id text NOT NULL,
	space text NOT NULL,
	commit_id text NOT NULL,
	model text NOT NULL,
	task text NOT NULL,
	device text NOT NULL,
	session bigint NOT NULL,
	event bigint NOT NULL,
	queue_usec bigint NOT NULL,
	device_nsec bigint NOT NULL,
	tokens_in bigint NOT NULL,
	tokens_cached bigint NOT NULL,
	tokens_out bigint NOT NULL,
	outcome text NOT NULL,
	PRIMARY KEY (journal, call)
);
CREATE INDEX usage_account ON usage (account, ended_usec);
CREATE INDEX usage_ended ON usage (ended_usec);

-- How far each journal is in the table.
CREATE TABLE usage_journals (
	id text PRIMARY KEY,
	n bigint NOT NULL
);

-- What of a budget is used: it was level_nsec at at_usec, and runs off since then.
CREATE TABLE accounts (
	name text PRIMARY KEY,
	level_nsec bigint NOT NULL,
	at_usec bigint NOT NULL
);
