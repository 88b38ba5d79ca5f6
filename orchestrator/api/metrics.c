/* GET /metrics: the numbers of every service, for Prometheus. */
#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "base/link.h"
#include "base/metrics.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/disk.h"
#include "orchestrator/metrics.h"
#include "orchestrator/peers/told.h"

#define TEXT_MAX (512u << 10)

static int take_count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

static uint64_t count_rows(struct world *w, const char *statement)
{
	int64_t n = 0;

	(void)store_run(w->store, statement, take_count, &n, &(struct err){0}, "");
	return (uint64_t)n;
}

static int write_own(struct world *w, struct buf *b)
{
	const struct disk_view *disk = disk_look(w->disk);
	int r;

	orchestrator_gauge(ORCHESTRATOR_DISK_TOTAL, disk->total_bytes);
	orchestrator_gauge(ORCHESTRATOR_DISK_FREE, disk->free_bytes);
	orchestrator_gauge(ORCHESTRATOR_DISK_RESERVE, disk->limits.reserve_bytes);
	orchestrator_gauge(ORCHESTRATOR_SPACES, count_rows(w, "space_count"));
	orchestrator_gauge(ORCHESTRATOR_USERS, count_rows(w, "user_count"));
	orchestrator_gauge(ORCHESTRATOR_STORE_BYTES, store_bytes(w->store));
	orchestrator_gauge(ORCHESTRATOR_GATEWAY_LINK, edge_peer_is_connected(w->edge));
	orchestrator_gauge(ORCHESTRATOR_AGENT_LINK, agent_peer_is_connected(w->agent));
	orchestrator_gauge(ORCHESTRATOR_INFERENCE_LINK, models_peer_is_connected(w->models));
	orchestrator_gauge(ORCHESTRATOR_FILES_REFUSED, links_files_refused());
	r = metrics_write(orchestrator_metrics, ORCHESTRATOR_METRICS_N, b);
	return r < 0 ? r : metrics_write_process("vitrine_orchestrator_", b);
}

void handle_metrics(struct request *r)
{
	CLEANUP(buf_done) struct buf text;
	int code;

	buf_init(&text, TEXT_MAX);
	code = write_own(r->world, &text);
	for (enum teller who = 0; code == 0 && who < TELLERS; who++)
		code = buf_add_str(&text, told_text(who));
	if (code < 0)
		request_fail(r, code, &(struct err){0});
	else
		request_text(r, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text.data,
			text.len);
}
