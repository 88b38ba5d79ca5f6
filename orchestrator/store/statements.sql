-- Every statement there is, by name. $1, $2 … are the arguments in order. "-- name: X by A B" is two
-- statements, "X by A" and "X by B", with that word for each :by.

-- name: user_add
INSERT INTO users (id, name, admin, password, created_usec) VALUES ($1, $2, $3, $4, $5);
-- name: user_by_name
SELECT id, name, admin, password FROM users WHERE name = $1;
-- name: user_first_admin
SELECT id, name, admin, password FROM users WHERE admin = 1 ORDER BY created_usec, id LIMIT 1;
-- name: user_list
SELECT name, admin, created_usec FROM users ORDER BY name;
-- name: user_count
SELECT count(*) FROM users;
-- name: user_set_password
UPDATE users SET password = $2 WHERE id = $1;

-- name: sign_in_add
INSERT INTO sign_ins (hash, user_id, csrf, created_usec, expires_usec) VALUES ($1, $2, $3, $4, $5);
-- name: sign_in_by_hash
SELECT u.id, u.name, u.admin, s.csrf FROM sign_ins s JOIN users u ON u.id = s.user_id
WHERE s.hash = $1 AND s.expires_usec > $2;
-- name: sign_in_delete
DELETE FROM sign_ins WHERE hash = $1;
-- name: sign_in_delete_others
DELETE FROM sign_ins WHERE user_id = $1 AND hash <> $2;
-- name: sign_in_delete_oldest
DELETE FROM sign_ins WHERE user_id = $1 AND hash <> $3 AND hash NOT IN
(SELECT hash FROM sign_ins WHERE user_id = $1 AND hash <> $3 ORDER BY created_usec DESC, hash LIMIT $2);
-- name: sign_in_delete_expired
DELETE FROM sign_ins WHERE expires_usec <= $1;

-- name: token_add
INSERT INTO tokens (id, user_id, name, scope, hash, created_usec, used_usec, narrow, expires_usec)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8);
-- name: token_repo_add
INSERT INTO token_repos (token_id, repo_id) VALUES ($1, $2)
ON CONFLICT (token_id, repo_id) DO NOTHING;
-- name: token_repos
SELECT repo_id FROM token_repos WHERE token_id = $1;
-- name: token_by_hash
SELECT u.id, u.name, u.admin, t.id, t.name, t.scope, t.created_usec, t.used_usec,
	t.narrow, t.expires_usec
FROM tokens t JOIN users u ON u.id = t.user_id
WHERE t.hash = $1 AND (t.expires_usec = 0 OR t.expires_usec > $2);
-- name: token_list
SELECT t.id, t.name, t.scope, t.created_usec, t.used_usec, t.expires_usec, t.narrow, r.kind, r.owner,
	r.name
FROM tokens t LEFT JOIN token_repos o ON o.token_id = t.id
LEFT JOIN repos r ON r.id = o.repo_id AND r.deleted_usec = 0
WHERE t.user_id = $1 ORDER BY t.created_usec DESC, t.id, r.owner, r.name, r.kind;
-- name: token_count
SELECT count(*) FROM tokens WHERE user_id = $1;
-- name: token_delete
DELETE FROM tokens WHERE id = $1 AND user_id = $2;
-- name: token_delete_named
DELETE FROM tokens WHERE user_id = $1 AND name = $2;
-- name: token_used
UPDATE tokens SET used_usec = $2 WHERE id = $1 AND used_usec < $2;

-- name: invitation_add
INSERT INTO invitations (hash, made_by, expires_usec) VALUES ($1, $2, $3);
-- name: invitation_take
DELETE FROM invitations WHERE hash = $1 AND expires_usec > $2;
-- name: invitation_delete_expired
DELETE FROM invitations WHERE expires_usec <= $1;

-- name: organisation_add
INSERT INTO organisations (name, fullname, created_usec) VALUES ($1, $2, $3);
-- name: organisation_get
SELECT name, fullname, created_usec FROM organisations WHERE name = $1;
-- name: organisation_repos
SELECT count(*) FROM repos WHERE owner = $1;
-- name: organisation_delete
DELETE FROM organisations WHERE name = $1;
-- name: memberships
SELECT m.organisation, m.role, o.fullname FROM members m JOIN organisations o ON o.name = m.organisation
WHERE m.user_id = $1 ORDER BY m.organisation LIMIT $2;
-- name: member_list
SELECT u.id, u.name, m.role, m.created_usec FROM members m JOIN users u ON u.id = m.user_id
WHERE m.organisation = $1 ORDER BY m.role DESC, u.name LIMIT $2;
-- name: member_set
INSERT INTO members (organisation, user_id, role, created_usec) VALUES ($1, $2, $3, $4)
ON CONFLICT (organisation, user_id) DO UPDATE SET role = excluded.role;
-- name: member_remove
DELETE FROM members WHERE organisation = $1 AND user_id = $2;
-- name: member_heads
SELECT count(*) FROM members WHERE organisation = $1 AND role = $2;
-- name: owner_counts
SELECT kind, count(*) FROM repos WHERE owner = $1 AND deleted_usec = 0 AND private = 0 GROUP BY kind;

