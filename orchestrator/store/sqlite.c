/* The driver for one machine: SQLite with a write-ahead log, synced at each commit. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "orchestrator/store/store.h"
#include "orchestrator/store/text.h"

#define STATEMENTS_MAX 512
#define BY_TEXT_MAX 8192
#define BUSY_MS 250 /* only a backup can hold the lock, and only for a moment */

_Static_assert(STORE_BUSY == -EBUSY && STORE_CONFLICT == -EEXIST && STORE_LOST == -EIO &&
		       STORE_FULL == -ENOSPC,
	"store.h names errno values");

struct statement {
	char name[64];
	const char *text; /* borrowed from the embedded file */
	size_t len;
	size_t by; /* where in name the word is that stands for :by; 0: there is none */
	sqlite3_stmt *prepared; /* owned; NULL until first used */
};

struct store {
	sqlite3 *db; /* owned */
	const char *schema;
	const struct store_witness *witness; /* borrowed; NULL: nobody */
	void *witness_data;
	int changes; /* of the connection's life, when the transaction began */
	struct statement statements[STATEMENTS_MAX];
	size_t n;
};

struct store_row {
	sqlite3_stmt *stmt; /* borrowed */
};

static int error_of(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STORE_BUSY;
	case SQLITE_CONSTRAINT:
		return STORE_CONFLICT;
	case SQLITE_FULL:
		return STORE_FULL;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return sqlite3_system_errno(db) == ENOSPC || sqlite3_system_errno(db) == EDQUOT
			       ? STORE_FULL
			       : STORE_LOST;
	default:
		return STORE_LOST;
	}
}

static int fail(struct store *s, int rc, const char *doing, struct err *e)
{
	return err_set(e, error_of(s->db, rc), "database: %s: %s", doing, sqlite3_errmsg(s->db));
}

static int run_text(struct store *s, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(s, rc, "exec", e);
}

const char *store_text(const struct store_row *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row->stmt, column);

	return text ? text : "";
}

int64_t store_int(const struct store_row *row, int column)
{
	return sqlite3_column_int64(row->stmt, column);
}

/* --- schema --- */

static int read_version(struct store *s, int64_t *ret, struct err *e)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(
		s->db, "SELECT coalesce(max(version), 0) FROM schema_versions", -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return fail(s, rc, "schema", e);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : fail(s, rc, "schema", e);
}

static int apply_version(
	struct store *s, int64_t version, const char *text, size_t len, struct err *e)
{
	CLEANUP(freep) char *sql = NULL;
	int r;

