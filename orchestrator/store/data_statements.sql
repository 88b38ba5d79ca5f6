-- Every statement over what apps keep, by name. $1, $2 … are the arguments in order.

-- name: space_get
SELECT revision, keys, bytes, files, file_bytes FROM spaces WHERE space = $1;
-- name: space_charge
INSERT INTO spaces (space, revision, keys, bytes) VALUES ($1, 1, $2, $3)
ON CONFLICT (space) DO UPDATE SET revision = spaces.revision + 1, keys = spaces.keys + excluded.keys,
	bytes = spaces.bytes + excluded.bytes;
-- name: space_list
SELECT space FROM spaces;
-- name: space_delete
DELETE FROM spaces WHERE space = $1;

-- name: item_get
SELECT value, revision FROM items WHERE space = $1 AND scope = $2 AND key = $3;
-- name: item_size
SELECT revision, bytes FROM items WHERE space = $1 AND scope = $2 AND key = $3;
-- name: item_put
INSERT INTO items (space, scope, key, value, revision, bytes, written_usec)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (space, scope, key) DO UPDATE SET value = excluded.value,
	revision = excluded.revision, bytes = excluded.bytes, written_usec = excluded.written_usec;
-- name: item_delete
DELETE FROM items WHERE space = $1 AND scope = $2 AND key = $3;
-- name: item_list
SELECT key, revision, bytes FROM items
WHERE space = $1 AND scope = $2 AND key >= $3 AND key > $4 ORDER BY key LIMIT $5;
-- name: item_list_values
SELECT key, revision, bytes, value FROM items
WHERE space = $1 AND scope = $2 AND key >= $3 AND key > $4 ORDER BY key LIMIT $5;
-- name: item_dump
SELECT key, revision, bytes, value, scope FROM items
WHERE space = $1 AND (scope, key) > ($2, $3) ORDER BY scope, key LIMIT $4;
-- name: item_delete_all
DELETE FROM items WHERE space = $1;
-- name: scope_get
SELECT 0, count(*), coalesce(sum(bytes), 0), 0, 0 FROM items WHERE space = $1 AND scope = $2;

-- name: space_files
SELECT revision, files, file_bytes FROM spaces WHERE space = $1;
-- name: file_charge
INSERT INTO spaces (space, revision, keys, bytes, files, file_bytes) VALUES ($1, 1, 0, 0, $2, $3)
ON CONFLICT (space) DO UPDATE SET revision = spaces.revision + 1,
	files = spaces.files + excluded.files, file_bytes = spaces.file_bytes + excluded.file_bytes;
-- name: file_get
SELECT id, size, revision, written_usec FROM files WHERE space = $1 AND name = $2;
-- name: file_by_id
SELECT name FROM files WHERE space = $1 AND id = $2
UNION ALL SELECT name FROM old_files WHERE space = $1 AND id = $2;
-- name: file_put
INSERT INTO files (space, name, id, size, revision, written_usec) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (space, name) DO UPDATE SET id = excluded.id, size = excluded.size,
	revision = excluded.revision, written_usec = excluded.written_usec;
-- name: file_delete
DELETE FROM files WHERE space = $1 AND name = $2;
-- name: file_list
SELECT name, size, revision, written_usec FROM files
WHERE space = $1 AND name >= $2 AND name > $3 ORDER BY name LIMIT $4;
-- name: file_delete_all
DELETE FROM files WHERE space = $1;

-- name: snapshot_newest
SELECT coalesce(max(revision), -1) FROM snapshots WHERE space = $1;
-- name: snapshot_count
SELECT count(*) FROM snapshots WHERE space = $1;
-- name: snapshot_list
SELECT revision, made_usec FROM snapshots WHERE space = $1 ORDER BY revision;
-- name: snapshot_add
INSERT INTO snapshots (space, revision, made_usec) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;
-- name: snapshot_delete
DELETE FROM snapshots WHERE space = $1 AND revision = $2;
-- name: snapshot_delete_all
DELETE FROM snapshots WHERE space = $1;
-- name: old_item_keep
INSERT INTO old_items (space, scope, key, value, revision, bytes, until)
SELECT space, scope, key, value, revision, bytes, $4 FROM items
WHERE space = $1 AND scope = $2 AND key = $3;
-- name: old_item_prune
DELETE FROM old_items WHERE space = $1 AND NOT EXISTS (SELECT 1 FROM snapshots s
	WHERE s.space = old_items.space AND s.revision >= old_items.revision
	AND s.revision < old_items.until);
-- name: old_item_delete_all
DELETE FROM old_items WHERE space = $1;
-- name: old_item_dump
SELECT key, revision, bytes, value, scope FROM items
WHERE space = $1 AND (scope, key) > ($2, $3) AND revision <= $5
UNION ALL
SELECT key, revision, bytes, value, scope FROM old_items
WHERE space = $1 AND (scope, key) > ($2, $3) AND revision <= $5 AND until > $5
ORDER BY scope, key LIMIT $4;
-- name: old_file_keep
INSERT INTO old_files (space, name, id, size, revision, written_usec, until)
SELECT space, name, id, size, revision, written_usec, $3 FROM files WHERE space = $1 AND name = $2;
-- name: old_file_prune
DELETE FROM old_files WHERE space = $1 AND NOT EXISTS (SELECT 1 FROM snapshots s
	WHERE s.space = old_files.space AND s.revision >= old_files.revision
	AND s.revision < old_files.until);
-- name: old_file_delete_all
DELETE FROM old_files WHERE space = $1;
-- name: old_file_get
SELECT id, size, revision, written_usec FROM old_files
WHERE space = $1 AND name = $2 AND revision = $3;
-- name: old_file_list
SELECT name, size, revision, written_usec FROM files
WHERE space = $1 AND name >= $2 AND name > $3 AND revision <= $5
UNION ALL
SELECT name, size, revision, written_usec FROM old_files
WHERE space = $1 AND name >= $2 AND name > $3 AND revision <= $5 AND until > $5
ORDER BY name LIMIT $4;

-- name: done_get
SELECT answer FROM done WHERE id = $1;
-- name: done_add
INSERT INTO done (id, answer, at_sec) VALUES ($1, $2, $3);
-- name: done_prune
DELETE FROM done WHERE at_sec < $1;