-- name: repo_add
INSERT INTO repos (number, id, kind, owner, name, private, words, created_usec, updated_usec, maker)
VALUES ((SELECT coalesce(max(number), 0) + 1 FROM repos), $1, $2, $3, $4, $5,
	lower($3 || '/' || $4), $6, $6, $7);
-- name: repo_by_name
SELECT id, kind, owner, name, private, likes, created_usec, updated_usec, deleted_usec, maker
FROM repos
WHERE kind = $1 AND owner = $2 AND lower(name) = lower($3) AND deleted_usec = 0;
-- name: repo_by_former_name
SELECT r.id, r.kind, r.owner, r.name, r.private, r.likes, r.created_usec, r.updated_usec,
	r.deleted_usec, r.maker
FROM repo_names n JOIN repos r ON r.id = n.repo_id
WHERE n.kind = $1 AND n.owner = $2 AND n.name = lower($3) AND r.deleted_usec = 0;
-- name: repo_by_deleted_name
SELECT id, kind, owner, name, private, likes, created_usec, updated_usec, deleted_usec, maker
FROM repos
WHERE kind = $1 AND owner = $2 AND lower(name) = lower($3) AND deleted_usec > 0
ORDER BY deleted_usec DESC LIMIT 1;
-- name: repo_list_deleted
SELECT id, kind, owner, name, private, likes, created_usec, updated_usec, deleted_usec, maker
FROM repos
WHERE deleted_usec > 0 AND deleted_usec < $1 ORDER BY deleted_usec, id LIMIT $2;
-- name: repo_set_deleted
UPDATE repos SET deleted_usec = $2 WHERE id = $1;
-- name: repo_by_id
SELECT id, kind, owner, name, private, likes, created_usec, updated_usec, deleted_usec, maker
FROM repos
WHERE id = $1;
-- name: repo_set_private
UPDATE repos SET private = $2, updated_usec = $3
WHERE id = $1 OR id IN (SELECT id FROM previews WHERE parent_id = $1);
-- name: repo_rename
UPDATE repos SET owner = $2, name = $3, updated_usec = $4,
	words = lower($2 || '/' || $3 || ' ' || title) WHERE id = $1;
-- name: repo_delete
DELETE FROM repos WHERE id = $1;
-- name: repo_note
UPDATE repos SET head = $2, sdk = $3, card = $4, updated_usec = $6,
	title = CASE WHEN $5 = '' THEN title ELSE $5 END,
	words = lower(owner || '/' || name || ' ' || CASE WHEN $5 = '' THEN title ELSE $5 END)
WHERE id = $1;
-- name: repo_heads
SELECT id, kind, owner, name, head, number FROM repos
WHERE number > $1 AND deleted_usec = 0 ORDER BY number LIMIT $2;
-- name: repo_next_model
SELECT id, number FROM repos
WHERE number > $1 AND kind = 1 AND deleted_usec = 0 AND private = 0 AND head <> '' ORDER BY number LIMIT 1;
-- name: repo_tags_clear
DELETE FROM repo_tags WHERE number = (SELECT number FROM repos WHERE id = $1);
-- name: repo_tag_add
INSERT INTO repo_tags (tag, number) SELECT $2, number FROM repos WHERE id = $1
ON CONFLICT (tag, number) DO NOTHING;
-- name: repo_text_add
INSERT INTO repo_text (rowid, name, title, tags, card, source)
SELECT number, owner || '/' || name, title, $2, $3, $4 FROM repos WHERE id = $1;
-- name: repo_list by updated_usec created_usec likes heat
SELECT r.id, r.kind, r.owner, r.name, r.private, r.likes, r.created_usec, r.updated_usec, r.number, k.key,
	r.title, r.sdk, r.card, b.emoji, b.bundle, b.commit_id
FROM (SELECT number, :by AS key FROM repos
	WHERE kind = $1 AND (:by, number) < ($11, $12) AND deleted_usec = 0 AND head <> ''
		AND (private = 0 OR owner = $2 OR $3 = 1 OR owner IN (SELECT m.organisation
			FROM members m JOIN users u ON u.id = m.user_id WHERE u.name = $2))
		AND ($4 IS NULL OR number IN (SELECT number FROM repos
			WHERE kind = $1 AND owner = $4 AND deleted_usec = 0))
		AND ($5 IS NULL OR words LIKE $5 ESCAPE '\'
			OR number IN (SELECT rowid FROM repo_text WHERE repo_text MATCH $6))
		AND ($7 IS NULL OR number IN (SELECT number FROM repo_tags WHERE tag = $7))
		AND ($8 IS NULL OR number IN (SELECT number FROM repo_tags WHERE tag = $8))
		AND ($9 IS NULL OR number IN (SELECT number FROM repo_tags WHERE tag = $9))
		AND ($10 IS NULL OR number IN (SELECT number FROM repo_tags WHERE tag = $10))
	ORDER BY :by DESC, number DESC LIMIT $13) k