	if (asprintf(&sql, "%.*s\nINSERT INTO schema_versions (version) VALUES (%lld);", (int)len,
		    text, (long long)version) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	r = store_begin(s, e);
	if (r == 0)
		r = run_text(s, sql, e);
	if (r == 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r;
}

static int migrate(struct store *s, struct err *e)
{
	int64_t have = 0, version = 0;
	const char *text;
	char label[64];
	size_t at = 0, len;
	int r = run_text(
		s, "CREATE TABLE IF NOT EXISTS schema_versions (version bigint NOT NULL)", e);

	if (r == 0)
		r = read_version(s, &have, e);
	while (r == 0 && sql_section_next(s->schema, "version", &at, label, &text, &len)) {
		version = strtoll(label, NULL, 10);
		if (version > have)
			r = apply_version(s, version, text, len, e);
	}
	if (r == 0 && have > version)
		return err_set(e, STORE_CONFLICT,
			"database: its schema is version %lld, this program knows %lld; start the "
			"newer one",
			(long long)have, (long long)version);
	return r;
}

/* --- life --- */

/* One statement, or one for each word behind "by". */
static void list_statement(struct store *s, const char *label, const char *text, size_t len)
{
	const char *by = strstr(label, " by ");
	size_t name = by ? (size_t)(by - label) + 4 : strlen(label);

	by = by ? by + 4 : "";
	do {
		struct statement *st = &s->statements[s->n++];
		size_t n = strcspn(by, " ");

		assert(s->n <= STATEMENTS_MAX);
		*st = (struct statement){.text = text, .len = len, .by = n ? name : 0};
		(void)snprintf(
			st->name, sizeof(st->name), "%.*s%.*s", (int)name, label, (int)n, by);
		by += n + strspn(by + n, " ");
	} while (*by);
}

static void list_statements(struct store *s, const char *sql)
{
	char label[64];
	const char *text;
	size_t at = 0, len;

	while (sql_section_next(sql, "name", &at, label, &text, &len))
		list_statement(s, label, text, len);
}

static int open_with(const char *where, const char *schema, const char *statements,
	const char *sync, struct store **ret, struct err *e)
{
	CLEANUP(store_closep) struct store *s = calloc(1, sizeof(*s));
	int rc, r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	rc = sqlite3_open_v2(where, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return err_set(
			e, error_of(s->db, rc), "database %s: %s", where, sqlite3_errmsg(s->db));
	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	s->schema = schema;
	list_statements(s, statements);
	r = run_text(s,
		"PRAGMA journal_mode = WAL;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA case_sensitive_like = ON;" /* as in PostgreSQL */
		"PRAGMA temp_store = MEMORY;"      /* there is no folder for it but ours */
		"PRAGMA journal_size_limit = 8388608;",
		e);
	if (r == 0)
		r = run_text(s, sync, e);
	if (r == 0)
		r = migrate(s, e);
	if (r < 0)
		return err_wrap(e, "%s", where);
	*ret = TAKE_PTR(s);
	return 0;
}

/* sqlite.org/pragma.html: with a write-ahead log FULL syncs it at each commit; NORMAL only before
 * its pages go to the database, which is what keeps the two consistent. */
int store_open(const char *where, struct store **ret, struct err *e)
{
	return open_with(where, store_schema_sql, store_statements_sql,
		"PRAGMA synchronous = FULL;", ret, e);
}

int store_open_data(const char *where, struct store **ret, struct err *e)
{
	return open_with(where, store_data_schema_sql, store_data_statements_sql,
		"PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;", ret, e);
}

int store_log_open(const struct store *s, int ret_fds[2])
{
	const char *where = sqlite3_db_filename(s->db, "main");
	char path[4200];
	int log, folder;

	(void)snprintf(path, sizeof(path), "%s-wal", where);
	/* Not the database's own file: closing any fd of that would end SQLite's locks on it. */
	log = open(path, O_RDWR | O_CLOEXEC);
	if (log < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "%.*s", (int)(strrchr(where, '/') - where), where);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0) {
		close(log);
		return -errno;
	}
	ret_fds[0] = log;
	ret_fds[1] = folder;
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		(void)sqlite3_finalize(s->statements[i].prepared);
	(void)sqlite3_close(s->db);
	free(s);
	return NULL;
}

uint64_t store_bytes(const struct store *s)
{
	static const char *const parts[] = {"", "-wal"};
	const char *where = sqlite3_db_filename(s->db, "main");
	uint64_t bytes = 0;

	for (size_t i = 0; where && i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[4200];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s%s", where, parts[i]);
		if (stat(path, &st) == 0)
			bytes += (uint64_t)st.st_size;
	}
	return bytes;
}

int store_begin(struct store *s, struct err *e)
{
	s->changes = sqlite3_total_changes(s->db);
	return run_text(s, "BEGIN IMMEDIATE", e);
}

int store_commit(struct store *s, struct err *e)
{
	bool seen = s->witness && sqlite3_total_changes(s->db) != s->changes;
	int r = seen ? s->witness->add(s, s->witness_data, e) : 0;

	if (r == 0)
		r = run_text(s, "COMMIT", e);
	if (r < 0)
		store_rollback(s);
	else if (seen)
		s->witness->done(s->witness_data);
	return r;
}

void store_set_witness(struct store *s, const struct store_witness *w, void *data)
{
	s->witness = w;
	s->witness_data = data;
}

void store_rollback(struct store *s)
{
	/* A full disk may have ended the transaction already: sqlite.org/lang_transaction.html */
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* --- statements --- */

static int prepare_by(struct store *s, struct statement *st)
{
	CLEANUP(buf_done) struct buf text;
	const char *at = st->text, *end = st->text + st->len, *next;
	int r = 0;

	buf_init(&text, BY_TEXT_MAX);
	for (; r == 0 && (next = memmem(at, (size_t)(end - at), ":by", 3)); at = next + 3) {
		r = buf_add(&text, at, (size_t)(next - at));
		if (r == 0)
			r = buf_add(&text, st->name + st->by, strlen(st->name + st->by));
	}
	if (r == 0)
		r = buf_add(&text, at, (size_t)(end - at));
	return r < 0 ? SQLITE_NOMEM
		     : sqlite3_prepare_v3(s->db, (const char *)text.data, (int)text.len,
			       SQLITE_PREPARE_PERSISTENT, &st->prepared, NULL);
}

static int prepare(struct store *s, const char *name, sqlite3_stmt **ret, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		struct statement *st = &s->statements[i];
		int rc;

		if (strcmp(st->name, name) != 0)
			continue;
		if (!st->prepared) {
			rc = st->by ? prepare_by(s, st)
				    : sqlite3_prepare_v3(s->db, st->text, (int)st->len,
					      SQLITE_PREPARE_PERSISTENT, &st->prepared, NULL);
			if (rc != SQLITE_OK)
				return fail(s, rc, name, e);
		}
		*ret = st->prepared;
		return 0;
	}
	return err_set(e, -EINVAL, "database: there is no statement '%s'", name);
}

static int bind(sqlite3_stmt *stmt, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 0; types[i] && rc == SQLITE_OK; i++) {
		char parameter[16];
		int index;

		(void)snprintf(parameter, sizeof(parameter), "$%d", i + 1);
		index = sqlite3_bind_parameter_index(stmt, parameter);
		assert(index > 0);
		if (types[i] == 'i') {
			rc = sqlite3_bind_int64(stmt, index, va_arg(ap, int64_t));
		} else {
			const char *text = va_arg(ap, const char *);

			assert(types[i] == 's');
			rc = text ? sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC)
				  : sqlite3_bind_null(stmt, index);
		}
	}
	return rc;
}

