/*
 * The session room with fake visitors, fake workers and a fake clock: scripted conversations cut
 * at every byte of their log, and random ones in which gateway and workers are killed at any step.
 */
#include "gateway/session/sessions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "gateway/session/frames.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define DONE_MAX 8192
#define GROUPS_MAX 512
#define QUEUE_MAX 64

/* A group that the worker has sent and not seen acknowledged. */
struct group {
	uint32_t seq, event;
	uint8_t op;
	char suffix[32]; /* what it adds to the image's "done" */
	uint32_t keep;
	bool fails;
};

/* Follows the rules of a real worker for one session: dedupes events, keeps unacknowledged
 * groups, answers RESUME, says LOST. Its handlers note in the image that they ran. */
struct worker {
	bool alive, open, moving;
	char bundle[8], id[16];
	uint32_t channel, seq, last_n;
	char done[DONE_MAX];
	struct group groups[GROUPS_MAX];
	size_t n_groups;
	uint32_t queue[QUEUE_MAX];
	size_t n_queue;
	struct frame outbox[256]; /* frames on their way to the gateway, values owned */
	size_t n_outbox;
};

struct noted {
	uint64_t bytes; /* of the log when it was said */
	uint32_t n, seq;
};

struct world {
	struct sessions *sessions;
	struct session *session;
	char dir[64];
	char id[ID_LEN + 1];
	uint64_t now;
	struct worker workers[2];
	struct worker *current; /* the one new sessions are put on */
	int ids;
	bool connected;
	/* what the visitor knows */
	uint32_t seen_seq, accepted_n, sent_n;
	uint32_t interrupted[64];
	size_t n_interrupted;
	char finished[4096]; /* one byte per event: how often its finish was shown */
	size_t shown_all;
	struct noted noted[4096];
	size_t n_noted;
	bool wants, retry_safe, wants_presence;
	uint8_t presence[16]; /* what workers were told, in order */
	size_t n_presence;
	char told[1024]; /* to the Space's owner, last */
};

static void post(struct worker *w, uint8_t type, uint8_t op, uint32_t node, uint32_t seq,
	const void *value, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	CHECK(w->n_outbox < 256 && copy);
	if (n)
		memcpy(copy, value, n);
	w->outbox[w->n_outbox++] = (struct frame){.type = type,
		.op = op,
		.channel = w->channel,
		.node = node,
		.seq = seq,
		.value = copy,
		.length = n};
}

static void post_group(struct worker *w, const struct group *g)
{
	char image[64];
	int n = snprintf(image, sizeof(image), "done%c%s", 0, g->suffix);

	if (g->fails)
		post(w, APP_FAIL, FAIL_ERROR, g->event, 0, "{\"message\":\"no\"}", 16);
	if (g->suffix[0])
		post(w, APP_IMAGE, IMAGE_SET, g->keep, 0, image, (size_t)n);
	post(w, APP_PATCH, PATCH_SET, 9, 0,
		"value\0"
		"1",
		7);
	post(w, APP_COMMIT, g->op, g->event, g->seq, NULL, 0);
}

static void worker_commit(struct worker *w, uint32_t event, uint8_t op, bool note, bool fails)
{
	struct group *g = &w->groups[w->n_groups++];

	CHECK(w->n_groups < GROUPS_MAX);
	*g = (struct group){.seq = ++w->seq, .event = event, .op = op, .fails = fails};
	if (note) {
		/* done is a JSON string: its closing quote is replaced with every addition */
		size_t length = strlen(w->done);

		g->keep = (uint32_t)(length ? length - 1 : 0);
		(void)snprintf(g->suffix, sizeof(g->suffix), "%s%u,\"", length ? "" : "\"", event);
		w->done[g->keep] = '\0';
		CHECK(length + 16 < DONE_MAX);
		memcpy(w->done + g->keep, g->suffix, strlen(g->suffix) + 1);
	}
	post_group(w, g);
}

