#include "tests/sim/leave_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum hole { WHOLE, APPEND_FIRST, OUT, OUTBOX_FLOOR, SECRET, MOVE, RESEND };

static const struct {
	const char *name;
	enum hole hole;
} holes[] = {
	{"append-before-send", APPEND_FIRST}, /* a record is written when the next one comes */
	{"group-in-log", OUT},                /* groups are never written */
	{"outbox-floor", OUTBOX_FLOOR},       /* a page that misses groups is told it has all */
	{"secret-kept", SECRET},              /* passwords are not kept for the next gateway */
	{"move-in-log", MOVE},                /* on which worker a session is, is not written */
	{"resend", RESEND},                   /* workers are not asked for what they still have */
};

static enum hole hole;

int leave_out(const char *what)
{
	for (size_t i = 0; i < sizeof(holes) / sizeof(*holes); i++)
		if (!strcmp(holes[i].name, what)) {
			hole = holes[i].hole;
			return 0;
		}
	return -EINVAL;
}

/* --- session_log_append --- */

int __real_session_log_append(struct session_log *l, uint32_t session, enum log_kind kind,
	uint32_t n, const struct iovec *parts, size_t n_parts);
int __wrap_session_log_append(struct session_log *l, uint32_t session, enum log_kind kind,
	uint32_t n, const struct iovec *parts, size_t n_parts);

static struct {
	struct session_log *log; /* NULL: none is late */
	uint32_t session, n;
	enum log_kind kind;
	struct buf value;
} late;

static int write_late(void)
{
	struct iovec part = {late.value.data, late.value.len};
	struct session_log *l = late.log;

	late.log = NULL;
	return __real_session_log_append(l, late.session, late.kind, late.n, &part, 1);
}

static int append_late(struct session_log *l, uint32_t session, enum log_kind kind, uint32_t n,
	const struct iovec *parts, size_t n_parts)
{
	int r = late.log == l ? write_late() : 0;

	if (kind != LOG_IN && kind != LOG_OUT)
		return r < 0 ? r : __real_session_log_append(l, session, kind, n, parts, n_parts);
	late.log = l;
	late.session = session;
	late.kind = kind;
	late.n = n;
	late.value.max = LOG_VALUE_MAX;
	buf_clear(&late.value);
	for (size_t i = 0; i < n_parts; i++)
		if (buf_add(&late.value, parts[i].iov_base, parts[i].iov_len) < 0)
			broken("out of memory");
	return r;
}

int __wrap_session_log_append(struct session_log *l, uint32_t session, enum log_kind kind,
	uint32_t n, const struct iovec *parts, size_t n_parts)
{
	if (hole == APPEND_FIRST)
		return append_late(l, session, kind, n, parts, n_parts);
	if ((hole == OUT && kind == LOG_OUT) || (hole == MOVE && kind == LOG_MOVE))
		return 0;
	return __real_session_log_append(l, session, kind, n, parts, n_parts);
}

/* --- others --- */

const struct outbox_group *__real_outbox_after(
	const struct outbox *o, uint32_t seq, uint32_t last_seq, bool *ret_all);
const struct outbox_group *__wrap_outbox_after(
	const struct outbox *o, uint32_t seq, uint32_t last_seq, bool *ret_all);

const struct outbox_group *__wrap_outbox_after(
	const struct outbox *o, uint32_t seq, uint32_t last_seq, bool *ret_all)
{
	const struct outbox_group *g = __real_outbox_after(o, seq, last_seq, ret_all);

	if (hole == OUTBOX_FLOOR)
		*ret_all = true;
	return g;
}

int __real_secret_write(
	int dir_fd, uint32_t session, uint32_t n, const uint8_t *frames, size_t length);
int __wrap_secret_write(
	int dir_fd, uint32_t session, uint32_t n, const uint8_t *frames, size_t length);

int __wrap_secret_write(
	int dir_fd, uint32_t session, uint32_t n, const uint8_t *frames, size_t length)
{
	return hole == SECRET ? 0 : __real_secret_write(dir_fd, session, n, frames, length);
}

void __real_session_resume(struct sessions *t, struct session *s, void *replica);
void __wrap_session_resume(struct sessions *t, struct session *s, void *replica);

/* As if the worker had nothing unacknowledged. */
void __wrap_session_resume(struct sessions *t, struct session *s, void *replica)
{
	if (hole == RESEND) {
		s->live->replica = replica;
		s->live->phase = SESSION_RESUMING;
		return;
	}
	__real_session_resume(t, s, replica);
}
