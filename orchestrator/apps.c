#include "orchestrator/apps.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/data/data.h"
#include "orchestrator/disk.h"
#include "proto/constants.h"

static int read_id(const struct store_row *row, void *data)
{
	(void)snprintf(data, 33, "%s", store_text(row, 0));
	return 0;
}

/* Why nothing more is kept now; NULL: it is. */
static const char *full(struct world *w, const char *op)
{
	const struct disk_view *disk;

	if (strcmp(op, "set") != 0 && strcmp(op, "file.begin") != 0 &&
		strcmp(op, "file.write") != 0)
		return NULL;
	disk = disk_look(w->disk);
	return disk->state == DISK_FULL ? disk->words : NULL;
}

static void refuse(struct world *w, uint64_t ticket, const char *words)
{
	char value[300];
	int n = snprintf(value, sizeof(value), "unavailable%c%.250s", '\0', words);

	apps_answer(ticket, HOST_FAILED, value, (size_t)n, w);
}

/* What a person keeps is theirs by id: a name can be somebody else's one day. */
void apps_take(
	const struct edge_host_call *m, const void *body, size_t n, uint64_t ticket, void *data)
{
	struct world *w = data;
	char user[33] = "";
	struct data_call c = {.id = m->id,
		.space = m->space,
		.user = user,
		.visitor = m->visitor && !m->user ? m->visitor : "",
		.op = m->op,
		.body = body,
		.n = n};

	if (m->user && store_run(w->store, "user_by_name", read_id, user, &(struct err){0}, "s",
			       m->user) < 0) {
		refuse(w, ticket, "the platform could not say who asks; try again");
		return;
	}
	if (full(w, m->op)) {
		refuse(w, ticket, full(w, m->op));
		return;
	}
	data_take(w->data, &c, ticket, apps_answer, w);
}

void apps_answer(uint64_t ticket, uint8_t op, const void *value, size_t n, void *data)
{
	struct world *w = data;

	edge_peer_answer(w->edge, ticket, op, value, n);
}
