#include "gateway/worker_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/log.h"
#include "base/random.h"
#include "gateway/grants.h"
#include "gateway/host.h"
#include "gateway/replica.h"
#include "gateway/wake.h"

#define QUEUE_MAX (32u << 20)
#define ROUND_USEC 250                     /* a worker is heard, then the others */
#define TELL_HELD_USEC (60 * USEC_PER_SEC) /* between two notes that it is slowed down */
#define GATHERED_MAX (32u << 20)           /* unfinished groups of all sessions of one worker */

static int on_hello(struct replica *r, const struct frame *f, struct err *e)
{
	struct page *page = NULL;
	struct app_hello m;
	int n;

	/* One that answers a gateway before this one, however many there were. */
	if (r->handed_over && f->seq != r->hello_seq && f->seq != r->hello_seq + 1)
		return 0;
	if (r->hellos == 0)
		return err_set(e, -EPROTO, "HELLO came again, and nobody had asked");
	r->hellos--;
	if (r->handed_over && f->seq == r->hello_seq) {
		r->deaf = false;
		return 0;
	}
	n = app_hello_read(&m, f->value, f->length, e);
	if (n < 0)
		return n;
	r->deaf = false; /* a worker that was loading answers both at once */
	r->blank = f->op != 0;
	n = page_new(r->bundle, r->space->route ? r->space->route->title : "", m.tree, &page, e);
	if (n == 0 && page_set_functions(page, m.api) < 0)
		log_error("space=%s out of memory: its functions cannot be called", r->space->id);
	if (n == 0)
		replica_hello(r, page, m.upgrade);
	app_hello_done(&m);
	return n;
}

static int on_load_failed(struct replica *r, const struct frame *f, struct err *e)
{
	struct app_load_failed m;
	int n = app_load_failed_read(&m, f->value, f->length, e);

	if (n < 0)
		return n;
	replica_load_failed(r, &m); /* frees r */
	app_load_failed_done(&m);
	return 0;
}

static int on_session_frame(struct replica *r, const struct frame *f, struct err *e)
{
	struct sessions *t = r->space->gateway->sessions;
	struct session *s = sessions_by_number(t, f->channel);
	size_t before, after, pending;
	int n;

	/* What was on its way when the session left this worker is nobody's. */
	if (!s || s->live->replica != r)
		return 0;
	before = s->live->group.image.len + s->live->group.visible.len;
	pending = s->pending_bytes;
	n = session_worker_frame(t, s, f, e);
	if (n < 0)
		return n;
	if (f->type == APP_COMMIT && f->op == COMMIT_FINISH && f->node > 0) {
		if (s->pending_bytes < pending)
			watch_finished(&r->watch, clock_mono_usec());
		grants_revoke(r->space->gateway->grants, r->id, s->number, f->node);
		queue_finished(r, s, f->node);
	}
	if (s->live->replica != r) {
		r->gathered -= before;
		return 0;
	}
	after = s->live->group.image.len + s->live->group.visible.len;
	r->gathered += after - before;
	if (r->gathered > GATHERED_MAX)
		return err_set(e, -EMSGSIZE, "unfinished groups: over the limit of %u bytes",
			GATHERED_MAX);
	return 0;
}

static int on_host_call(struct replica *r, const struct frame *f, struct err *e)
{
	struct session *s = sessions_by_number(r->space->gateway->sessions, f->channel);
	struct host_stamp stamp = {0};

	/* What its handler waits for ends with the handler: the session has left. */
	if (!s || s->live->replica != r)
		return 0;
	(void)snprintf(stamp.worker, sizeof(stamp.worker), "%s", r->id);
	(void)snprintf(stamp.space, sizeof(stamp.space), "%s", r->space->id);
	(void)snprintf(stamp.session, sizeof(stamp.session), "%s", s->id);
	(void)snprintf(stamp.user, sizeof(stamp.user), "%s", s->user);
	(void)snprintf(stamp.visitor, sizeof(stamp.visitor), "%s", s->visitor);
	stamp.http = r->space->route ? r->space->route->http : NULL;
	grants_payer(r->space->gateway->grants, s, stamp.payer, sizeof(stamp.payer));
	return host_take(r->space->gateway->host, r, &stamp, f, e);
}

static int on_host_stop(struct replica *r, const struct frame *f, struct err *e)
{
	(void)e;
	host_stop(r->space->gateway->host, r, f->seq);
	return 0;
}

#define LOADED (1u << REPLICA_RUNNING | 1u << REPLICA_LOADING)

/* type, on channel 0 or a session's, in which phases of the worker, and what it costs of the
 * worker's flow: units, and more for each KiB. */
