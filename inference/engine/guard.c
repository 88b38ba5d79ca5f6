#include "inference/engine/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "inference/engine/model.h"

#define HELD_MAX 256 /* the oldest gives way */
#define LINE_MAX_BYTES (MODEL_ID_MAX + 64)
#define TEXT_MAX (HELD_MAX * LINE_MAX_BYTES)

struct held_against {
	char id[MODEL_ID_MAX + 1];
	uint64_t stamp;
	unsigned int deaths;
};

struct guard {
	int fd; /* owned; for appending, so that a write needs no position */
	struct held_against list[HELD_MAX];
	size_t n;
	char now[MODEL_ID_MAX + 1]; /* is being read; "": none is */
	struct buf text;
};

static struct held_against *find(const struct guard *g, const char *id)
{
	for (size_t i = 0; i < g->n; i++)
		if (!strcmp(g->list[i].id, id))
			return (struct held_against *)&g->list[i];
	return NULL;
}

static void drop(struct guard *g, const struct held_against *h)
{
	size_t i = (size_t)(h - g->list);

	memmove(&g->list[i], &g->list[i + 1], (--g->n - i) * sizeof(g->list[0]));
}

static struct held_against *add(struct guard *g, const char *id)
{
	struct held_against *h;

	if (g->n == HELD_MAX)
		drop(g, &g->list[0]);
	h = &g->list[g->n++];
	*h = (struct held_against){.id = ""};
	(void)snprintf(h->id, sizeof(h->id), "%s", id);
	return h;
}

/* "ID STAMP DEATHS" a line; what is none is left out. */
static void take(struct guard *g, const char *text)
{
	_Static_assert(MODEL_ID_MAX == 160, "the format below reads that much");
	while (*text) {
		unsigned long long stamp;
		char id[MODEL_ID_MAX + 1];
		unsigned int deaths;

		if (sscanf(text, "%160s %llu %u", id, &stamp, &deaths) == 3 && !find(g, id)) {
			struct held_against *h = add(g, id);

			h->stamp = stamp;
			h->deaths = deaths;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

int guard_open(const char *dir, struct guard **ret, struct err *e)
{
	CLEANUP(guard_freep) struct guard *g = calloc(1, sizeof(*g));
	char path[4096];
	int r;

	if (!g)
		return err_set(e, -ENOMEM, "out of memory");
	buf_init(&g->text, TEXT_MAX);
	(void)snprintf(path, sizeof(path), "%s/reading", dir);
	g->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (g->fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	r = fs_read_fd(g->fd, &g->text, e);
	if (r < 0 && r != -ENOSPC)
		return r;
	take(g, buf_str(&g->text));
	*ret = TAKE_PTR(g);
	return 0;
}

struct guard *guard_free(struct guard *g)
{
	if (!g)
		return NULL;
	if (g->fd >= 0)
		(void)close(g->fd);
	buf_done(&g->text);
	free(g);
	return NULL;
}

bool guard_blames(const struct guard *g, const char *id, uint64_t stamp)
{
	const struct held_against *h = g ? find(g, id) : NULL;

	return h && h->stamp == stamp && h->deaths >= GUARD_DEATHS && strcmp(g->now, id) != 0;
}

/* What cannot be kept protects nobody, and stops nobody. */
static void keep(struct guard *g)
{
	buf_clear(&g->text);
	for (size_t i = 0; i < g->n; i++)
		(void)buf_addf(&g->text, "%s %llu %u\n", g->list[i].id,
			(unsigned long long)g->list[i].stamp, g->list[i].deaths);
	if (ftruncate(g->fd, 0) == 0)
		(void)fs_write_all(g->fd, g->text.data, g->text.len);
}

void guard_begin(struct guard *g, const char *id, uint64_t stamp)
{
	struct held_against *h;

	if (!g)
		return;
	h = find(g, id);
	if (!h)
		h = add(g, id);
	if (h->stamp != stamp)
		h->deaths = 0;
	h->stamp = stamp;
	h->deaths++; /* unless guard_end comes */
	(void)snprintf(g->now, sizeof(g->now), "%s", id);
	keep(g);
}

void guard_end(struct guard *g)
{
	struct held_against *h = g && *g->now ? find(g, g->now) : NULL;

	if (!h)
		return;
	drop(g, h);
	g->now[0] = '\0';
	keep(g);
}