static void worker_open(struct worker *w, const struct frame *f)
{
	struct app_open m;
	const char *done;

	CHECK(app_open_read(&m, f->value, f->length, NULL) == 0);
	w->open = true;
	w->channel = f->channel;
	w->seq = f->seq;
	w->last_n = 0;
	w->n_groups = w->n_queue = 0;
	w->moving = m.from != NULL;
	done = json_string_value(json_object_get(m.image, "done"));
	w->done[0] = '\0';
	if (done)
		(void)snprintf(w->done, sizeof(w->done), "\"%s\"", done);
	app_open_done(&m);
}

static void worker_resume(struct worker *w, const struct frame *f)
{
	if (!w->open || f->seq > w->seq) {
		w->open = false;
		w->channel = f->channel;
		post(w, APP_LOST, 0, f->node, 0, NULL, 0);
		return;
	}
	for (size_t i = 0; i < w->n_groups; i++)
		if (w->groups[i].seq > f->seq)
			post_group(w, &w->groups[i]);
}

static void worker_ack(struct worker *w, uint32_t seq)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_groups; i++)
		if (w->groups[i].seq > seq)
			w->groups[kept++] = w->groups[i];
	w->n_groups = kept;
}

static void worker_take(struct worker *w, const struct frame *f)
{
	if (!w->alive)
		return;
	switch (f->type) {
	case APP_OPEN:
		worker_open(w, f);
		break;
	case APP_CLOSE:
		w->open = false;
		w->n_queue = w->n_groups = 0;
		break;
	case APP_EVENT:
		if (!w->open) {
			w->channel = f->channel;
			post(w, APP_LOST, 0, 0, 0, NULL, 0);
		} else if (f->seq > w->last_n) {
			CHECK(w->n_queue < QUEUE_MAX);
			w->last_n = f->seq;
			w->queue[w->n_queue++] = f->seq;
		}
		break;
	case APP_RESUME:
		worker_resume(w, f);
		break;
	case APP_ACK:
		if (w->open)
			worker_ack(w, f->seq);
		break;
	default:
		break;
	}
}

/* Runs one handler, or the upgrade. */
static void worker_work(struct worker *w, bool interim)
{
	uint32_t n;

	if (!w->alive || !w->open)
		return;
	if (w->moving) {
		w->moving = false;
		worker_commit(w, 0, COMMIT_FINISH, false, false);
		return;
	}
	if (w->n_queue == 0)
		return;
	n = w->queue[0];
	if (interim) {
		worker_commit(w, n, COMMIT_INTERIM, false, false);
		return;
	}
	memmove(w->queue, w->queue + 1, --w->n_queue * sizeof(*w->queue));
	worker_commit(w, n, COMMIT_FINISH, true, false);
}

static void drop_outbox(struct worker *w)
{
	while (w->n_outbox > 0)
		free((void *)w->outbox[--w->n_outbox].value);
}

/* Delivers what is on its way to the gateway. */
static void deliver(struct world *x, struct worker *w)
{
	while (w->n_outbox > 0) {
		struct frame f = w->outbox[0];
		struct err e = {0};

		memmove(w->outbox, w->outbox + 1, --w->n_outbox * sizeof(f));
		if (x->session->live->replica == w &&
			session_worker_frame(x->sessions, x->session, &f, &e) < 0) {
			fprintf(stderr, "link ended: %s\n", e.text);
			CHECK(!"the worker kept the protocol");
		}
		free((void *)f.value);
	}
}

/* --- what sessions ask for --- */

static uint64_t now_usec(void *data)
{
	return ((struct world *)data)->now;
}

static int64_t wall_sec(void *data)
{
	return (int64_t)(((struct world *)data)->now / 1000000);
}

static void note(struct world *x, uint32_t n, uint32_t seq)
{
	if (x->n_noted < 4096)
		x->noted[x->n_noted++] =
			(struct noted){session_log_bytes(sessions_log(x->sessions)), n, seq};
}

static int see(const struct frame *f, void *data, struct err *e)
{
	struct world *x = data;

	(void)e;
	if (f->type == WIRE_ACCEPTED) {
		if (f->seq > x->accepted_n)
			x->accepted_n = f->seq;
		note(x, f->seq, 0);
	} else if (f->type == APP_COMMIT) {
		CHECK(f->seq == x->seen_seq + 1);
		x->seen_seq = f->seq;
		if (f->op == COMMIT_FINISH && f->node)
			x->finished[f->node]++;
		note(x, 0, f->seq);
	} else if (f->type == WIRE_INTERRUPTED) {
		bool known = false;

		for (size_t i = 0; i < x->n_interrupted; i++)
			known |= x->interrupted[i] == f->seq;
		if (!known)
			x->interrupted[x->n_interrupted++] = f->seq;
	}
	return 0;
}

