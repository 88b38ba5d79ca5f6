#include "orchestrator/audit/prune.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/audit/audit.h"

struct ends {
	int64_t first, last, young; /* young: the first of before_usec or later; 0: none */
};

static int take_ends(const struct store_row *row, void *data)
{
	struct ends *ends = data;

	*ends = (struct ends){store_int(row, 0), store_int(row, 1), store_int(row, 2)};
	return 1;
}

static int take_hash(const struct store_row *row, void *data)
{
	(void)snprintf(data, SHA256_HEX + 1, "%s", store_text(row, 0));
	return 1;
}

static int hash_of(struct store *s, int64_t n, char ret[SHA256_HEX + 1], struct err *e)
{
	ret[0] = '\0';
	return store_run(s, "audit_hash_of", take_hash, ret, e, "i", n);
}

/* What is to go is in somebody's hands: the row that their copy ends with is the one of here. */
static int check_copy(struct store *s, const struct audit_prune *p, struct err *e)
{
	char hash[SHA256_HEX + 1];
	int r = hash_of(s, p->kept_n, hash, e);

	if (r < 0)
		return r;
	if (!hash[0])
		return err_set(e, -EBADMSG, "row %lld is not in the log", (long long)p->kept_n);
	return strcmp(hash, p->kept_hash) == 0
		       ? 0
		       : err_set(e, -EBADMSG,
				 "row %lld has another hash: the copy is of another log",
				 (long long)p->kept_n);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int remove_rows(
	struct store *s, const struct audit_prune *p, struct audit_pruned *ret, struct err *e)
{
	struct ends ends = {0};
	int64_t upto;
	int r = store_run(s, "audit_ends", take_ends, &ends, e, "ii", p->before_usec,
		(int64_t)AUDIT_PRUNE_MAX);

	if (r < 0)
		return r;
	upto = least(least(p->kept_n, ends.last - 1), ends.young ? ends.young - 1 : ends.last);
	ret->more = upto >= ends.first + AUDIT_PRUNE_MAX;
	upto = least(upto, ends.first + AUDIT_PRUNE_MAX - 1);
	if (upto < ends.first)
		return 0;
	*ret = (struct audit_pruned){
		.removed = upto - ends.first + 1, .upto = upto, .more = ret->more};
	r = hash_of(s, upto, ret->hash, e);
	if (r >= 0)
		r = store_run(s, "audit_remove", NULL, NULL, e, "i", upto);
	return r < 0 ? r : 0;
}

static int tell(struct store *s, const struct audit_prune *p, const struct audit_pruned *done,
	struct err *e)
{
	CLEANUP(json_unrefp)
	json_t *detail = json_pack("{s:s, s:I, s:I, s:s, s:I}", "from", p->from, "removed",
		(json_int_t)done->removed, "upto", (json_int_t)done->upto, "hash", done->hash,
		"before", (json_int_t)p->before_usec);

	if (!detail)
		return err_set(e, -ENOMEM, "out of memory");
	return audit_add(s, p->who, AUDIT_PRUNED, "/api/audit", detail, e);
}

int audit_prune(
	struct store *s, const struct audit_prune *p, struct audit_pruned *ret, struct err *e)
{
	int r = store_begin(s, e);

	*ret = (struct audit_pruned){0};
	if (r == 0)
		r = check_copy(s, p, e);
	if (r == 0)
		r = remove_rows(s, p, ret, e);
	if (r == 0 && ret->removed > 0)
		r = tell(s, p, ret, e);
	if (r == 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r;
}
