#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "inference/peers/devices.h"
#include "inference/peers/inside.h"
#include "proto/messages.h"

#define CONTROL_QUEUE_MAX (1u << 20)

struct control *control_free(struct control *c)
{
	struct control **at = &c->service->controls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->service->n_controls--;
	if (c->service->ledger && ledger_link(c->service->ledger) == c->link)
		ledger_serve(c->service->ledger, NULL);
	(void)link_free(c->link);
	free(c);
	return NULL;
}

/* --- control links --- */

/* A worker that cannot be served is refused by closing its link: its calls fail with words. */
static int on_attach(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct models_attach m;
	struct worker *old;
	int fd = link_files_take(files, 0), r;

	if (fd < 0)
		return err_set(e, -EPROTO, "ATTACH without its file");
	r = models_attach_read(&m, f->value, f->length, e);
	if (r < 0) {
		close(fd);
		return r;
	}
	old = worker_find(c->service, m.replica);
	if (old)
		(void)worker_free(old);
	if (c->service->n_workers == SERVICE_WORKERS_MAX) {
		log_warn("replica=%s not attached: %d workers, the limit", m.replica,
			SERVICE_WORKERS_MAX);
		close(fd);
	} else {
		r = worker_add(c->service, m.replica, m.space, false, fd);
		if (r < 0)
			log_warn("replica=%s not attached: %s", m.replica, strerror(-r));
	}
	models_attach_done(&m);
	return 0;
}

/* There may be two for a moment, when a gateway has just taken over from another one. */
static int on_caller(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	int fd = link_files_take(files, 0), r;

	(void)f;
	if (fd < 0)
		return err_set(e, -EPROTO, "CALLER without its file");
	c->gateway = true;
	r = worker_add(c->service, "gateway", "", true, fd);
	if (r < 0)
		log_warn("the gateway was not attached: %s", strerror(-r));
	return 0;
}

static int on_key(struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct models_key m;
	int r = models_key_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	c->gateway = true;
	r = grant_keys_add(&c->service->keys, &m, e);
	models_key_done(&m);
	service_lease_came(c->service); /* some may have waited for it */
	return r;
}

static int on_lease(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct ledger *ledger = c->service->ledger;

	(void)files;
	/* One that comes late, over the link before this one, would be renewed by nobody. */
	return ledger && ledger_link(ledger) == c->link ? ledger_on_lease(ledger, f, e) : 0;
}

static int on_pools(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct pool_terms terms[POOLS_MAX];
	struct models_pools m;
	int r = models_pools_read(&m, f->value, f->length, e), n;

	(void)files;
	if (r < 0)
		return r;
	r = places_take(c->service->places, &m, terms, &n, e);
	if (r == 0 && n >= 0)
		engine_set_pools(c->service->engine, terms, (size_t)n);
	models_pools_done(&m);
	return r;
}

/* The first one says that the ledger is kept at the other end. */
static int on_taken(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct ledger *ledger = c->service->ledger;
	struct models_taken m;
	int r = models_taken_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	c->orchestrator = true;
	if (ledger && !m.journal[0]) {
		ledger_serve(ledger, c->link);
		service_lease_came(c->service);
	} else if (ledger) {
		r = ledger_on_taken(ledger, &m, e);
	}
	models_taken_done(&m);
	return r;
}

static uint32_t read_u32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A row of SPENT. */
static void add_spent(struct buf *b, uint32_t session, uint32_t n, uint64_t nsec)
{
	if (nsec == 0 || buf_reserve(b, 16) < 0)
		return; /* the next run of its handler tells */
	(void)buf_add_u32(b, session);
	(void)buf_add_u32(b, n);
	(void)buf_add_u32(b, (uint32_t)nsec);
	(void)buf_add_u32(b, (uint32_t)(nsec >> 32));
}

static void send_spent(struct control *c, const struct buf *b)
{
	const struct frame f = {.type = MODELS_SPENT, .value = b->data, .length = b->len};

	if (b->len > 0)
		(void)link_send(c->link, &f);
}

