#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "inference/peers/inside.h"
#include "proto/messages.h"

#define WORKER_QUEUE_MAX (4u << 20)
#define CALLER_QUEUE_MAX (64u << 20) /* many users' results at once */
#define ROUND_USEC 2000              /* of one worker's messages, then others have their turn */

struct worker *worker_free(struct worker *w)
{
	struct worker **at = &w->service->workers;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->service->n_workers--;
	worker_drop_calls(w);
	events_done(&w->events);
	tenant_leave(w->service, w->tenant);
	(void)source_free(w->held);
	(void)link_free(w->link);
	free(w);
	return NULL;
}

/* --- worker links --- */

static const struct worker_handler {
	uint8_t type;
	int (*handle)(struct worker *w, const struct frame *f, struct err *e);
} worker_handlers[] = {
	{INFER_CALL, worker_on_call},
	{INFER_STOP, worker_on_stop},
};

static int on_worker_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	(void)files;
	for (size_t i = 0; i < sizeof(worker_handlers) / sizeof(worker_handlers[0]); i++)
		if (worker_handlers[i].type == f->type)
			return worker_handlers[i].handle(data, f, e);
	return err_set(e, -EPROTO, "%s is not for inference", proto_name(PROTO_INFER, f->type));
}

static void on_worker_closed(struct link *l, const struct err *reason, void *data)
{
	struct worker *w = data;

	(void)l;
	if (reason->code)
		log_warn("replica=%s space=%s infer link ended: %s", w->replica, w->tenant->space,
			reason->text);
	(void)worker_free(w);
}

static long worker_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_INFER, PROTO_UP, type);
}

static const struct link_ops worker_ops = {
	.on_frame = on_worker_frame,
	.on_closed = on_worker_closed,
	.value_max = worker_value_max,
};

struct worker *worker_find(const struct service *s, const char *replica)
{
	struct worker *w = s->workers;

	while (w && strcmp(w->replica, replica) != 0)
		w = w->next;
	return w;
}

int worker_add(struct service *s, const char *replica, const char *space, bool caller, int fd)
{
	const struct link_limits limits = {
		.queue_max = caller ? CALLER_QUEUE_MAX : WORKER_QUEUE_MAX,
		.round_usec = ROUND_USEC};
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (w)
		w->tenant = tenant_join(s, space);
	if (!w || !w->tenant) {
		free(w);
		close(fd);
		return -ENOMEM;
	}
	w->service = s;
	events_init(&w->events);
	w->caller = caller;
	w->reading_usec = READING_BURST_USEC;
	w->since_usec = clock_mono_usec();
	(void)snprintf(w->replica, sizeof(w->replica), "%s", replica);
	r = link_new(s->loop, fd, &worker_ops, &limits, w, &w->link);
	if (r < 0) {
		tenant_leave(s, w->tenant);
		free(w);
		return r;
	}
	w->next = s->workers;
	s->workers = w;
	s->n_workers++;
	return 0;
}
