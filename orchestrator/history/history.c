#include "orchestrator/history/history.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"

#define MAGIC 0x3130545349485456ull /* "VTHIST01" */

const struct history_about history_about[HISTORY_SERIES] = {
#define SERIES(id, name, unit, words, ...) [HISTORY_##id] = {name, unit, words},
#include "orchestrator/history/series.def"
#undef SERIES
};

static const struct {
	const char *name;
	uint64_t step_sec;
	uint64_t slots;
} spans[HISTORY_SPANS] = {
	[HISTORY_HOUR] = {"hour", 15, 240},
	[HISTORY_DAY] = {"day", 300, 288},
	[HISTORY_MONTH] = {"month", 3600, 744},
};

#define SLOTS (240 + 288 + 744)

/* One step of a span: what was added up in it. */
struct slot {
	uint64_t number; /* of the step since 1970; 0: never used */
	double sums[HISTORY_SERIES];
	uint32_t counts[HISTORY_SERIES];
};

struct head {
	uint64_t magic;
	uint32_t layout; /* checksum of what the series and the spans are */
	uint32_t slot_bytes;
};

struct history {
	int fd;
	struct slot slots[SLOTS];
};

int history_span_find(const char *name, enum history_span *ret, struct err *e)
{
	for (int i = 0; i < HISTORY_SPANS; i++)
		if (!strcmp(spans[i].name, name)) {
			*ret = (enum history_span)i;
			return 0;
		}
	return err_set(e, -EINVAL, "span: 'hour', 'day' or 'month'");
}

uint64_t history_step_sec(enum history_span span)
{
	return spans[span].step_sec;
}

static struct head head_now(void)
{
	struct head h = {.magic = MAGIC, .slot_bytes = sizeof(struct slot)};

	for (size_t i = 0; i < HISTORY_SERIES; i++)
		h.layout = crc32c(h.layout, history_about[i].name, strlen(history_about[i].name));
	return h;
}

static bool read_all(struct history *h)
{
	const struct head want = head_now();
	struct head have;

	return pread(h->fd, &have, sizeof(have), 0) == (ssize_t)sizeof(have) &&
	       !memcmp(&have, &want, sizeof(have)) &&
	       pread(h->fd, h->slots, sizeof(h->slots), sizeof(have)) == (ssize_t)sizeof(h->slots);
}

static int begin_anew(struct history *h)
{
	const struct head head = head_now();

	memset(h->slots, 0, sizeof(h->slots));
	if (ftruncate(h->fd, 0) < 0 ||
		pwrite(h->fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
		pwrite(h->fd, h->slots, sizeof(h->slots), sizeof(head)) !=
			(ssize_t)sizeof(h->slots))
		return errno ? -errno : -EIO;
	return 0;
}

int history_open(const char *path, struct history **ret, struct err *e)
{
	CLEANUP(history_closep) struct history *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_set(e, -ENOMEM, "out of memory");
	h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (h->fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	errno = 0;
	r = read_all(h) ? 0 : begin_anew(h);
	if (r < 0)
		return err_set(e, r, "%s: %s", path, strerror(-r));
	*ret = TAKE_PTR(h);
	return 0;
}

struct history *history_close(struct history *h)
{
	if (!h)
		return NULL;
	if (h->fd >= 0)
		close(h->fd);
	free(h);
	return NULL;
}

static size_t first_slot(enum history_span span)
{
	size_t at = 0;

	for (int i = 0; i < (int)span; i++)
		at += spans[i].slots;
	return at;
}

static size_t slot_of(enum history_span span, uint64_t number)
{
	return first_slot(span) + (size_t)(number % spans[span].slots);
}

int history_add(struct history *h, uint64_t now_usec, const double values[HISTORY_SERIES])
{
	int r = 0;

	for (enum history_span span = 0; span < HISTORY_SPANS; span++) {
		uint64_t number = now_usec / USEC_PER_SEC / spans[span].step_sec;
		size_t at = slot_of(span, number);
		struct slot *s = &h->slots[at];

		if (s->number != number)
			*s = (struct slot){.number = number};
		for (size_t i = 0; i < HISTORY_SERIES; i++)
			if (isfinite(values[i])) {
				s->sums[i] += values[i];
				s->counts[i]++;
			}
		if (pwrite(h->fd, s, sizeof(*s), (off_t)(sizeof(struct head) + at * sizeof(*s))) !=
			(ssize_t)sizeof(*s))
			r = -EIO;
	}
	return r;
}

void history_read(const struct history *h, enum history_span span, uint64_t now_usec, history_fn fn,
	void *data)
{
	uint64_t last = now_usec / USEC_PER_SEC / spans[span].step_sec;

	for (uint64_t back = spans[span].slots; back-- > 0;) {
		uint64_t number = last - back;
		const struct slot *s = &h->slots[slot_of(span, number)];
		double means[HISTORY_SERIES];

		for (size_t i = 0; i < HISTORY_SERIES; i++)
			means[i] = s->number == number && s->counts[i] ? s->sums[i] / s->counts[i]
								       : NAN;
		fn(number * spans[span].step_sec, means, data);
	}
}
