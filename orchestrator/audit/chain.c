#include "orchestrator/audit/chain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

int audit_hash(const struct audit_row *row, char ret[SHA256_HEX + 1])
{
	CLEANUP(json_unrefp)
	json_t *o = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "n", (json_int_t)row->n,
		"time", (json_int_t)row->at_usec, "who", row->who, "action", row->action, "subject",
		row->subject, "detail", row->detail, "prev", row->prev);
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, AUDIT_HASHED_MAX);
	r = o ? json_write(&text, o) : -ENOMEM;
	if (r == 0)
		sha256_hex(text.data, text.len, ret);
	return r;
}

json_t *audit_row_json(const struct audit_row *row)
{
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "n", (json_int_t)row->n,
		"time", (json_int_t)row->at_usec, "who", row->who, "action", row->action, "subject",
		row->subject, "detail", row->detail, "prev", row->prev, "hash", row->hash);
}

int audit_row_read(const json_t *o, struct audit_row *ret, struct err *e)
{
	int r = json_get_int(o, "n", 1, INT64_MAX, &ret->n, e);

	if (r == 0)
		r = json_get_int(o, "time", 0, INT64_MAX, &ret->at_usec, e);
	if (r == 0)
		r = json_get_str(o, "who", AUDIT_ROW_MAX, &ret->who, e);
	if (r == 0)
		r = json_get_str(o, "action", AUDIT_ROW_MAX, &ret->action, e);
	if (r == 0)
		r = json_get_str(o, "subject", AUDIT_ROW_MAX, &ret->subject, e);
	if (r == 0)
		r = json_get_str(o, "detail", AUDIT_ROW_MAX, &ret->detail, e);
	if (r == 0)
		r = json_get_str(o, "prev", SHA256_HEX, &ret->prev, e);
	if (r == 0)
		r = json_get_str(o, "hash", SHA256_HEX, &ret->hash, e);
	return r < 0 ? -EBADMSG : 0;
}

void audit_walk_begin(struct audit_walk *w)
{
	*w = (struct audit_walk){.hash = AUDIT_NOTHING};
}

/* The first row of a log whose beginning went: what was before it is as it says. */
static void begin_behind(struct audit_walk *w, const struct audit_row *row)
{
	w->n = w->begins = row->n - 1;
	(void)snprintf(w->hash, sizeof(w->hash), "%s", row->prev);
	(void)snprintf(w->begin_hash, sizeof(w->begin_hash), "%s", row->prev);
}

static bool vouches(const struct audit_walk *w, const struct audit_row *row)
{
	CLEANUP(json_unrefp) json_t *detail = NULL;
	const char *hash;
	struct err e = {0};
	int64_t upto;

	return strcmp(row->action, AUDIT_PRUNED) == 0 &&
	       json_parse(row->detail, strlen(row->detail), AUDIT_ROW_MAX, &detail, &e) == 0 &&
	       json_get_int(detail, "upto", 1, INT64_MAX, &upto, &e) == 0 &&
	       json_get_str(detail, "hash", SHA256_HEX, &hash, &e) == 0 && upto == w->begins &&
	       strcmp(hash, w->begin_hash) == 0;
}

int audit_walk_step(struct audit_walk *w, const struct audit_row *row, struct err *e)
{
	char hash[SHA256_HEX + 1];
	int r;

	if (w->n == 0 && row->n > 1)
		begin_behind(w, row);
	if (row->n != w->n + 1)
		return err_set(e, -EBADMSG,
			"row %lld: it follows row %lld, so that some are missing",
			(long long)row->n, (long long)w->n);
	if (strcmp(row->prev, w->hash) != 0)
		return err_set(e, -EBADMSG,
			"row %lld: it does not name the hash of row %lld: that one was changed or "
			"replaced",
			(long long)row->n, (long long)w->n);
	r = audit_hash(row, hash);
	if (r < 0)
		return err_set(e, r, "row %lld: %s", (long long)row->n, strerror(-r));
	if (strcmp(row->hash, hash) != 0)
		return err_set(e, -EBADMSG, "row %lld: its hash is not that of what it says",
			(long long)row->n);
	w->n = row->n;
	memcpy(w->hash, hash, sizeof(hash));
	w->vouched = w->vouched || (w->begins > 0 && vouches(w, row));
	return 0;
}

int audit_walk_end(const struct audit_walk *w, struct err *e)
{
	return w->begins == 0 || w->vouched
		       ? 0
		       : err_set(e, -EBADMSG,
				 "the log begins with row %lld, and no row of it says that those "
				 "before were taken out",
				 (long long)w->begins + 1);
}
