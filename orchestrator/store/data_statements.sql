-- Every statement over what apps keep, by name. $1, $2 … are the arguments in order.

-- name: space_get
SELECT revision, keys, bytes FROM spaces WHERE space = $1;
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
-- name: item_delete_all
DELETE FROM items WHERE space = $1;
-- name: scope_get
SELECT 0, count(*), coalesce(sum(bytes), 0) FROM items WHERE space = $1 AND scope = $2;

-- name: done_get
SELECT answer FROM done WHERE id = $1;
-- name: done_add
INSERT INTO done (id, answer, at_sec) VALUES ($1, $2, $3);
-- name: done_prune
DELETE FROM done WHERE at_sec < $1;