static void show(
	struct session *s, const uint8_t *frames, size_t n, bool fails, bool lazy, void *data)
{
	(void)s;
	(void)fails;
	(void)lazy;
	CHECK(frames_each(frames, n, 8 << 20, see, data, NULL) == 0);
}

static void show_all(struct session *s, void *data)
{
	struct world *x = data;

	x->shown_all++;
	x->seen_seq = s->last_seq;
}

static void send_frame(struct session *s, const struct frame *f, void *data)
{
	struct world *x = data;

	if (f->type == APP_PRESENCE && x->n_presence < sizeof(x->presence))
		x->presence[x->n_presence++] = f->op;
	worker_take(s->live->replica, f);
}

static void cork(struct session *s, bool on, void *data)
{
	(void)s;
	(void)on;
	(void)data;
}

static void send_files(struct session *s, const uint8_t *bytes, size_t n, void *data)
{
	(void)s;
	(void)bytes;
	(void)n;
	(void)data;
}

static int list_files(struct session *s, const uint8_t *bytes, size_t n, struct buf *b, void *data)
{
	(void)s;
	(void)bytes;
	(void)n;
	(void)data;
	return buf_add_str(b, "[]");
}

static int keep_blob(struct session *s, const struct frame *f, struct err *e, void *data)
{
	(void)s;
	(void)f;
	(void)e;
	(void)data;
	return 0;
}

static void want_worker(struct session *s, void *data)
{
	(void)s;
	((struct world *)data)->wants = true;
}

static bool may_retry(const struct session *s, uint32_t node, uint8_t kind, void *data)
{
	(void)s;
	(void)node;
	(void)kind;
	return ((struct world *)data)->retry_safe;
}

static void settled(struct session *s, void *data)
{
	struct world *x = data;

	if (x->current && x->current->alive && s->live->replica != x->current)
		x->wants = true;
}

static void nothing(void *data)
{
	(void)data;
}

static void forgotten(struct session *s, void *data)
{
	struct world *x = data;

	if (x->session == s)
		x->session = NULL;
}

static void tell_owner(struct session *s, const char *words, void *data)
{
	(void)s;
	(void)snprintf(
		((struct world *)data)->told, sizeof(((struct world *)data)->told), "%s", words);
}

static bool wants_presence(const struct session *s, void *data)
{
	(void)s;
	return ((struct world *)data)->wants_presence;
}

static const struct sessions_ops ops = {
	.now_usec = now_usec,
	.wall_sec = wall_sec,
	.show = show,
	.show_all = show_all,
	.send = send_frame,
	.cork = cork,
	.send_files = send_files,
	.list_files = list_files,
	.keep_blob = keep_blob,
	.want_worker = want_worker,
	.may_retry = may_retry,
	.settled = settled,
	.acks_due = nothing,
	.tell_owner = tell_owner,
	.wants_presence = wants_presence,
	.forgotten = forgotten,
};

static const struct sessions_limits limits = {.per_space = 100,
	.per_visitor = 10,
	.keep_sec = 3600,
	.leave_sec = 15,
	.untouched_sec = 60};

/* --- driving it --- */