JOIN repos r ON r.number = k.number
LEFT JOIN spaces s ON s.id = r.id
LEFT JOIN builds b ON b.id = s.live_build
ORDER BY k.key DESC, k.number DESC;

-- name: repo_heat
SELECT heat FROM repos WHERE id = $1;
-- name: repo_set_heat
UPDATE repos SET heat = $2 WHERE id = $1;
-- name: repo_count_likes
UPDATE repos SET likes = (SELECT count(*) FROM likes WHERE repo_id = $1) WHERE id = $1;
-- name: like_add
INSERT INTO likes (repo_id, user_id, created_usec) VALUES ($1, $2, $3)
ON CONFLICT (repo_id, user_id) DO NOTHING;
-- name: like_delete
DELETE FROM likes WHERE repo_id = $1 AND user_id = $2;
-- name: like_list
SELECT u.name FROM likes l JOIN users u ON u.id = l.user_id WHERE l.repo_id = $1
ORDER BY l.created_usec DESC, u.name LIMIT $2;

-- name: repo_text_delete
DELETE FROM repo_text WHERE rowid = (SELECT number FROM repos WHERE id = $1);
-- name: repo_used_by
SELECT r.owner, r.name FROM repo_tags t JOIN repos r ON r.number = t.number
WHERE t.tag = $1 AND r.kind = $2 AND r.deleted_usec = 0 AND (r.private = 0 OR r.owner = $3 OR $4 = 1
		OR r.owner IN (SELECT m.organisation FROM members m JOIN users u ON u.id = m.user_id
		WHERE u.name = $3))
ORDER BY r.updated_usec DESC, r.number LIMIT $5;
-- name: repo_name_forget
DELETE FROM repo_names WHERE kind = $1 AND owner = $2 AND name = lower($3);
-- name: repo_name_keep
INSERT INTO repo_names (kind, owner, name, repo_id) VALUES ($1, $2, lower($3), $4)
ON CONFLICT (kind, owner, name) DO UPDATE SET repo_id = excluded.repo_id;

-- name: space_add
INSERT INTO spaces (id, live_build, epoch) VALUES ($1, NULL, 0);
-- name: space_by_name
SELECT s.id, r.owner, r.name, s.live_build, s.epoch, r.created_usec, r.updated_usec, r.private,
	s.settings + coalesce(o.settings, 0), s.paused, coalesce(s.sleep_sec, -1),
	coalesce(s.hardware, ''), p.parent_id, p.branch
FROM repos r JOIN spaces s ON s.id = r.id LEFT JOIN previews p ON p.id = s.id
LEFT JOIN spaces o ON o.id = p.parent_id
WHERE r.kind = 0 AND r.owner = $1 AND lower(r.name) = lower($2) AND r.deleted_usec = 0;
-- name: space_by_id
SELECT s.id, r.owner, r.name, s.live_build, s.epoch, r.created_usec, r.updated_usec, r.private,
	s.settings + coalesce(o.settings, 0), s.paused, coalesce(s.sleep_sec, -1),
	coalesce(s.hardware, ''), p.parent_id, p.branch
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN previews p ON p.id = s.id
LEFT JOIN spaces o ON o.id = p.parent_id WHERE s.id = $1;
-- name: space_grow_epoch
UPDATE spaces SET epoch = epoch + 1
WHERE id = $1 OR id IN (SELECT id FROM previews WHERE parent_id = $1);
-- name: space_go_live
UPDATE spaces SET live_build = $2, epoch = epoch + 1 WHERE id = $1 AND epoch = $3;
-- name: space_show_live
UPDATE repos SET updated_usec = $3,
	title = coalesce((SELECT b.title FROM builds b WHERE b.id = $2), ''),
	words = lower(owner || '/' || name || ' ' ||
		coalesce((SELECT b.title FROM builds b WHERE b.id = $2), ''))
WHERE id = $1;
-- name: space_list
SELECT s.id, r.owner, r.name, r.updated_usec, b.title, b.emoji, b.bundle, b.commit_id, r.private
FROM repos r JOIN spaces s ON s.id = r.id JOIN builds b ON b.id = s.live_build
WHERE r.kind = 0 AND r.deleted_usec = 0 AND r.words LIKE $1 ESCAPE '\'
	AND (r.private = 0 OR r.owner = $3 OR $4 = 1
		OR r.owner IN (SELECT m.organisation FROM members m JOIN users u ON u.id = m.user_id
		WHERE u.name = $3))