static const struct {
	uint8_t type;
	bool session;
	unsigned phases;
	uint32_t units, per_kib;
	int (*handle)(struct replica *r, const struct frame *f, struct err *e);
} handlers[] = {
	{APP_HELLO, false, LOADED, 64, 16, on_hello},
	{APP_LOAD_FAILED, false, 1u << REPLICA_LOADING, 1, 1, on_load_failed},
	{APP_PATCH, true, LOADED, 1, 2, on_session_frame},
	{APP_IMAGE, true, LOADED, 1, 2, on_session_frame},
	{APP_COMMIT, true, LOADED, 8, 0, on_session_frame},
	{APP_FAIL, true, LOADED, 4, 2, on_session_frame},
	{APP_RESULT, true, LOADED, 1, 2, on_session_frame},
	{APP_BLOB, true, LOADED, 64, 4, on_session_frame},
	{APP_LOST, true, LOADED, 16, 0, on_session_frame},
	{APP_HOST_CALL, true, LOADED, 8, 2, on_host_call},
	{APP_HOST_STOP, true, LOADED, 1, 0, on_host_stop},
};

static void on_held_enough(void *data)
{
	struct replica *r = data;

	if (r->link)
		link_release(r->link);
}

/* The worker has said more than it may for now: it waits, on its own socket. */
static void hold(struct replica *r, uint64_t now)
{
	if (!r->held && loop_add_timer(r->space->gateway->loop, on_held_enough, r, &r->held) < 0)
		return;
	link_hold(r->link);
	timer_arm_after(r->held, flow_wait_usec(&r->flow, now));
	if (r->told_held_usec && now - r->told_held_usec < TELL_HELD_USEC)
		return;
	r->told_held_usec = now;
	log_info("space=%s replica=%s says too much and is slowed down", r->space->id, r->id);
	wake_note(r->space->gateway->wake, r->id,
		"the app sends more changes than any page can show; it is slowed down");
}

static void charge(struct replica *r, uint32_t units)
{
	uint64_t now;

	watch_heard(&r->watch);
	if (flow_take(&r->flow, units))
		return;
	now = clock_mono_usec();
	if (flow_wait_usec(&r->flow, now) > 0)
		hold(r, now);
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct replica *r = data;

	(void)l;
	(void)files;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		if (handlers[i].type != f->type)
			continue;
		if (handlers[i].session != (f->channel != 0) ||
			!(handlers[i].phases & 1u << r->phase))
			break;
		charge(r, handlers[i].units + handlers[i].per_kib * (uint32_t)(f->length >> 10));
		if (r->deaf && handlers[i].session)
			return 0;
		return handlers[i].handle(r, f, e);
	}
	return err_set(e, -EPROTO, "%s is out of turn", proto_name(PROTO_APP, f->type));
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct replica *r = data;

	(void)l; /* freed with the replica */
	if (reason->code)
		log_warn("space=%s replica=%s its link was ended: %s", r->space->id, r->id,
			reason->text);
	replica_lost(r, reason->code ? reason->text : "it closed its link or was killed",
		reason->code ? "the demo broke a rule and was restarted" : "its worker ended");
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_APP, PROTO_UP, type);
}

int worker_link_open(struct replica *r, int fd)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = QUEUE_MAX, .round_usec = ROUND_USEC};

	return link_new(r->space->gateway->loop, fd, &ops, &limits, r, &r->link);
}

uint32_t worker_link_listen(struct replica *r)
{
	random_bytes(&r->hello_seq, sizeof(r->hello_seq));
	r->hello_seq = (r->hello_seq | 2) & ~1u; /* not 0, and the second number is another one */
	r->deaf = true;
	return r->hello_seq;
}

void worker_link_send(struct replica *r, const struct frame *f, const int *fds, size_t n)
{
	int sent = r->link ? link_send_files(r->link, f, fds, n) : -EPIPE;

	if (f->type == APP_EVENT || f->type == APP_CALL || f->type == APP_OPEN ||
		f->type == APP_RESUME)
		flow_add_event(&r->flow);
	/* -EPIPE is reported through on_closed. A full queue means that the worker stopped
	 * reading: shutting the socket down makes the link report that too. */
	if (sent == -ENOBUFS || sent == -ENOMEM) {
		log_warn("space=%s replica=%s does not read its link", r->space->id, r->id);
		(void)shutdown(link_fd(r->link), SHUT_RDWR);
	}
}

void worker_link_answer(void *replica, const struct frame *f)
{
	worker_link_send(replica, f, NULL, 0);
}

void worker_link_note(void *replica, const char *line)
{
	struct replica *r = replica;

	wake_note(r->space->gateway->wake, r->id, line);
}

size_t worker_link_untaken(void *replica)
{
	struct replica *r = replica;

	return r->link ? link_queued(r->link) : 0;
}

void worker_link_cork(struct replica *r, bool on)
{
	if (!r->link)
		return;
	if (on)
		link_cork(r->link);
	else
		link_uncork(r->link);
}