static void open_world(struct world *x)
{
	struct err e = {0};

	if (sessions_new(x->dir, &ops, &limits, x, &x->sessions, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
}

static void start_world(struct world *x)
{
	struct err e = {0};

	*x = (struct world){.now = 1000000};
	(void)snprintf(x->dir, sizeof(x->dir), "/tmp/vitrine-sessions-XXXXXX");
	CHECK(mkdtemp(x->dir));
	open_world(x);
	CHECK(sessions_begin(x->sessions, "space", "visitor", NULL, "{\"q\":1}", &x->session, &e) ==
		0);
	memcpy(x->id, x->session->id, sizeof(x->id));
}

static void end_world(struct world *x)
{
	(void)sessions_free(x->sessions);
	for (int i = 0; i < 2; i++)
		drop_outbox(&x->workers[i]);
	CHECK(fs_remove_tree(x->dir) == 0);
}

static struct worker *start_worker(struct world *x, int which, const char *bundle)
{
	struct worker *w = &x->workers[which];

	drop_outbox(w);
	*w = (struct worker){.alive = true};
	(void)snprintf(w->bundle, sizeof(w->bundle), "%s", bundle);
	(void)snprintf(w->id, sizeof(w->id), "r%d", ++x->ids);
	x->current = w;
	return w;
}

static void put_on(struct world *x, struct worker *w)
{
	if (x->session->live->replica == w || x->session->live->phase == SESSION_MOVING ||
		session_count_pending(x->session, EVENT_SENT) > 0)
		return;
	x->wants = false;
	session_attach(x->sessions, x->session,
		&(struct session_host){
			.replica = w, .id = w->id, .bundle = w->bundle, .upgrade = true});
}

static void connect_visitor(struct world *x)
{
	x->connected = true;
	session_set_visit(x->sessions, x->session, x);
	x->sent_n = x->session->last_event;
	if (!session_catch_up(x->sessions, x->session, x->seen_seq))
		show_all(x->session, x);
	session_show_interrupted(x->sessions, x->session);
}

static void disconnect(struct world *x)
{
	if (x->connected)
		session_set_visit(x->sessions, x->session, NULL);
	x->connected = false;
}

static void send_event(struct world *x)
{
	uint32_t n = x->session->last_event + 1;
	struct frame value = {.type = APP_VALUE, .node = 7, .seq = n};
	struct frame event = {.type = APP_EVENT, .op = EVENT_CLICK, .node = 7, .seq = n};
	char text[32];
	struct err e = {0};
	struct buf b;
	int r;

	(void)snprintf(text, sizeof(text), "\"typed %u\"", n);
	value.value = (uint8_t *)text;
	value.length = strlen(text);
	buf_init(&b, 4096);
	CHECK(frame_write(&b, &value) == 0 && frame_write(&b, &event) == 0);
	r = session_event(x->sessions, x->session, n, b.data, b.len, NULL, 0, &e);
	CHECK(r == 0 || r == -EBUSY);
	buf_done(&b);
}

/* The gateway dies as by kill -9: nothing is flushed, what was in its memory is gone. */
static void kill_gateway(struct world *x)
{
	x->connected = false;
	/* sessions_free flushes acknowledgements; a killed process does not. */
	if (x->session->live->replica)
		x->session->live->ack_bytes = 0;
	(void)sessions_free(x->sessions);
	/* What workers had sent lies in their links and is read by the next gateway. */
	open_world(x);
	x->session = sessions_by_id(x->sessions, x->id);
	CHECK(x->session);
	for (int i = 0; i < 2; i++) {
		struct worker *w = &x->workers[i];

		if (w->alive && !strcmp(x->session->replica_id, w->id)) {
			session_resume(x->sessions, x->session, w);
			deliver(x, w);
			session_resumed(x->sessions, x->session);
		}
	}
	if (x->session->replica_id[0] && !x->session->live->replica)
		session_detach(x->sessions, x->session, false, "gone");
}

static void kill_worker(struct world *x, struct worker *w)
{
	w->alive = false;
	drop_outbox(w);
	if (x->session->live->replica == w)
		session_detach(x->sessions, x->session, false, "killed");
}

static char *describe(const struct session *s)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	CHECK(buf_addf(&b, "%s %u %u %s %s ", s->id, s->last_event, s->last_seq, s->bundle,
		      s->replica_id) == 0);
	CHECK(overlay_write_json(&s->overlay, &b) == 0 && image_write_json(&s->image, &b) == 0);
	for (const struct pending *p = s->pending; p; p = p->next) {
		/* Held and sent differ only until the next step. */
		CHECK(buf_addf(&b, " %u%s", p->n, p->state == EVENT_INTERRUPTED ? "!" : "") == 0);
	}
	return (char *)b.data;
}

/* --- tests --- */

struct moment {
	uint64_t bytes;
	char *state; /* NULL: the session is forgotten */
};

static size_t script(struct world *x, struct moment *moments)
{
	size_t n = 0;
	struct worker *w;

#define STEP(action)                                                                               \
	do {                                                                                       \
		action;                                                                            \
		moments[n++] = (struct moment){                                                    \
			session_log_bytes(sessions_log(x->sessions)), describe(x->session)};       \
	} while (0)
	STEP(connect_visitor(x));
	STEP(send_event(x)); /* held */
	w = start_worker(x, 0, "b1");
	STEP(put_on(x, w));
	worker_work(w, true);
	STEP(deliver(x, w));
	worker_work(w, false);
	STEP(deliver(x, w));
	STEP(send_event(x));
	STEP(send_event(x));
	worker_work(w, false);
	STEP(deliver(x, w));
	STEP(kill_worker(x, w)); /* event 3 is interrupted */
	w = start_worker(x, 1, "b1");
	STEP(put_on(x, w));
	STEP(CHECK(session_retry(x->sessions, x->session, 3, NULL) == 0));
	worker_work(w, false);
	STEP(deliver(x, w));
	STEP(send_event(x));
	STEP(kill_worker(x, w));
	STEP(session_cancel(x->sessions, x->session, 4)); /* dismissed */
	w = start_worker(x, 0, "b2");
	STEP(put_on(x, w)); /* a deploy */
	STEP(send_event(x));
	worker_work(w, false);
	STEP(deliver(x, w));
	worker_work(w, false);
	STEP(deliver(x, w));
#undef STEP
	return n;
}

static void cut_log(const struct buf *log, size_t bytes, const char *dir)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/00000001.log", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && fs_write_all(fd, log->data, bytes) == 0);
	close(fd);
}