static int step_all(struct store *s, sqlite3_stmt *stmt, const char *name, store_row_fn fn,
	void *data, struct err *e)
{
	int rows = 0, rc, r = 0;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const struct store_row row = {.stmt = stmt};

		rows++;
		r = fn ? fn(&row, data) : 0;
		if (r < 0)
			return err_set(
				e, r, "database: %s: a row was refused: %s", name, strerror(-r));
		if (r > 0)
			return rows;
	}
	if (rc != SQLITE_DONE)
		return fail(s, rc, name, e);
	return sqlite3_stmt_readonly(stmt) ? rows : sqlite3_changes(s->db);
}

int store_run(struct store *s, const char *name, store_row_fn fn, void *data, struct err *e,
	const char *types, ...)
{
	sqlite3_stmt *stmt = NULL;
	va_list ap;
	int rc, r = prepare(s, name, &stmt, e), committed = 0;
	bool alone = r == 0 && s->witness && sqlite3_get_autocommit(s->db) &&
		     !sqlite3_stmt_readonly(stmt);

	if (alone)
		r = store_begin(s, e);
	if (r < 0)
		return r;
	assert((size_t)sqlite3_bind_parameter_count(stmt) == strlen(types));
	va_start(ap, types);
	rc = bind(stmt, types, ap);
	va_end(ap);
	r = rc == SQLITE_OK ? step_all(s, stmt, name, fn, data, e) : fail(s, rc, name, e);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (alone && r >= 0)
		committed = store_commit(s, e);
	if (alone)
		store_rollback(s);
	return committed < 0 ? committed : r;
}