ORDER BY r.updated_usec DESC, r.number DESC LIMIT $2;
-- name: space_one
SELECT s.id, r.owner, r.name, r.updated_usec, b.title, b.emoji, b.bundle, b.commit_id, r.private
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build WHERE s.id = $1;
-- name: space_routes
SELECT s.id, r.owner, r.name, s.epoch, b.bundle, b.entry, b.class,
	coalesce(s.sleep_sec, o.sleep_sec, b.sleep_sec), b.title, b.tree, b.replicas, b.api,
	r.private, s.settings + coalesce(o.settings, 0),
	CASE WHEN s.paused = 1 OR o.paused = 1 THEN 1 ELSE 0 END, coalesce(s.hardware, o.hardware),
	n.name, p.branch, coalesce(p.pushed_usec, 0), b.http,
	(SELECT group_concat(d.host, ' ') FROM domains d WHERE d.space_id = s.id AND d.proved_usec > 0),
	(SELECT group_concat(f.owner || '/' || f.name, ' ') FROM
		(SELECT owner, name FROM repo_names WHERE repo_id = s.id LIMIT 16) f)
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build
LEFT JOIN previews p ON p.id = s.id LEFT JOIN spaces o ON o.id = p.parent_id
LEFT JOIN repos n ON n.id = p.parent_id
WHERE s.id > $1 AND r.deleted_usec = 0 ORDER BY s.id LIMIT $2;
-- name: space_route
SELECT s.id, r.owner, r.name, s.epoch, b.bundle, b.entry, b.class,
	coalesce(s.sleep_sec, o.sleep_sec, b.sleep_sec), b.title, b.tree, b.replicas, b.api,
	r.private, s.settings + coalesce(o.settings, 0),
	CASE WHEN s.paused = 1 OR o.paused = 1 THEN 1 ELSE 0 END, coalesce(s.hardware, o.hardware),
	n.name, p.branch, coalesce(p.pushed_usec, 0), b.http,
	(SELECT group_concat(d.host, ' ') FROM domains d WHERE d.space_id = s.id AND d.proved_usec > 0),
	(SELECT group_concat(f.owner || '/' || f.name, ' ') FROM
		(SELECT owner, name FROM repo_names WHERE repo_id = s.id LIMIT 16) f)
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build
LEFT JOIN previews p ON p.id = s.id LEFT JOIN spaces o ON o.id = p.parent_id
LEFT JOIN repos n ON n.id = p.parent_id
WHERE s.id = $1 AND r.deleted_usec = 0;
-- name: space_flavours
SELECT s.id, r.owner, r.name, coalesce(s.hardware, o.hardware, ''), coalesce(b.class, '')
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build
LEFT JOIN previews p ON p.id = s.id LEFT JOIN spaces o ON o.id = p.parent_id
WHERE s.id > $1 AND r.deleted_usec = 0 ORDER BY s.id LIMIT $2;
-- name: space_flavour
SELECT s.id, r.owner, r.name, coalesce(s.hardware, o.hardware, ''), coalesce(b.class, '')
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build
LEFT JOIN previews p ON p.id = s.id LEFT JOIN spaces o ON o.id = p.parent_id
WHERE s.id = $1 AND r.deleted_usec = 0;
-- name: space_count
SELECT count(*) FROM repos WHERE kind = 0 AND deleted_usec = 0;

-- name: preview_add
INSERT INTO previews (id, parent_id, branch, pushed_usec) VALUES ($1, $2, $3, $4);
-- name: preview_by_branch
SELECT p.id, p.parent_id, p.branch, p.pushed_usec, s.live_build,
	(SELECT count(*) FROM builds b WHERE b.space_id = p.id AND b.state = 'pending'), r.owner, r.name
FROM previews p JOIN spaces s ON s.id = p.id JOIN repos r ON r.id = p.id
WHERE p.parent_id = $1 AND p.branch = $2;
-- name: preview_list
SELECT p.id, p.parent_id, p.branch, p.pushed_usec, s.live_build,
	(SELECT count(*) FROM builds b WHERE b.space_id = p.id AND b.state = 'pending'), r.owner, r.name
FROM previews p JOIN spaces s ON s.id = p.id JOIN repos r ON r.id = p.id
WHERE p.parent_id = $1 ORDER BY p.pushed_usec DESC, p.id LIMIT $2;
-- name: preview_after
SELECT p.id, p.parent_id, p.branch, p.pushed_usec, s.live_build,
	(SELECT count(*) FROM builds b WHERE b.space_id = p.id AND b.state = 'pending'), r.owner, r.name
FROM previews p JOIN spaces s ON s.id = p.id JOIN repos r ON r.id = p.id
WHERE p.id > $1 ORDER BY p.id LIMIT $2;
-- name: preview_due
SELECT p.id, p.parent_id, p.branch, p.pushed_usec, s.live_build,
	(SELECT count(*) FROM builds b WHERE b.space_id = p.id AND b.state = 'pending'), r.owner, r.name
FROM previews p JOIN spaces s ON s.id = p.id JOIN repos r ON r.id = p.id
WHERE p.pushed_usec <= $1 ORDER BY p.pushed_usec, p.id LIMIT $2;
-- name: preview_pushed
UPDATE previews SET pushed_usec = $2 WHERE id = $1;
-- name: preview_follow
UPDATE repos SET owner = $2, name = $3, private = $4 WHERE id = $1;
-- name: build_copy
INSERT INTO builds (id, space_id, number, state, commit_id, bundle, entry, class, sleep_sec, title,
	emoji, tree, api, message, phases, log, created_usec, replicas, http)