static void check_cut(struct world *x, const struct moment *moments, size_t n, size_t cut)
{
	struct world after = {.now = x->now};
	struct session *s;

	memcpy(after.dir, x->dir, sizeof(after.dir));
	open_world(&after);
	s = sessions_by_id(after.sessions, x->id);
	for (size_t i = 0; i < x->n_noted; i++)
		if (x->noted[i].bytes <= cut)
			CHECK(s && s->last_event >= x->noted[i].n &&
				s->last_seq >= x->noted[i].seq);
	for (size_t i = 0; i < n; i++) {
		char *have;

		if (moments[i].bytes != cut || (i + 1 < n && moments[i + 1].bytes == cut))
			continue;
		have = describe(s);
		if (strcmp(have, moments[i].state)) {
			fprintf(stderr, "step %zu\nhave %s\nwant %s\n", i, have, moments[i].state);
			exit(1);
		}
		free(have);
	}
	(void)sessions_free(after.sessions);
}

TEST(a_log_cut_at_any_byte_holds_everything_that_was_acknowledged)
{
	static struct world x, y;
	static struct moment moments[64];
	struct buf log;
	char path[128];
	size_t n;

	start_world(&x);
	n = script(&x, moments);
	CHECK(x.finished[1] == 1 && x.finished[3] == 1 && x.finished[4] == 0 && x.finished[5] == 1);
	CHECK(x.shown_all >= 1 && !strcmp(x.session->bundle, "b2"));
	(void)snprintf(path, sizeof(path), "%s/00000001.log", x.dir);
	buf_init(&log, 1 << 20);
	CHECK(fs_read(AT_FDCWD, path, &log, NULL) == 0);

	y = x;
	(void)snprintf(y.dir, sizeof(y.dir), "/tmp/vitrine-sessions-XXXXXX");
	CHECK(mkdtemp(y.dir));
	for (size_t cut = 0; cut <= log.len; cut++) {
		cut_log(&log, cut, y.dir);
		check_cut(&y, moments, n, cut);
	}
	CHECK(fs_remove_tree(y.dir) == 0);
	for (size_t i = 0; i < n; i++)
		free(moments[i].state);
	buf_done(&log);
	end_world(&x);
}

static uint32_t random_state;

static uint32_t dice(uint32_t sides)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % sides;
}

