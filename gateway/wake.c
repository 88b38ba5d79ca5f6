#include "gateway/wake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "base/utf8.h"
#include "gateway/replica.h"
#include "proto/messages.h"

#define QUEUE_MAX (1u << 20)

struct wake {
	struct gateway *gateway;
	struct dialer *dialer; /* owned */
	struct link *link;     /* owned; NULL: down */
	uint32_t next_seq;
	bool synced;
};

bool wake_is_up(const struct wake *w)
{
	return w->link != NULL;
}

bool wake_is_synced(const struct wake *w)
{
	return w->link && w->synced;
}

uint32_t wake_next_seq(struct wake *w)
{
	if (++w->next_seq == 0)
		w->next_seq = 1;
	return w->next_seq;
}

static int on_link(struct wake *w, const struct frame *f, struct link_files *files, struct err *why)
{
	int fd = link_files_take(files, 0);
	struct wake_link m;
	int r = wake_link_read(&m, f->value, f->length, why);

	if (r < 0 || fd < 0) {
		if (fd >= 0)
			close(fd);
		return r < 0 ? r : err_set(why, -EPROTO, "LINK: no file came with it");
	}
	replicas_take(w->gateway, f->seq, &m, fd);
	wake_link_done(&m);
	return 0;
}

static int on_wake_failed(
	struct wake *w, const struct frame *f, struct link_files *files, struct err *why)
{
	struct wake_wake_failed m;
	int r = wake_wake_failed_read(&m, f->value, f->length, why);

	(void)files;
	if (r < 0)
		return r;
	replicas_wake_failed(w->gateway, f->seq, &m);
	wake_wake_failed_done(&m);
	return 0;
}

static int on_gone(struct wake *w, const struct frame *f, struct link_files *files, struct err *why)
{
	struct wake_gone m;
	int r = wake_gone_read(&m, f->value, f->length, why);

	(void)files;
	if (r < 0)
		return r;
	replicas_gone(w->gateway, m.space, m.replica, m.reason);
	wake_gone_done(&m);
	return 0;
}

static int on_sync(struct wake *w, const struct frame *f, struct link_files *files, struct err *why)
{
	(void)f;
	(void)files;
	(void)why;
	w->synced = true;
	spaces_synced(w->gateway->spaces);
	return 0;
}

static int on_cpu(struct wake *w, const struct frame *f, struct link_files *files, struct err *why)
{
	struct wake_cpu m;
	int r = wake_cpu_read(&m, f->value, f->length, why);

	(void)files;
	if (r < 0)
		return r;
	replicas_burned(w->gateway, m.replica, (uint64_t)m.usec);
	wake_cpu_done(&m);
	return 0;
}

static const struct {
	uint8_t type;
	int (*handle)(
		struct wake *w, const struct frame *f, struct link_files *files, struct err *why);
} handlers[] = {
	{WAKE_LINK, on_link},
	{WAKE_WAKE_FAILED, on_wake_failed},
	{WAKE_GONE, on_gone},
	{WAKE_SYNC, on_sync},
	{WAKE_CPU, on_cpu},
};

static int on_frame(struct link *l, const struct frame *f, struct link_files *files,
	struct err *why, void *data)
{
	(void)l;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		if (handlers[i].type == f->type)
			return handlers[i].handle(data, f, files, why);
	return -EPROTO;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct wake *w = data;

	log_warn("the agent is away%s%s; running workers stay", reason->code ? ": " : "",
		reason->text);
	w->link = link_free(l);
	w->synced = false;
	dialer_again(w->dialer);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_WAKE, PROTO_DOWN, type);
}

static void on_connected(int fd, void *data)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = QUEUE_MAX, .files = true};
	struct wake *w = data;

	w->synced = false;
	if (link_new(w->gateway->loop, fd, &ops, &limits, w, &w->link) < 0)
		dialer_again(w->dialer);
}

int wake_send(struct wake *w, uint32_t seq, const struct route *route, const char *bundle)
{
	struct wake_wake m = {.space = route->space,
		.owner = route->owner,
		.name = route->name,
		.bundle = bundle,
		.entry = route->entry,
		.class = route->class,
		.title = route->title,
		.settings = route->settings,
		.epoch = route->epoch};
	struct frame f = {.type = WAKE_WAKE, .seq = seq};
	struct buf value;
	int r;

	if (!w->link)
		return -ENOTCONN;
	buf_init(&value, 4096);
	r = wake_wake_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = link_send(w->link, &f);
	buf_done(&value);
	return r;
}

typedef int (*write_fn)(const void *m, struct buf *b);

/* What cannot be sent now is not needed later: a new link begins with every live worker. */
static void tell(struct wake *w, uint8_t type, const void *m, write_fn write)
{
	struct frame f = {.type = type};
	struct buf value;

	if (!w->link)
		return;
	buf_init(&value, 2048);
	if (write(m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		(void)link_send(w->link, &f);
	}
	buf_done(&value);
}

static int write_sleep(const void *m, struct buf *b)
{
	return wake_sleep_write(m, b);
}

static int write_stop(const void *m, struct buf *b)
{
	return wake_stop_write(m, b);
}

static int write_note(const void *m, struct buf *b)
{
	return wake_note_write(m, b);
}

void wake_sleep(struct wake *w, const char *replica)
{
	struct wake_sleep m = {.replica = replica};

	tell(w, WAKE_SLEEP, &m, write_sleep);
}

void wake_stop(struct wake *w, const char *replica, const char *why)
{
	char words[256];
	struct wake_stop m = {.replica = replica, .reason = words};

	(void)snprintf(words, sizeof(words), "%s", why);
	utf8_scrub(words, strlen(words));
	tell(w, WAKE_STOP, &m, write_stop);
}

void wake_note(struct wake *w, const char *replica, const char *line)
{
	struct wake_note m = {.replica = replica, .line = line};

	tell(w, WAKE_NOTE, &m, write_note);
}

int wake_new(struct gateway *g, const char *run_dir, struct wake **ret)
{
	CLEANUP(wake_freep) struct wake *w = calloc(1, sizeof(*w));
	char path[4096];
	int r;

	if (!w)
		return -ENOMEM;
	w->gateway = g;
	(void)snprintf(path, sizeof(path), "%s/wake.sock", run_dir);
	r = dialer_new(g->loop, path, on_connected, w, &w->dialer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

struct wake *wake_free(struct wake *w)
{
	if (!w)
		return NULL;
	(void)dialer_free(w->dialer);
	(void)link_free(w->link);
	free(w);
	return NULL;
}