SELECT $1, $2, (SELECT coalesce(max(number), 0) + 1 FROM builds WHERE space_id = $2), 'pending',
	commit_id, bundle, entry, class, sleep_sec, title, emoji, tree, api, message, phases, log, $4,
	replicas, http
FROM builds WHERE id = $3 AND state = 'ready';

-- name: space_touch_settings
UPDATE spaces SET settings = settings + 1, epoch = epoch + 1 WHERE id = $1;
-- name: space_set_paused
UPDATE spaces SET paused = $2, epoch = epoch + 1 WHERE id = $1;
-- name: space_set_sleep
UPDATE spaces SET sleep_sec = $2, epoch = epoch + 1 WHERE id = $1;
-- name: space_set_hardware
UPDATE spaces SET hardware = $2 WHERE id = $1;
-- name: space_runtime
SELECT s.paused, coalesce(s.sleep_sec, -1), coalesce(s.hardware, ''), coalesce(b.bundle, ''),
	b.commit_id, coalesce(b.class, 'small'), coalesce(b.sleep_sec, 0), l.state, l.message, r.sdk,
	r.owner, r.name
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build
LEFT JOIN builds l ON l.space_id = s.id AND l.number =
	(SELECT max(number) FROM builds WHERE space_id = s.id AND state <> 'pending')
WHERE s.id = $1;
-- name: variable_list
SELECT name, words, updated_usec, value FROM variables WHERE space_id = $1 ORDER BY name;
-- name: variable_size
SELECT count(*), coalesce(sum(bytes), 0) FROM variables WHERE space_id = $1 AND name <> $2;
-- name: variable_set
INSERT INTO variables (space_id, name, value, words, updated_usec, bytes)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (space_id, name) DO UPDATE SET value = excluded.value, words = excluded.words,
	updated_usec = excluded.updated_usec, bytes = excluded.bytes;
-- name: variable_copy
INSERT INTO variables (space_id, name, value, words, updated_usec, bytes)
SELECT $2, name, value, words, updated_usec, bytes FROM variables WHERE space_id = $1;
-- name: variable_remove
DELETE FROM variables WHERE space_id = $1 AND name = $2;
-- name: secret_list
SELECT name, words, updated_usec, sealed FROM secrets WHERE space_id = $1 ORDER BY name;
-- name: secret_size
SELECT count(*), coalesce(sum(bytes), 0) FROM secrets WHERE space_id = $1 AND name <> $2;
-- name: secret_set
INSERT INTO secrets (space_id, name, sealed, words, updated_usec, bytes)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (space_id, name) DO UPDATE SET sealed = excluded.sealed, words = excluded.words,
	updated_usec = excluded.updated_usec, bytes = excluded.bytes;