static void step(struct world *x)
{
	struct worker *w = x->current;

	x->now += 10000;
	switch (dice(12)) {
	case 0:
	case 1:
	case 2:
		if (x->connected && x->session->last_event < 4000)
			send_event(x);
		break;
	case 3:
	case 4:
	case 5:
		worker_work(
			x->session->live->replica ? x->session->live->replica : w, dice(3) == 0);
		break;
	case 6:
		for (int i = 0; i < 2; i++)
			deliver(x, &x->workers[i]);
		break;
	case 7:
		if (!x->connected)
			connect_visitor(x);
		else if (dice(3) == 0)
			disconnect(x);
		break;
	case 8:
		sessions_flush_acks(x->sessions);
		sessions_tick(x->sessions);
		break;
	case 9:
		if (x->n_interrupted > 0 && x->connected) {
			size_t i = dice((uint32_t)x->n_interrupted);

			(void)session_retry(x->sessions, x->session, x->interrupted[i], NULL);
			x->interrupted[i] = x->interrupted[--x->n_interrupted];
		}
		break;
	case 10:
		if (dice(4) == 0)
			kill_gateway(x);
		break;
	default:
		if (dice(6) == 0 && x->workers[0].alive)
			kill_worker(x, &x->workers[0]);
		else if (dice(6) == 0 && x->workers[1].alive)
			kill_worker(x, &x->workers[1]);
	}
	if (!x->current->alive)
		(void)start_worker(x, (int)dice(2), dice(4) == 0 ? "b2" : "b1");
	if (x->current->alive && (x->wants || dice(4) == 0))
		put_on(x, x->current);
}

static void settle_all(struct world *x)
{
	if (!x->connected)
		connect_visitor(x);
	for (int round = 0; round < 4000 && (x->session->pending || x->n_interrupted); round++) {
		while (x->n_interrupted > 0)
			(void)session_retry(
				x->sessions, x->session, x->interrupted[--x->n_interrupted], NULL);
		session_show_interrupted(x->sessions, x->session);
		put_on(x, x->current);
		for (int i = 0; i < 2; i++) {
			worker_work(&x->workers[i], false);
			deliver(x, &x->workers[i]);
		}
	}
}

/* Every accepted event ran to its end exactly once, whatever died on the way. */
static void check_done(struct world *x)
{
	static char counts[8192];
	struct buf b;
	json_t *image;
	const char *at;

	memset(counts, 0, sizeof(counts));
	if (x->session->pending) {
		struct worker *w = x->session->live->replica;

		fprintf(stderr, "phase %d event %u state %d sent_n %u stuck %s\n",
			x->session->live->phase, x->session->pending->n, x->session->pending->state,
			x->session->live->sent_n, x->session->live->stuck);
		if (w)
			fprintf(stderr, "worker open %d moving %d last_n %u queue %zu seq %u/%u\n",
				w->open, w->moving, w->last_n, w->n_queue, w->seq,
				x->session->last_seq);
		exit(1);
	}
	buf_init(&b, 1 << 20);
	CHECK(image_write_json(&x->session->image, &b) == 0);
	image = json_loadb(buf_str(&b), b.len, 0, NULL);
	at = json_string_value(json_object_get(image, "done"));
	for (; at && *at; at = strchr(at, ',') + 1)
		counts[strtoul(at, NULL, 10)]++;
	for (uint32_t n = 1; n <= x->session->last_event; n++)
		if (counts[n] != 1) {
			fprintf(stderr, "event %u ran %d times\n", n, counts[n]);
			exit(1);
		}
	json_decref(image);
	buf_done(&b);
}

TEST(whatever_is_killed_each_event_runs_to_its_end_once)
{
	static struct world x;

	for (uint32_t seed = 1; seed <= 60; seed++) {
		random_state = seed * 7919;
		start_world(&x);
		(void)start_worker(&x, 0, "b1");
		connect_visitor(&x);
		for (int i = 0; i < 400; i++)
			step(&x);
		settle_all(&x);
		check_done(&x);
		end_world(&x);
	}
}

TEST(a_retry_of_an_old_event_reaches_a_worker_that_has_seen_newer_ones)
{
	static struct world x;
	struct worker *w;

	start_world(&x);
	w = start_worker(&x, 0, "b1");
	connect_visitor(&x);
	put_on(&x, w);
	send_event(&x);
	kill_worker(&x, w);
	CHECK(x.n_interrupted == 1);
	w = start_worker(&x, 1, "b1");
	put_on(&x, w);
	send_event(&x);
	CHECK(session_retry(x.sessions, x.session, 1, NULL) == 0);
	CHECK(x.session->live->phase == SESSION_OPEN); /* event 2 still runs */
	worker_work(w, false);
	deliver(&x, w);
	deliver(&x, w);
	worker_work(w, false);
	deliver(&x, w);
	CHECK(x.finished[1] == 1 && x.finished[2] == 1);
	end_world(&x);
}

