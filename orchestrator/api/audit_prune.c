/* REST: the beginning of the audit log taken out, once somebody has shown to have a copy of it. */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/audit/prune.h"

#define YOUNG_DAYS 30 /* nobody hides what was done just now */
#define HEAD_MAX 96

/* N:HASH, as vitrine audit verify says it. */
static bool read_head(const char *text, struct audit_prune *p)
{
	char *colon;

	p->kept_n = strtoll(text, &colon, 10);
	p->kept_hash = colon + 1;
	return p->kept_n > 0 && *colon == ':' && strlen(p->kept_hash) == SHA256_HEX;
}

/* {before: µs since 1970, head: "N:HASH"} */
void handle_audit_prune(struct request *r)
{
	struct audit_prune p = {.who = r->who.user, .from = r->remote};
	uint64_t now = clock_wall_usec(), young = YOUNG_DAYS * 86400 * USEC_PER_SEC;
	struct audit_pruned done;
	const char *head;
	struct err e = {0};
	int code;

	if (json_get_int(r->json, "before", 0, INT64_MAX, &p.before_usec, &e) < 0 ||
		json_get_str(r->json, "head", HEAD_MAX, &head, &e) < 0) {
		request_error(r, MHD_HTTP_BAD_REQUEST, NULL, "%s", e.text);
		return;
	}
	if (!read_head(head, &p)) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "head", "is N:HASH, the end of a copy");
		return;
	}
	if (now < young || (uint64_t)p.before_usec > now - young) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "before",
			"must be %d days ago or more: younger rows stay", YOUNG_DAYS);
		return;
	}
	code = audit_prune(r->world->store, &p, &done, &e);
	if (code == -EBADMSG)
		request_error(r, MHD_HTTP_CONFLICT, "head", "%s", e.text);
	else if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK,
			json_pack("{s:I, s:I, s:s, s:b}", "removed", (json_int_t)done.removed,
				"upto", (json_int_t)done.upto, "hash", done.hash, "more",
				done.more));
}