-- name: secret_remove
DELETE FROM secrets WHERE space_id = $1 AND name = $2;
-- name: secret_audit_add
INSERT INTO secret_audit (id, at_usec, space_id, space, what, names, who, why)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
-- name: audit_last
SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1;
-- name: audit_add
INSERT INTO audit (n, at_usec, who, action, subject, detail, prev, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
-- name: audit_list
SELECT n, at_usec, who, action, subject, detail, prev, hash FROM audit WHERE n > $1
ORDER BY n LIMIT $2;
-- name: audit_ends
SELECT coalesce((SELECT min(n) FROM audit), 0), coalesce((SELECT max(n) FROM audit), 0),
	coalesce((SELECT min(n) FROM audit
		WHERE at_usec >= $1 AND n <= (SELECT min(n) FROM audit) + $2), 0);
-- name: audit_hash_of
SELECT hash FROM audit WHERE n = $1;
-- name: audit_remove
DELETE FROM audit WHERE n <= $1;
-- name: secret_audit_prune
DELETE FROM secret_audit WHERE space_id = $1 AND what = 'read' AND at_usec < $2;
-- name: secret_audit_list
SELECT at_usec, what, names, who, why FROM secret_audit WHERE space_id = $1
ORDER BY at_usec DESC, id LIMIT $2;

-- name: build_add
INSERT INTO builds (id, space_id, number, state, commit_id, bundle, entry, class, sleep_sec, title,
	emoji, tree, api, message, phases, log, created_usec, replicas, http)
VALUES ($1, $2, (SELECT coalesce(max(number), 0) + 1 FROM builds WHERE space_id = $2),
	$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);
-- name: build_pending
SELECT b.id, b.space_id, b.commit_id, r.owner, r.name, coalesce(p.parent_id, b.space_id),
	coalesce(p.branch, 'main')
FROM builds b JOIN repos r ON r.id = b.space_id LEFT JOIN previews p ON p.id = b.space_id
WHERE b.state = 'pending' ORDER BY b.number;
-- name: build_by_id
SELECT id, space_id, number, state, commit_id, bundle FROM builds WHERE id = $1;
-- name: build_is_of
SELECT 1 FROM builds WHERE space_id = $1 AND commit_id = $2 LIMIT 1;
-- name: build_set_ready
UPDATE builds SET state = 'ready' WHERE id = $1 AND state = 'pending';
-- name: build_drop_pending
DELETE FROM builds WHERE id = $1 AND state = 'pending';
-- name: build_before_live
SELECT p.id, p.space_id, p.number, p.state, p.commit_id, p.bundle
FROM spaces s JOIN builds l ON l.id = s.live_build
JOIN builds p ON p.space_id = s.id AND p.state = 'ready' AND p.number < l.number
WHERE s.id = $1 ORDER BY p.number DESC LIMIT 1;
-- name: build_list
SELECT b.id, b.commit_id, b.bundle, b.state, b.created_usec, b.message, b.phases, s.live_build
FROM builds b JOIN spaces s ON s.id = b.space_id
WHERE b.space_id = $1 AND b.state <> 'pending' ORDER BY b.number DESC LIMIT $2;
-- name: build_logs_after
SELECT id, number, created_usec, log, commit_id FROM builds WHERE space_id = $1 AND number > $2
AND state <> 'pending' ORDER BY number LIMIT 1;
-- name: build_last_number
SELECT coalesce(max(number), 0) FROM builds WHERE space_id = $1 AND state <> 'pending';
-- name: build_number
SELECT number FROM builds WHERE space_id = $1 AND id = $2 AND state <> 'pending';
-- name: build_commit_of
SELECT b.commit_id FROM builds b JOIN spaces s ON s.id = b.space_id
WHERE b.space_id = $1 AND b.bundle = $2 ORDER BY b.id = s.live_build DESC, b.number DESC LIMIT 1;
-- name: build_prune_logs
UPDATE builds SET log = '' WHERE space_id = $1 AND log <> '' AND (created_usec < $3 OR number <=
(SELECT coalesce(max(number), 0) FROM builds WHERE space_id = $1) - $2);
-- name: build_prune_ready
DELETE FROM builds WHERE space_id = $1 AND state = 'ready' AND created_usec < $3 AND number <=
(SELECT coalesce(max(number), 0) FROM builds WHERE space_id = $1) - $2
AND id <> (SELECT coalesce(live_build, '') FROM spaces WHERE id = $1);
-- name: build_prune_failed
DELETE FROM builds WHERE space_id = $1 AND state = 'failed' AND number <=
(SELECT coalesce(max(number), 0) FROM builds WHERE space_id = $1) - $2;

-- name: trash_add
INSERT INTO trash (id, owner, name) VALUES ($1, $2, $3);
-- name: trash_list
SELECT id FROM trash;
-- name: trash_named
SELECT count(*) FROM trash WHERE owner = $1 AND name = $2;
-- name: trash_delete
DELETE FROM trash WHERE id = $1;

-- name: usage_put
INSERT INTO usage (journal, call, n, ended_usec, payer, account, space_id, space, commit_id, model,
	task, device, session, event, queue_usec, device_nsec, tokens_in, tokens_cached, tokens_out,
	outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (journal, call) DO UPDATE SET n = excluded.n, ended_usec = excluded.ended_usec,
	queue_usec = excluded.queue_usec, device_nsec = excluded.device_nsec,
	tokens_in = excluded.tokens_in, tokens_cached = excluded.tokens_cached,
	tokens_out = excluded.tokens_out, outcome = excluded.outcome
WHERE usage.n < excluded.n;
-- name: usage_of_call
SELECT device_nsec FROM usage WHERE journal = $1 AND call = $2;
-- name: usage_space
SELECT r.owner, r.name, coalesce(b.commit_id, '')
FROM spaces s JOIN repos r ON r.id = s.id LEFT JOIN builds b ON b.id = s.live_build WHERE s.id = $1;
-- name: usage_journal
SELECT n FROM usage_journals WHERE id = $1;
-- name: usage_journal_set
INSERT INTO usage_journals (id, n) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET n = excluded.n;
-- name: usage_lost
UPDATE usage SET outcome = 'lost' WHERE outcome = 'running';
-- name: usage_oldest
SELECT ended_usec FROM usage WHERE ended_usec < $1 AND outcome <> 'running'
ORDER BY ended_usec LIMIT 1 OFFSET $2;
-- name: usage_newest
SELECT coalesce((SELECT max(ended_usec) FROM usage WHERE ended_usec < $1),
	(SELECT max(day) + 1 FROM usage_days) * 86400000000, 0);
-- name: usage_sum
INSERT INTO usage_days (day, account, space, model, calls, device_nsec, tokens_in, tokens_out)
SELECT ended_usec / 86400000000, account, space, model, count(*), sum(device_nsec), sum(tokens_in),
	sum(tokens_out)
FROM usage WHERE ended_usec >= $1 AND ended_usec < $2 AND outcome <> 'running' GROUP BY 1, 2, 3, 4
ON CONFLICT (day, account, space, model) DO UPDATE SET calls = usage_days.calls + excluded.calls,
	device_nsec = usage_days.device_nsec + excluded.device_nsec,
	tokens_in = usage_days.tokens_in + excluded.tokens_in,
	tokens_out = usage_days.tokens_out + excluded.tokens_out;
-- name: usage_summed
DELETE FROM usage WHERE ended_usec >= $1 AND ended_usec < $2 AND outcome <> 'running';
-- name: usage_days_prune
DELETE FROM usage_days WHERE day < $1;
-- name: usage_of by space model
SELECT :by, sum(calls), sum(device_nsec), sum(tokens_in), sum(tokens_out) FROM (
	SELECT :by, 1 AS calls, device_nsec, tokens_in, tokens_out FROM usage
	WHERE account IN ($4, $5) AND ended_usec >= $1
	UNION ALL
	SELECT :by, calls, device_nsec, tokens_in, tokens_out FROM usage_days
	WHERE account IN ($4, $5) AND day >= $2) AS used
GROUP BY :by ORDER BY 3 DESC, :by LIMIT $3;
-- name: usage_all by account space model
SELECT :by, sum(calls), sum(device_nsec), sum(tokens_in), sum(tokens_out) FROM (
	SELECT :by, 1 AS calls, device_nsec, tokens_in, tokens_out FROM usage WHERE ended_usec >= $1
	UNION ALL
	SELECT :by, calls, device_nsec, tokens_in, tokens_out FROM usage_days WHERE day >= $2) AS used
GROUP BY :by ORDER BY 3 DESC, :by LIMIT $3;
-- name: usage_calls_of
SELECT ended_usec, account, space, model, task, outcome, device_nsec, queue_usec, tokens_in,
	tokens_cached, tokens_out, session, event, commit_id, device
FROM usage WHERE account IN ($3, $4) AND ended_usec >= $1
ORDER BY ended_usec DESC, journal, call DESC LIMIT $2;
-- name: usage_calls_all
SELECT ended_usec, account, space, model, task, outcome, device_nsec, queue_usec, tokens_in,
	tokens_cached, tokens_out, session, event, commit_id, device
FROM usage WHERE ended_usec >= $1 ORDER BY ended_usec DESC, journal, call DESC LIMIT $2;
-- name: account_slots
SELECT slot, nsec FROM account_slots WHERE account = $1 AND slot >= $2 AND slot <= $3 ORDER BY slot;
-- name: account_slot_add
INSERT INTO account_slots (account, slot, nsec) VALUES ($1, $2, $3)
ON CONFLICT (account, slot) DO UPDATE SET nsec = account_slots.nsec + excluded.nsec;
-- name: account_slots_prune
DELETE FROM account_slots WHERE slot < $1;
-- name: tier_organisations
SELECT m.organisation FROM members m JOIN users u ON u.id = m.user_id WHERE u.name = $1
ORDER BY m.organisation;
-- name: credit_put
INSERT INTO credits (id, account, nsec, at_usec, expires_usec, who, why)
VALUES ($1, $2, $3, $4, $5, $6, $7);
-- name: credit_left
SELECT coalesce(sum(c.nsec - coalesce(u.nsec, 0)), 0)
FROM credits c LEFT JOIN credits_used u ON u.credit_id = c.id
WHERE c.account = $1 AND (c.expires_usec = 0 OR c.expires_usec > $2);
-- name: credit_open
SELECT c.id, c.nsec - coalesce(u.nsec, 0)
FROM credits c LEFT JOIN credits_used u ON u.credit_id = c.id
WHERE c.account = $1 AND (c.expires_usec = 0 OR c.expires_usec > $2) AND c.nsec > coalesce(u.nsec, 0)
ORDER BY CASE c.expires_usec WHEN 0 THEN 1 ELSE 0 END, c.expires_usec, c.at_usec;
-- name: credit_spend
INSERT INTO credits_used (credit_id, nsec) VALUES ($1, $2)
ON CONFLICT (credit_id) DO UPDATE SET nsec = credits_used.nsec + excluded.nsec;
-- name: credits_of
SELECT c.id, c.nsec, coalesce(u.nsec, 0), c.at_usec, c.expires_usec, c.who, c.why
FROM credits c LEFT JOIN credits_used u ON u.credit_id = c.id
WHERE c.account = $1 ORDER BY c.at_usec DESC LIMIT $2;
-- name: policy_last
SELECT version, at_usec, who, why, body FROM policies ORDER BY version DESC LIMIT 1;
-- name: policy_get
SELECT version, at_usec, who, why, body FROM policies WHERE version = $1;
-- name: policy_put
INSERT INTO policies (version, at_usec, who, why, body) VALUES ($1, $2, $3, $4, $5);
-- name: policy_prune
DELETE FROM policies WHERE version <= $1;
-- name: policy_list
SELECT version, at_usec, who, why FROM policies ORDER BY version DESC LIMIT $1;
-- name: policy_accounts
SELECT 'user:' || name FROM users
UNION SELECT 'owner:' || owner FROM repos WHERE kind = 0 AND deleted_usec = 0
UNION SELECT account FROM account_slots WHERE slot >= $1 AND slot <= $2
ORDER BY 1 LIMIT $3;
-- name: policy_has_user
SELECT 1 FROM users WHERE name = $1;
-- name: policy_has_organisation
SELECT 1 FROM organisations WHERE name = $1;
-- name: policy_space_id
SELECT s.id FROM spaces s JOIN repos r ON r.id = s.id
WHERE r.owner = $1 AND r.name = $2 AND r.deleted_usec = 0;
-- name: lfs_get
SELECT size FROM lfs_objects WHERE repo_id = $1 AND oid = $2;
-- name: lfs_hold
INSERT INTO lfs_objects (repo_id, oid, size, touched_usec) VALUES ($1, $2, $3, $4)
ON CONFLICT (repo_id, oid) DO UPDATE SET touched_usec = excluded.touched_usec;
-- name: lfs_elsewhere
SELECT r.private, r.owner, o.size, r.id FROM lfs_objects o JOIN repos r ON r.id = o.repo_id
WHERE o.oid = $1 AND r.deleted_usec = 0;
-- name: lfs_copy
INSERT INTO lfs_objects (repo_id, oid, size, touched_usec)
SELECT $2, oid, size, $3 FROM lfs_objects WHERE repo_id = $1
ON CONFLICT (repo_id, oid) DO NOTHING;
-- name: lfs_copy_size
SELECT coalesce(sum(f.size), 0) FROM lfs_objects f WHERE f.repo_id = $1 AND NOT EXISTS (
	SELECT 1 FROM lfs_objects o JOIN repos r ON r.id = o.repo_id WHERE o.oid = f.oid AND r.owner = $2);
-- name: lfs_used
SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT o.oid, o.size FROM lfs_objects o
	JOIN repos r ON r.id = o.repo_id WHERE r.owner = $1) AS mine;
-- name: lfs_owner_has
SELECT count(*) FROM lfs_objects o JOIN repos r ON r.id = o.repo_id
WHERE o.oid = $2 AND r.owner = $1;
-- name: lfs_next_repo
SELECT repo_id FROM lfs_objects WHERE repo_id > $1 AND touched_usec < $2 ORDER BY repo_id LIMIT 1;
-- name: lfs_old
SELECT oid FROM lfs_objects WHERE repo_id = $1 AND touched_usec < $2 AND oid > $3
ORDER BY oid LIMIT $4;
-- name: lfs_drop
DELETE FROM lfs_objects WHERE repo_id = $1 AND oid = $2 AND touched_usec < $3;
-- name: blob_users
SELECT (SELECT count(*) FROM lfs_objects WHERE oid = $1)
	+ (SELECT count(*) FROM builds WHERE bundle = $1);

-- name: domain_expire
DELETE FROM domains WHERE proved_usec = 0 AND asked_usec < $1;
-- name: domain_list
SELECT host, space_id, token, words, asked_usec, proved_usec FROM domains
WHERE space_id = $1 ORDER BY host;
-- name: domain_list_proved
SELECT d.host, r.owner, r.name, d.proved_usec FROM domains d JOIN repos r ON r.id = d.space_id
WHERE d.proved_usec > 0 AND r.deleted_usec = 0 ORDER BY d.host LIMIT 10000;
-- name: domain_proved
SELECT host, space_id, token, words, asked_usec, proved_usec FROM domains
WHERE host = $1 AND proved_usec > 0;
-- name: domain_count_of_owner
SELECT count(*) FROM domains WHERE space_id IN
	(SELECT id FROM repos WHERE owner = (SELECT owner FROM repos WHERE id = $1));
-- name: domain_by_token
SELECT host, space_id, token, words, asked_usec, proved_usec FROM domains
WHERE host = $1 AND token = $2 AND proved_usec = 0;
-- name: domain_add
INSERT INTO domains (host, space_id, token, words, asked_usec, proved_usec)
VALUES ($1, $2, $3, '', $4, 0);
-- name: domain_again
UPDATE domains SET asked_usec = $3, words = '' WHERE space_id = $1 AND host = $2 AND proved_usec = 0;
-- name: domain_prove
UPDATE domains SET proved_usec = $3, words = '' WHERE space_id = $1 AND host = $2;
-- name: domain_refuse
UPDATE domains SET words = $3 WHERE space_id = $1 AND host = $2 AND proved_usec = 0;
-- name: domain_remove
DELETE FROM domains WHERE space_id = $1 AND host = $2;
-- name: domain_unbind_deleted
DELETE FROM domains WHERE host = $1 AND proved_usec > 0 AND space_id IN
	(SELECT id FROM repos WHERE deleted_usec > 0);

-- name: takedown_get
SELECT reason, by_user, at_usec, was_private, was_paused FROM takedowns WHERE repo_id = $1;
-- name: takedown_add
INSERT INTO takedowns (repo_id, reason, by_user, at_usec, was_private, was_paused)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (repo_id) DO UPDATE SET reason = $2, by_user = $3, at_usec = $4;
-- name: takedown_remove
DELETE FROM takedowns WHERE repo_id = $1;
-- name: takedown_list
SELECT r.kind, r.owner || '/' || r.name, t.reason, t.by_user, t.at_usec
FROM takedowns t JOIN repos r ON r.id = t.repo_id ORDER BY t.at_usec DESC LIMIT 1000;
