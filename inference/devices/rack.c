#include "inference/devices/rack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

#define KEPT_SIZE 4096 /* of the file, always: what is not used is empty lines */
#define LINE_SIZE 320
#define WORDS_MAX 320

static const char *const state_names[] = {
	[BAY_SERVING] = "serving",
	[BAY_DRAINING] = "draining",
	[BAY_EXCLUDED] = "excluded",
	[BAY_FAILED] = "failed",
};

const char *bay_state_name(enum bay_state state)
{
	return state_names[state];
}

void rack_init(struct rack *r)
{
	*r = (struct rack){.fd = -1};
}

void rack_done(struct rack *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
}

int rack_add(struct rack *r, struct device *d, uint64_t memory_max)
{
	struct bay *b = &r->bays[r->n];
	unsigned char same = 0;

	if (r->n == RACK_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < r->n; i++)
		same += !strcmp(r->bays[i].device->ops->name, d->ops->name);
	*b = (struct bay){.device = d, .state = BAY_SERVING, .memory_max = memory_max};
	if (same > 0)
		(void)snprintf(b->name, sizeof(b->name), "%.20s:%u", d->ops->name, same);
	else
		(void)snprintf(b->name, sizeof(b->name), "%s", d->ops->name);
	r->n++;
	return 0;
}

struct bay *rack_find(struct rack *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->bays[i].name, name))
			return &r->bays[i];
	return NULL;
}

/* --- what administrators said --- */

/* One line of a file, and of a log. */
static void set_reason(struct bay *b, const char *reason)
{
	(void)snprintf(b->reason, sizeof(b->reason), "%s", reason ? reason : "");
	for (char *c = b->reason; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static void keep_word(struct bay *b)
{
	b->word = (struct bay_word){.state = b->state, .since_usec = b->since_usec};
	memcpy(b->word.reason, b->reason, sizeof(b->reason));
}

/* "NAME STATE SINCE REASON", of n bytes; false: it is none. */
static bool take_line(struct rack *r, const char *text, size_t n)
{
	char name[RACK_NAME_MAX + 1], state[16], line[LINE_SIZE];
	unsigned long long since;
	int at = 0;
	struct bay *b;

	_Static_assert(RACK_NAME_MAX == 31, "the format below reads that much");
	(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
	if (sscanf(line, "%31s %15s %llu%n", name, state, &since, &at) != 3 || at == 0)
		return false;
	b = rack_find(r, name);
	if (!b || (strcmp(state, "draining") != 0 && strcmp(state, "excluded") != 0))
		return false;
	at += line[at] == ' ';
	b->state = state[0] == 'd' ? BAY_DRAINING : BAY_EXCLUDED;
	b->since_usec = since;
	set_reason(b, line + at);
	keep_word(b);
	log_warn("device=%s is %s since before: %s", b->name, state, b->reason);
	return true;
}

int rack_keep(struct rack *r, const char *dir, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	char path[4096];
	int n;

	buf_init(&text, KEPT_SIZE);
	(void)snprintf(path, sizeof(path), "%s/devices", dir);
	r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (r->fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	n = fs_read_fd(r->fd, &text, e);
	if (n < 0 && n != -ENOSPC)
		return n;
	for (const char *line = buf_str(&text); *line;) {
		size_t len = strcspn(line, "\n");

		(void)take_line(r, line, len);
		line += len + (line[len] == '\n');
	}
	return 0;
}

/* Over what there was, in one write of one page: the confinement lets no file be renamed, and an
 * end in between leaves the old or the new. */
static void keep(struct rack *r)
{
	CLEANUP(buf_done) struct buf text;

	if (r->fd < 0)
		return;
	buf_init(&text, KEPT_SIZE);
	for (size_t i = 0; i < r->n; i++) {
		const struct bay *b = &r->bays[i];

		if (b->word.state == BAY_DRAINING || b->word.state == BAY_EXCLUDED)
			(void)buf_addf(&text, "%s %s %llu %s\n", b->name,
				state_names[b->word.state], (unsigned long long)b->word.since_usec,
				b->word.reason);
	}
	while (text.len < KEPT_SIZE && buf_add(&text, "\n", 1) == 0)
		;
	if (lseek(r->fd, 0, SEEK_SET) < 0 || fs_write_all(r->fd, text.data, text.len) < 0 ||
		fdatasync(r->fd) < 0)
		log_error(
			"what was said of devices is lost with this process: %s", strerror(errno));
}

void rack_set(struct rack *r, struct bay *b, enum bay_state to, const char *reason)
{
	enum bay_state from = b->state;

	set_reason(b, reason);
	b->state = to;
	b->since_usec = clock_wall_usec();
	if (to != BAY_FAILED)
		keep_word(b);
	if (to == BAY_FAILED)
		log_error("device=%s failed and is out of service: %s", b->name, b->reason);
	else
		log_warn("device=%s %s → %s%s%s", b->name, state_names[from], state_names[to],
			*b->reason ? ": " : "", b->reason);
	keep(r);
}

/* --- where a model may go --- */

struct bay *rack_place(struct rack *r, uint64_t need)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->bays[i].state == BAY_SERVING && r->bays[i].memory_max >= need)
			return &r->bays[i];
	return NULL;
}

uint64_t rack_largest(const struct rack *r)
{
	uint64_t most = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->bays[i].memory_max > most)
			most = r->bays[i].memory_max;
	return most;
}

int rack_refuse(const struct rack *r, uint64_t need, struct err *e)
{
	CLEANUP(buf_done) struct buf left;

	buf_init(&left, WORDS_MAX);
	for (size_t i = 0; i < r->n; i++) {
		const struct bay *b = &r->bays[i];
		const char *comma = i > 0 ? ", " : "";

		if (b->state == BAY_SERVING)
			(void)buf_addf(&left, "%s%s may take %llu MiB", comma, b->name,
				(unsigned long long)(b->memory_max >> 20));
		else
			(void)buf_addf(&left, "%s%s %s %s", comma, b->name,
				b->state == BAY_FAILED ? "has" : "is", state_names[b->state]);
	}
	return err_set(e, -ENODEV, "its weights need %llu MiB of a device in service: %s",
		(unsigned long long)((need + (1 << 20) - 1) >> 20), buf_str(&left));
}
