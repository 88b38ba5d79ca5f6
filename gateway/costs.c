#include "gateway/costs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "gateway/map.h"

#define SAVE_USEC (20 * USEC_PER_SEC)
#define FILE_MAX (8u << 20)

struct key {
	char space[ID_LEN + 1];
	uint8_t kind;
	uint32_t node;
};

struct handler {
	struct handler *next; /* of all */
	struct key key;
	uint32_t msec[COSTS_RUNS];
	uint32_t n; /* runs so far; they go round */
	uint64_t at_usec;
};

struct costs {
	char *path; /* owned */
	struct map by_key;
	struct handler *all; /* owned */
	struct source *save; /* owned; timer */
	bool changed;
};

static struct key key_of(const char *space, uint32_t node, uint8_t kind)
{
	struct key k;

	memset(&k, 0, sizeof(k)); /* its padding is part of a key */
	(void)snprintf(k.space, sizeof(k.space), "%s", space);
	k.node = node;
	k.kind = kind;
	return k;
}

static void forget_oldest(struct costs *c)
{
	struct handler **oldest = &c->all, *gone;

	for (struct handler **at = &c->all; *at; at = &(*at)->next)
		if ((*at)->at_usec <= (*oldest)->at_usec)
			oldest = at;
	gone = *oldest;
	*oldest = gone->next;
	(void)map_take(&c->by_key, &gone->key, sizeof(gone->key));
	free(gone);
}

static struct handler *get(struct costs *c, const struct key *key)
{
	struct handler *h = map_get(&c->by_key, key, sizeof(*key));

	if (h)
		return h;
	if (c->by_key.n >= COSTS_HANDLERS_MAX)
		forget_oldest(c);
	h = calloc(1, sizeof(*h));
	if (!h || map_put(&c->by_key, key, sizeof(*key), h) < 0) {
		free(h);
		return NULL;
	}
	h->key = *key;
	h->next = c->all;
	c->all = h;
	return h;
}

static void note(struct costs *c, const struct key *key, uint32_t msec)
{
	struct handler *h = get(c, key);

	if (!h)
		return; /* the next run says as much */
	h->msec[h->n++ % COSTS_RUNS] = msec;
	h->at_usec = clock_mono_usec();
}

/* --- the file: an array of [space, node, kind, [ms…]] --- */

static json_t *describe(const struct handler *h)
{
	json_t *runs = json_array();
	uint32_t first = h->n > COSTS_RUNS ? h->n - COSTS_RUNS : 0;

	for (uint32_t i = first; i < h->n; i++)
		(void)json_array_append_new(runs, json_integer(h->msec[i % COSTS_RUNS]));
	return json_pack("[s, I, i, o]", h->key.space, (json_int_t)h->key.node, h->key.kind, runs);
}

/* Without a sync: what is lost is made good by the next runs. */
static int write_file(const struct costs *c, struct buf *text)
{
	char path[4096];
	CLEANUP(closep) int fd = -1;

	(void)snprintf(path, sizeof(path), "%s.new", c->path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len)
		return -errno;
	return rename(path, c->path) < 0 ? -errno : 0;
}

static void save(struct costs *c)
{
	CLEANUP(json_unrefp) json_t *all = json_array();
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	if (!c->changed)
		return;
	for (const struct handler *h = c->all; h; h = h->next)
		(void)json_array_append_new(all, describe(h));
	r = json_write(&text, all);
	if (r == 0)
		r = write_file(c, &text);
	if (r < 0)
		log_warn("what handlers cost cannot be kept: %s", strerror(-r));
	c->changed = false;
}

static void on_save(void *data)
{
	struct costs *c = data;

	save(c);
	timer_arm_after(c->save, SAVE_USEC);
}

static void read_handler(struct costs *c, const json_t *o)
{
	const char *space = json_string_value(json_array_get(o, 0));
	const json_t *runs = json_array_get(o, 3), *run;
	struct key key;
	size_t i;

	if (!space || strlen(space) > ID_LEN)
		return;
	key = key_of(space, (uint32_t)json_integer_value(json_array_get(o, 1)),
		(uint8_t)json_integer_value(json_array_get(o, 2)));
	json_array_foreach(runs, i, run) note(c, &key, (uint32_t)json_integer_value(run));
}

static void load(struct costs *c)
{
	CLEANUP(json_unrefp) json_t *all = NULL;
	CLEANUP(buf_done) struct buf text;
	const json_t *o;
	size_t i;

	buf_init(&text, FILE_MAX);
	if (fs_read(AT_FDCWD, c->path, &text, NULL) < 0 ||
		json_parse(text.data, text.len, FILE_MAX, &all, NULL) < 0)
		return; /* a first start, or a torn file */
	json_array_foreach(all, i, o) read_handler(c, o);
}

int costs_new(struct loop *loop, const char *path, struct costs **ret)
{
	CLEANUP(costs_freep) struct costs *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	map_init(&c->by_key);
	c->path = strdup(path);
	r = c->path ? loop_add_timer(loop, on_save, c, &c->save) : -ENOMEM;
	if (r < 0)
		return r;
	load(c);
	timer_arm_after(c->save, SAVE_USEC);
	*ret = TAKE_PTR(c);
	return 0;
}

struct costs *costs_free(struct costs *c)
{
	if (!c)
		return NULL;
	save(c);
	(void)source_free(c->save);
	while (c->all) {
		struct handler *h = c->all;

		c->all = h->next;
		free(h);
	}
	map_done(&c->by_key);
	free(c->path);
	free(c);
	return NULL;
}

/* --- asked and told --- */

void costs_add(struct costs *c, const char *space, uint32_t node, uint8_t kind, uint64_t nsec)
{
	struct key key = key_of(space, node, kind);
	uint64_t msec = (nsec + 999999) / 1000000;

	note(c, &key, msec < UINT32_MAX ? (uint32_t)msec : UINT32_MAX);
	c->changed = true;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t expect(const struct handler *h)
{
	uint32_t n = h->n < COSTS_RUNS ? h->n : COSTS_RUNS, sorted[COSTS_RUNS];

	if (n == 0)
		return 0;
	memcpy(sorted, h->msec, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	return sorted[(n * 9 + 9) / 10 - 1];
}

uint32_t costs_expect(const struct costs *c, const char *space, uint32_t node, uint8_t kind)
{
	struct key key = key_of(space, node, kind);
	const struct handler *h = c ? map_get(&c->by_key, &key, sizeof(key)) : NULL;

	return h ? expect(h) : 0;
}

size_t costs_of(const struct costs *c, const char *space, struct cost ret[COSTS_SHOWN_MAX])
{
	size_t n = 0;

	for (const struct handler *h = c->all; h && n < COSTS_SHOWN_MAX; h = h->next)
		if (!strcmp(h->key.space, space))
			ret[n++] = (struct cost){h->key.node, h->key.kind, expect(h)};
	return n;
}