static int on_revoke(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	const uint8_t *at = f->value, *end = at + f->length;
	CLEANUP(buf_done) struct buf spent;

	(void)files;
	buf_init(&spent, (size_t)proto_value_max(PROTO_MODELS, PROTO_DOWN, MODELS_SPENT));
	while (at < end) {
		const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
		struct worker *w;

		if (!nul || end - nul < 9)
			return err_set(e, -EBADMSG, "REVOKE: must be ids and numbers");
		w = worker_find(c->service, (const char *)at);
		if (w)
			add_spent(&spent, read_u32(nul + 1), read_u32(nul + 5),
				worker_end_event(w, read_u32(nul + 1), read_u32(nul + 5)));
		at = nul + 9;
	}
	send_spent(c, &spent);
	return 0;
}

/* Calls of a blank box there are none; if there were, they would go with it. */
static void move_to_tenant(struct worker *w, const char *space)
{
	struct tenant *to = tenant_join(w->service, space);

	if (!to) {
		log_error("replica=%s cannot be assigned: out of memory", w->replica);
		return;
	}
	for (struct call *c = w->calls; c; c = c->next) {
		c->tenant->calls--;
		c->tenant->held_bytes -= c->held_n;
		c->tenant = to;
		c->charge.space = to->space;
		if (c->again.ledger)
			c->again.space = to->space;
		to->calls++;
		to->held_bytes += c->held_n;
		if (c->request)
			request_set_group(c->request, to->group);
	}
	tenant_leave(w->service, w->tenant);
	w->tenant = to;
}

static int on_assign(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct models_assign m;
	struct worker *w;
	int r = models_assign_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	w = worker_find(c->service, m.replica);
	if (w) /* it may have died meanwhile */
		move_to_tenant(w, m.space);
	models_assign_done(&m);
	return 0;
}

static const struct control_handler {
	uint8_t type;
	int (*handle)(
		struct control *c, const struct frame *f, struct link_files *files, struct err *e);
} control_handlers[] = {
	{MODELS_ATTACH, on_attach},
	{MODELS_ASSIGN, on_assign},
	{MODELS_CALLER, on_caller},
	{MODELS_KEY, on_key},
	{MODELS_REVOKE, on_revoke},
	{MODELS_LEASE, on_lease},
	{MODELS_POOLS, on_pools},
	{MODELS_TAKEN, on_taken},
	{MODELS_DEVICE, devices_on_order},
};

static int on_control_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	for (size_t i = 0; i < sizeof(control_handlers) / sizeof(control_handlers[0]); i++)
		if (control_handlers[i].type == f->type)
			return control_handlers[i].handle(data, f, files, e);
	return err_set(e, -EPROTO, "%s is not for inference", proto_name(PROTO_MODELS, f->type));
}

static void on_control_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	if (reason->code)
		log_warn("control link ended: %s", reason->text);
	(void)control_free(data);
}

static long control_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_MODELS, PROTO_UP, type);
}

static const struct link_ops control_ops = {
	.on_frame = on_control_frame,
	.on_closed = on_control_closed,
	.value_max = control_value_max,
};

static int send_list(const struct control *c)
{
	CLEANUP(json_decrefp) json_t *models = shelf_list(c->service->shelf);
	CLEANUP(buf_done) struct buf value;
	struct models_list m = {.models = models, .files_refused = (int64_t)links_files_refused()};
	struct frame f = {.type = MODELS_LIST};
	int r;

	buf_init(&value, proto_models_list.value_max);
	r = models ? models_list_write(&m, &value) : -ENOMEM;
	if (r < 0)
		return r;
	f.value = value.data;
	f.length = value.len;
	return link_send(c->link, &f);
}

void control_send_list(struct control *c)
{
	int r = send_list(c);

	if (r < 0)
		log_error("the list of models was not sent: %s", strerror(-r));
}

void service_add_control(struct service *s, int fd)
{
	static const struct link_limits limits = {.queue_max = CONTROL_QUEUE_MAX, .files = true};
	struct control *c;
	int r;

	if (s->n_controls == SERVICE_CONTROLS_MAX) {
		log_warn(
			"a control link was refused: %d are open, the limit", SERVICE_CONTROLS_MAX);
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->service = s;
	r = link_new(s->loop, fd, &control_ops, &limits, c, &c->link);
	if (r < 0) {
		log_error("control link: %s", strerror(-r));
		free(c);
		return;
	}
	c->next = s->controls;
	s->controls = c;
	s->n_controls++;
	control_send_list(c);
}
