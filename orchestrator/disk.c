#include "orchestrator/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LOOK_USEC (5 * USEC_PER_SEC)
/* Unless the operator says otherwise: a tenth and a twentieth, but no more than these. */
#define WARN_MAX (10ull << 30)
#define RESERVE_MAX (2ull << 30)

struct disk {
	int fd;               /* owned */
	struct source *timer; /* owned */
	struct disk_limits asked;
	struct disk_view view;
	void (*changed)(const struct disk_view *v, void *data);
	void *data;
};

static const char *const names[] = {[DISK_OK] = "ok", [DISK_LOW] = "low", [DISK_FULL] = "full"};

const char *disk_state_name(enum disk_state state)
{
	return names[state];
}

static uint64_t share(uint64_t total, unsigned int part, uint64_t max)
{
	return total / part < max ? total / part : max;
}

/* Below the limit, or still below it and a little more. */
static bool is_below(uint64_t free, uint64_t limit, bool was)
{
	return free < (was ? limit + limit / 20 : limit);
}

static const char *size_text(uint64_t bytes, char ret[32])
{
	if (bytes < 1ull << 30)
		(void)snprintf(ret, 32, "%llu MiB", (unsigned long long)(bytes >> 20));
	else
		(void)snprintf(ret, 32, "%.1f GiB", (double)bytes / (1ull << 30));
	return ret;
}

void disk_judge(struct disk_view *v)
{
	char left[32], kept[32];

	(void)size_text(v->free_bytes, left);
	(void)size_text(v->limits.reserve_bytes, kept);
	if (is_below(v->free_bytes, v->limits.reserve_bytes, v->state == DISK_FULL))
		v->state = DISK_FULL;
	else if (is_below(v->free_bytes, v->limits.warn_bytes, v->state >= DISK_LOW))
		v->state = DISK_LOW;
	else
		v->state = DISK_OK;
	v->words[0] = '\0';
	if (v->state == DISK_FULL)
		(void)snprintf(v->words, sizeof(v->words),
			"the platform's disk is nearly full: %s left, %s are kept back", left,
			kept);
	else if (v->state == DISK_LOW)
		(void)snprintf(v->words, sizeof(v->words),
			"the platform's disk is filling up: %s left; below %s pushes "
			"and uploads are refused",
			left, kept);
}

const struct disk_view *disk_look(struct disk *d)
{
	struct disk_view *v = &d->view;
	enum disk_state was = v->state;
	struct statvfs s;

	if (fstatvfs(d->fd, &s) < 0)
		return v; /* as it was */
	v->total_bytes = (uint64_t)s.f_blocks * s.f_frsize;
	v->free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
	v->limits = d->asked;
	if (!v->limits.warn_bytes)
		v->limits.warn_bytes = share(v->total_bytes, 10, WARN_MAX);
	if (!v->limits.reserve_bytes)
		v->limits.reserve_bytes = share(v->total_bytes, 20, RESERVE_MAX);
	disk_judge(v);
	if (v->state == was)
		return v;
	if (v->state == DISK_OK)
		log_info("there is room on the disk again");
	else
		log_warn("%s", v->words);
	d->changed(v, d->data);
	return v;
}

uint64_t disk_room(struct disk *d)
{
	const struct disk_view *v = disk_look(d);

	return v->free_bytes > v->limits.reserve_bytes ? v->free_bytes - v->limits.reserve_bytes
						       : 0;
}

static void on_timer(void *data)
{
	struct disk *d = data;

	timer_arm_after(d->timer, LOOK_USEC);
	(void)disk_look(d);
}

int disk_new(struct loop *loop, const char *path, const struct disk_limits *limits,
	void (*changed)(const struct disk_view *v, void *data), void *data, struct disk **ret,
	struct err *e)
{
	CLEANUP(disk_freep) struct disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	*d = (struct disk){.asked = *limits, .changed = changed, .data = data};
	d->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	r = loop_add_timer(loop, on_timer, d, &d->timer);
	if (r < 0)
		return err_set(e, r, "out of memory");
	timer_arm_after(d->timer, 0);
	*ret = TAKE_PTR(d);
	return 0;
}

struct disk *disk_free(struct disk *d)
{
	if (!d)
		return NULL;
	if (d->fd >= 0)
		close(d->fd);
	(void)source_free(d->timer);
	free(d);
	return NULL;
}
