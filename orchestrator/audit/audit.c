#include "orchestrator/audit/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

struct last {
	int64_t n;
	char hash[SHA256_HEX + 1];
};

static int take_last(const struct store_row *row, void *data)
{
	struct last *l = data;

	l->n = store_int(row, 0);
	(void)snprintf(l->hash, sizeof(l->hash), "%s", store_text(row, 1));
	return 1;
}

int audit_add(struct store *s, const char *who, const char *action, const char *subject,
	const json_t *detail, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	struct last last = {.hash = AUDIT_NOTHING};
	char hash[SHA256_HEX + 1];
	struct audit_row row;
	int r;

	buf_init(&text, AUDIT_DETAIL_MAX);
	r = store_run(s, "audit_last", take_last, &last, e, "");
	if (r < 0)
		return r;
	r = detail ? json_write(&text, detail) : buf_add_str(&text, "{}");
	row = (struct audit_row){.n = last.n + 1,
		.at_usec = (int64_t)clock_wall_usec(),
		.who = who,
		.action = action,
		.subject = subject,
		.detail = buf_str(&text),
		.prev = last.hash};
	if (r == 0)
		r = audit_hash(&row, hash);
	if (r < 0)
		return err_set(e, r, "the audit log: %s", strerror(-r));
	r = store_run(s, "audit_add", NULL, NULL, e, "iissssss", row.n, row.at_usec, who, action,
		subject, row.detail, row.prev, hash);
	return r < 0 ? r : 0;
}

static int append(const struct store_row *row, void *data)
{
	const struct audit_row a = {.n = store_int(row, 0),
		.at_usec = store_int(row, 1),
		.who = store_text(row, 2),
		.action = store_text(row, 3),
		.subject = store_text(row, 4),
		.detail = store_text(row, 5),
		.prev = store_text(row, 6),
		.hash = store_text(row, 7)};

	return json_array_append_new(data, audit_row_json(&a)) < 0 ? -ENOMEM : 0;
}

int audit_list(struct store *s, int64_t after, int64_t limit, json_t **ret, struct err *e)
{
	struct last last = {.n = 0};
	json_t *list = json_array();
	int r = list ? store_run(s, "audit_last", take_last, &last, e, "") : -ENOMEM;

	if (after < 0)
		after = last.n + after > 0 ? last.n + after : 0;
	if (r >= 0)
		r = store_run(s, "audit_list", append, list, e, "ii", after, limit);
	if (r < 0) {
		json_decref(list);
		return r;
	}
	*ret = list;
	return 0;
}
