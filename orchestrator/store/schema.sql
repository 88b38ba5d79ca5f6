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

-- version: 6
-- Spaces, models and datasets are repos; kind: 0 a Space, 1 a model, 2 a dataset. deleted_usec: 0 while
-- it is there. heat: see hub/heat.h. card: the front matter as JSON. words: owner, name and title in
-- lower case, what a search for part of a word looks through. number: what the text index goes by.
CREATE TABLE repos (
	number integer PRIMARY KEY,
	id text NOT NULL UNIQUE,
	kind bigint NOT NULL,
	owner text NOT NULL,
	name text NOT NULL,
	private bigint NOT NULL,
	likes bigint NOT NULL DEFAULT 0,
	heat bigint NOT NULL DEFAULT 0,
	title text NOT NULL DEFAULT '',
	sdk text NOT NULL DEFAULT '',
	card text NOT NULL DEFAULT '{}',
	words text NOT NULL,
	created_usec bigint NOT NULL,
	updated_usec bigint NOT NULL,
	deleted_usec bigint NOT NULL DEFAULT 0
);
INSERT INTO repos (number, id, kind, owner, name, private, title, words, created_usec, updated_usec)
SELECT row_number() OVER (ORDER BY s.created_usec, s.id), s.id, 0, s.owner, s.name, s.private,
	coalesce(b.title, ''), coalesce(s.words, lower(s.owner || '/' || s.name)), s.created_usec,
	s.updated_usec
FROM spaces s LEFT JOIN builds b ON b.id = s.live_build;
CREATE UNIQUE INDEX repos_name ON repos (kind, owner, lower(name)) WHERE deleted_usec = 0;
CREATE INDEX repos_updated ON repos (kind, updated_usec DESC, number DESC);
CREATE INDEX repos_created ON repos (kind, created_usec DESC, number DESC);
CREATE INDEX repos_likes ON repos (kind, likes DESC, number DESC);
CREATE INDEX repos_heat ON repos (kind, heat DESC, number DESC);
CREATE INDEX repos_deleted ON repos (deleted_usec) WHERE deleted_usec > 0;

-- What a repo was called before, in lower case: it leads there until something else has that name.
CREATE TABLE repo_names (
	kind bigint NOT NULL,
	owner text NOT NULL,
	name text NOT NULL,
	repo_id text NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
	PRIMARY KEY (kind, owner, name)
);
CREATE INDEX repo_names_repo ON repo_names (repo_id);

-- As lists filter by them: "chat", "license:mit", "dataset:ada/songs".
CREATE TABLE repo_tags (
	tag text NOT NULL,
	number integer NOT NULL REFERENCES repos (number) ON DELETE CASCADE,
	PRIMARY KEY (tag, number)
);
CREATE INDEX repo_tags_number ON repo_tags (number);

CREATE TABLE likes (
	repo_id text NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
	user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	created_usec bigint NOT NULL,
	PRIMARY KEY (repo_id, user_id)
);
CREATE INDEX likes_user ON likes (user_id);