TEST(a_failed_upgrade_keeps_the_old_bundle_and_its_state)
{
	static struct world x;
	struct worker *w, *other;

	start_world(&x);
	w = start_worker(&x, 0, "b1");
	connect_visitor(&x);
	put_on(&x, w);
	send_event(&x);
	worker_work(w, false);
	deliver(&x, w);
	other = start_worker(&x, 1, "b2");
	put_on(&x, other);
	CHECK(x.session->live->phase == SESSION_MOVING && other->moving && !w->open);
	worker_commit(other, 0, COMMIT_FINISH, true, true);
	deliver(&x, other);
	CHECK(x.session->live->phase == SESSION_DETACHED && !strcmp(x.session->bundle, "b1"));
	CHECK(!strcmp(x.session->live->stuck, "b2") && x.session->last_seq == 1 && !other->open);
	CHECK(x.wants);
	CHECK(strstr(x.told, "version b1") && strstr(x.told, "version b2") &&
		strstr(x.told, ": no"));
	end_world(&x);
}

TEST(a_handler_that_may_be_retried_is_retried_by_itself)
{
	static struct world x;
	struct worker *w;

	start_world(&x);
	x.retry_safe = true;
	w = start_worker(&x, 0, "b1");
	connect_visitor(&x);
	put_on(&x, w);
	send_event(&x);
	kill_worker(&x, w);
	CHECK(x.n_interrupted == 0);
	kill_gateway(&x); /* the decision is in the log */
	connect_visitor(&x);
	w = start_worker(&x, 1, "b1");
	put_on(&x, w);
	worker_work(w, false);
	deliver(&x, w);
	CHECK(x.finished[1] == 1);
	end_world(&x);
}

TEST(a_page_that_needs_it_has_its_worker_told_whether_the_visitor_is_there)
{
	static struct world x;
	struct worker *w;

	start_world(&x);
	x.wants_presence = true;
	w = start_worker(&x, 0, "b1");
	put_on(&x, w); /* nobody is there, which it knows without a word */
	CHECK(x.n_presence == 0);
	connect_visitor(&x);
	disconnect(&x);
	sessions_tick(x.sessions);
	CHECK(x.n_presence == 2);
	x.now += 14 * USEC_PER_SEC;
	sessions_tick(x.sessions);
	CHECK(x.n_presence == 2);
	x.now += 2 * USEC_PER_SEC;
	sessions_tick(x.sessions);
	sessions_tick(x.sessions);
	connect_visitor(&x);
	CHECK(x.n_presence == 4);
	kill_worker(&x, w);
	w = start_worker(&x, 1, "b1");
	put_on(&x, w);
	CHECK(x.n_presence == 5);
	CHECK(!memcmp(x.presence, "\1\2\3\1\1", 5));
	x.wants_presence = false;
	disconnect(&x);
	CHECK(x.n_presence == 5);
	end_world(&x);
}

TEST(compaction_keeps_every_session_and_drops_the_rest)
{
	static struct world x;
	struct worker *w;
	uint64_t before;
	char *have, *again;
	int fds[LOG_DIRTY_MAX];

	start_world(&x);
	w = start_worker(&x, 0, "b1");
	connect_visitor(&x);
	put_on(&x, w);
	for (int i = 0; i < 40; i++) {
		static char big[256 * 1024] = "value\0\"";

		memset(big + 7, 'x', sizeof(big) - 8);
		big[sizeof(big) - 1] = '"';
		post(w, APP_PATCH, PATCH_SET, 9, 0, big, sizeof(big));
		worker_commit(w, 0, COMMIT_FINISH, false, false);
		deliver(&x, w);
	}
	send_event(&x); /* unfinished over it all */
	before = session_log_bytes(sessions_log(x.sessions));
	CHECK(before > 8 << 20);
	have = describe(x.session);
	for (int i = 0; i < 20; i++)
		sessions_tick(x.sessions);
	/* Not before the new segment is on the disk: the power may fail. */
	CHECK(session_log_bytes(sessions_log(x.sessions)) > before);
	for (size_t i = session_log_take_dirty(sessions_log(x.sessions), fds); i > 0; i--)
		close(fds[i - 1]);
	session_log_synced(sessions_log(x.sessions));
	sessions_tick(x.sessions);
	CHECK(session_log_bytes(sessions_log(x.sessions)) < 1 << 20);
	disconnect(&x);
	(void)sessions_free(x.sessions);
	open_world(&x);
	x.session = sessions_by_id(x.sessions, x.id);
	again = describe(x.session);
	CHECK(!strcmp(have, again));
	free(have);
	free(again);
	end_world(&x);
}