-- SQLite's own; elsewhere a table with a text index takes its place.
CREATE VIRTUAL TABLE repo_text USING fts5 (name, title, tags, card, source,
	tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
INSERT INTO repo_text (rowid, name, title, tags, card, source)
SELECT number, name, title, '', '', '' FROM repos;

-- Owner, name and visibility have left these two; to drop a column of a key they are made anew.
CREATE TABLE spaces_6 (
	id text PRIMARY KEY REFERENCES repos (id) ON DELETE CASCADE,
	live_build text,
	epoch bigint NOT NULL
);
INSERT INTO spaces_6 (id, live_build, epoch) SELECT id, live_build, epoch FROM spaces;
CREATE TABLE builds_6 (
	id text PRIMARY KEY,
	space_id text NOT NULL REFERENCES spaces_6 (id) ON DELETE CASCADE,
	number bigint NOT NULL,
	state text NOT NULL,
	commit_id text NOT NULL,
	bundle text,
	entry text,
	class text,
	sleep_sec bigint NOT NULL,
	replicas bigint NOT NULL,
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
INSERT INTO builds_6 (id, space_id, number, state, commit_id, bundle, entry, class, sleep_sec, replicas,
	title, emoji, tree, api, message, phases, log, created_usec)
SELECT id, space_id, number, state, commit_id, bundle, entry, class, sleep_sec, replicas, title, emoji,
	tree, api, message, phases, log, created_usec FROM builds;
DROP TABLE builds;
DROP TABLE spaces;
ALTER TABLE spaces_6 RENAME TO spaces;
ALTER TABLE builds_6 RENAME TO builds;
CREATE INDEX builds_pending ON builds (state);

-- version: 8
-- What an app reads of its Space's settings. settings counts the changes. bytes: of name and value,
-- as they were before they were sealed.
ALTER TABLE spaces ADD COLUMN settings bigint NOT NULL DEFAULT 0;
-- How it is to run, beside what its front matter says: null where the owner has not said.
ALTER TABLE spaces ADD COLUMN paused bigint NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN sleep_sec bigint;
ALTER TABLE spaces ADD COLUMN hardware text;
CREATE TABLE variables (
	space_id text NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
	name text NOT NULL,
	value text NOT NULL,
	words text NOT NULL,
	updated_usec bigint NOT NULL,
	bytes bigint NOT NULL,
	PRIMARY KEY (space_id, name)
);
CREATE TABLE secrets (
	space_id text NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
	name text NOT NULL,
	sealed text NOT NULL,
	words text NOT NULL,
	updated_usec bigint NOT NULL,
	bytes bigint NOT NULL,
	PRIMARY KEY (space_id, name)
);

-- Who opened, set or removed which secrets: rows are only ever added, and outlive their Space.
-- what: read | set | removed. names: separated by commas.
CREATE TABLE secret_audit (
	id text PRIMARY KEY,
	at_usec bigint NOT NULL,
	space_id text NOT NULL,
	space text NOT NULL,
	what text NOT NULL,
	names text NOT NULL,
	who text NOT NULL,
	why text NOT NULL
);
CREATE INDEX secret_audit_space ON secret_audit (space_id, at_usec);

-- version: 9
-- Which repo has which large file, a blob by its SHA-256. touched_usec: when it was uploaded or last
-- asked for by a push; for a while after that it stays without a commit that points to it.
CREATE TABLE lfs_objects (
	repo_id text NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
	oid text NOT NULL,
	size bigint NOT NULL,
	touched_usec bigint NOT NULL,
	PRIMARY KEY (repo_id, oid)
);
CREATE INDEX lfs_objects_oid ON lfs_objects (oid);
CREATE INDEX builds_bundle ON builds (bundle);

-- version: 10
-- The commit of main that title, tags, card and text were read from; '' before the first push.
ALTER TABLE repos ADD COLUMN head text NOT NULL DEFAULT '';
UPDATE repos SET head = coalesce((SELECT b.commit_id FROM spaces s JOIN builds b ON b.id = s.live_build
WHERE s.id = repos.id), '');

-- version: 11
-- narrow: the token is good for the repos in token_repos only. expires_usec: 0: never.
ALTER TABLE tokens ADD COLUMN narrow bigint NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN expires_usec bigint NOT NULL DEFAULT 0;
CREATE TABLE token_repos (
	token_id text NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	repo_id text NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
	PRIMARY KEY (token_id, repo_id)
);
CREATE INDEX token_repos_repo ON token_repos (repo_id);

-- version: 12
-- An organisation's name is nobody else's: users have the same names. role: as enum role numbers them.
CREATE TABLE organisations (
	name text PRIMARY KEY,
	fullname text NOT NULL,
	created_usec bigint NOT NULL
);
CREATE TABLE members (
	organisation text NOT NULL REFERENCES organisations (name) ON DELETE CASCADE,
	user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	role bigint NOT NULL,
	created_usec bigint NOT NULL,
	PRIMARY KEY (organisation, user_id)
);
CREATE INDEX members_user ON members (user_id);
-- The user who made it; '': nobody who is known.
ALTER TABLE repos ADD COLUMN maker text NOT NULL DEFAULT '';

-- version: 13
-- Links that let somebody make an account, once. hash: of what the link holds.
CREATE TABLE invitations (
	hash text PRIMARY KEY,
	made_by text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	expires_usec bigint NOT NULL
);

-- version: 14
-- Repos that an administrator has taken down. reason: its owner reads it. was_*: what lifting brings back.
CREATE TABLE takedowns (
	repo_id text PRIMARY KEY REFERENCES repos (id) ON DELETE CASCADE,
	reason text NOT NULL,
	by_user text NOT NULL,
	at_usec bigint NOT NULL,
	was_private bigint NOT NULL,
	was_paused bigint NOT NULL
);

-- version: 15
-- Branches of Spaces that are served beside what is live. id: a repo of kind 3 and its Space, whose
-- name is the parent's, '--', and a label of the branch. pushed_usec: since when it is kept.
CREATE TABLE previews (
	id text PRIMARY KEY REFERENCES spaces (id) ON DELETE CASCADE,
	parent_id text NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
	branch text NOT NULL,
	pushed_usec bigint NOT NULL,
	UNIQUE (parent_id, branch)
);
CREATE INDEX previews_pushed ON previews (pushed_usec);

-- version: 16
-- What an account has used, in slots of ten minutes of wall clock; what models cost says the same call
-- by call. Before, it was one level that ran off.
CREATE TABLE account_slots (
	account text NOT NULL,
	slot bigint NOT NULL,
	nsec bigint NOT NULL,
	PRIMARY KEY (account, slot)
);
CREATE INDEX account_slots_slot ON account_slots (slot);
INSERT INTO account_slots (account, slot, nsec)
SELECT account, ended_usec / 600000000, sum(device_nsec) FROM usage GROUP BY 1, 2;
DROP TABLE accounts;

-- Policies as they were applied, who applied them and why; the last one counts.
CREATE TABLE policies (
	version bigint PRIMARY KEY,
	at_usec bigint NOT NULL,
	who text NOT NULL,
	why text NOT NULL,
	body text NOT NULL
);

-- Seconds beside a tier's. Nobody changes a row; expires_usec: 0: never.
CREATE TABLE credits (
	id text PRIMARY KEY,
	account text NOT NULL,
	nsec bigint NOT NULL,
	at_usec bigint NOT NULL,
	expires_usec bigint NOT NULL,
	who text NOT NULL,
	why text NOT NULL
);
CREATE INDEX credits_account ON credits (account, at_usec);
CREATE TABLE credits_used (
	credit_id text PRIMARY KEY REFERENCES credits (id),
	nsec bigint NOT NULL
);

-- version: 17
-- What was done, by whom: rows that nothing changes or removes, each with the hash of the one before.
CREATE TABLE audit (
	n bigint PRIMARY KEY,
	at_usec bigint NOT NULL,
	who text NOT NULL,
	action text NOT NULL,
	subject text NOT NULL,
	detail text NOT NULL,
	prev text NOT NULL,
	hash text NOT NULL
);

-- version: 18
-- Hosts that the app may speak HTTP with, with spaces between them; null: none.
ALTER TABLE builds ADD COLUMN http text;

-- version: 19
-- What calls that have left the ledger have used: by the day (UTC, since 1970) on which they ended.
CREATE TABLE usage_days (
	day bigint NOT NULL,
	account text NOT NULL,
	space text NOT NULL,
	model text NOT NULL,
	calls bigint NOT NULL,
	device_nsec bigint NOT NULL,
	tokens_in bigint NOT NULL,
	tokens_out bigint NOT NULL,
	PRIMARY KEY (day, account, space, model)
);
-- Calls that are there and days that were summed up, as one; at_usec of a day: when it began.
CREATE VIEW usage_all AS
SELECT ended_usec AS at_usec, account, space, model, 1 AS calls, device_nsec, tokens_in, tokens_out
FROM usage
UNION ALL
SELECT day * 86400000000, account, space, model, calls, device_nsec, tokens_in, tokens_out
FROM usage_days;

-- version: 20
-- Hosts that owners bring for their Spaces. proved_usec: 0: a claim, which anybody may make; words: why
-- it is not proved.
CREATE TABLE domains (
	host text NOT NULL,
	space_id text NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
	token text NOT NULL,
	words text NOT NULL,
	asked_usec bigint NOT NULL,
	proved_usec bigint NOT NULL,
	PRIMARY KEY (host, space_id)
);
CREATE UNIQUE INDEX domains_proved ON domains (host) WHERE proved_usec > 0;
CREATE INDEX domains_space ON domains (space_id);

-- version: 21
-- The statements ask both tables themselves: through the view a day's row was found by no key.
DROP VIEW usage_all;
CREATE INDEX usage_days_account ON usage_days (account, day);