TEST(sessions_without_a_visitor_are_forgotten_in_time)
{
	static struct world x;
	uint32_t number;

	start_world(&x);
	connect_visitor(&x);
	x.now += 7200ull * 1000000;
	sessions_tick(x.sessions);
	CHECK(x.session);
	send_event(&x);
	number = x.session->number;
	disconnect(&x);
	x.now += 3599ull * 1000000;
	sessions_tick(x.sessions);
	CHECK(x.session);
	x.now += 2ull * 1000000;
	sessions_tick(x.sessions);
	CHECK(!x.session && sessions_count(x.sessions) == 0);
	(void)sessions_free(x.sessions);
	open_world(&x);
	CHECK(sessions_count(x.sessions) == 0);
	/* Its number is not given out again. */
	CHECK(sessions_begin(x.sessions, "space", "visitor", NULL, NULL, &x.session, NULL) == 0);
	CHECK(x.session->number > number);
	end_world(&x);
}

TEST(too_many_sessions_of_one_visitor_give_way_or_are_refused_in_words)
{
	static struct world x;
	struct session *s[12];
	struct err e = {0};

	start_world(&x);
	connect_visitor(&x);
	for (int i = 0; i < 9; i++) {
		x.now += 1000000;
		CHECK(sessions_begin(x.sessions, "space", "visitor", NULL, NULL, &s[i], &e) == 0);
	}
	x.now += 1000000;
	CHECK(sessions_begin(x.sessions, "space", "visitor", NULL, NULL, &s[9], &e) == 0);
	CHECK(sessions_count(x.sessions) == 10); /* the oldest abandoned one went */
	for (int i = 1; i < 10; i++)
		session_set_visit(x.sessions, s[i], &x);
	CHECK(sessions_begin(x.sessions, "space", "visitor", NULL, NULL, &s[10], &e) == -EUSERS);
	CHECK(strstr(e.text, "limit"));
	CHECK(sessions_begin(x.sessions, "space", "other", NULL, NULL, &s[10], &e) == 0);
	end_world(&x);
}

TEST(a_group_over_a_limit_changes_nothing)
{
	static struct world x;
	static char big[1100 * 1024] = "key\0";
	struct worker *w;
	struct err e = {0};
	char *before, *after;
	struct frame image = {
		.type = APP_IMAGE, .op = IMAGE_SET, .value = (uint8_t *)big, .length = sizeof(big)};
	struct frame patch = {.type = APP_PATCH,
		.op = PATCH_SET,
		.node = 9,
		.value = (uint8_t *)"value\0"
				    "7",
		.length = 7};
	struct frame commit = {.type = APP_COMMIT, .op = COMMIT_FINISH, .seq = 1};

	memset(big + 4, '1', sizeof(big) - 4);
	start_world(&x);
	w = start_worker(&x, 0, "b1");
	put_on(&x, w);
	before = describe(x.session);
	CHECK(session_worker_frame(x.sessions, x.session, &patch, &e) == 0);
	CHECK(session_worker_frame(x.sessions, x.session, &image, &e) == 0);
	CHECK(session_worker_frame(x.sessions, x.session, &commit, &e) == -EMSGSIZE);
	CHECK(strstr(e.text, "limit"));
	after = describe(x.session);
	CHECK(!strcmp(before, after));
	free(before);
	free(after);
	end_world(&x);
}

TEST_MAIN()
