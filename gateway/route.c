#include "gateway/route.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/fs.h"
#include "base/log.h"
#include "gateway/map.h"
#include "proto/box_class.h"
#include "proto/messages.h"
#include "proto/space_host.h"

#define ROUTE_BYTES_MAX (2u << 20)

struct route_table {
	int dir_fd;          /* owned */
	struct map by_space; /* owns the routes */
	struct map by_name;  /* "owner/name" */
	struct map by_host;  /* labels have no dots, and hosts do */
	uint32_t generation;
};

static const char *name_key(const char *owner, const char *name, char ret[140])
{
	(void)snprintf(ret, 140, "%s/%s", owner, name);
	return ret;
}

struct route *route_by_name(const struct route_table *t, const char *owner, const char *name)
{
	char key[140];

	return map_get_str(&t->by_name, name_key(owner, name, key));
}

struct route *route_by_space(const struct route_table *t, const char *space)
{
	return map_get_str(&t->by_space, space);
}

struct route *route_by_host(const struct route_table *t, const char *host, size_t n)
{
	return map_get(&t->by_host, host, n);
}

size_t route_table_count(const struct route_table *t)
{
	return t->by_space.n;
}

static void route_free(struct route *r)
{
	(void)page_unref(r->page);
	free(r->http);
	free(r->domains);
	free(r->was);
	free(r);
}

/* --- reading a message --- */

/* A Space's id names files, so it may hold nothing that a path gives meaning to. */
static bool is_id(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
			return false;
	return true;
}

static bool is_name(const char *s)
{
	if (!*s || *s == '.')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return false;
	return true;
}

static void copy(char *dest, size_t size, const char *text)
{
	(void)snprintf(dest, size, "%s", text ? text : "");
}

bool route_is_static(const struct route *r)
{
	return !strcmp(r->class, NO_BOX_STATIC);
}

bool route_is_card(const struct route *r)
{
	return !strcmp(r->class, NO_BOX_CARD);
}

static int check(const struct edge_route *m, struct err *e)
{
	if (!is_id(m->space))
		return err_set(e, -EINVAL, "ROUTE space: '%s' is not an id", m->space);
	if (!is_name(m->owner) || !is_name(m->name))
		return err_set(e, -EINVAL, "ROUTE owner or name: '%s/%s' is not a name", m->owner,
			m->name);
	if (m->of && !is_name(m->of))
		return err_set(e, -EINVAL, "ROUTE of: '%s' is not a name", m->of);
	if (m->bundle && !is_id(m->bundle))
		return err_set(e, -EINVAL, "ROUTE bundle: '%s' is not a hash", m->bundle);
	return 0;
}

static struct page *read_page(const struct edge_route *m)
{
	struct page *page = NULL;
	struct err e = {0};

	if (!m->bundle || !m->tree || json_is_null(m->tree))
		return NULL;
	if (page_new(m->bundle, m->title, m->tree, &page, &e) < 0)
		log_warn("space=%s its recorded page is not shown: %s", m->space, e.text);
	else if (page_set_functions(page, m->api) < 0)
		log_error("space=%s out of memory: its functions are not known", m->space);
	return page;
}

static char *copy_list(char *before, const char *list)
{
	free(before);
	return list && *list ? strdup(list) : NULL;
}

static void fill(struct route *r, const struct edge_route *m)
{
	copy(r->space, sizeof(r->space), m->space);
	copy(r->owner, sizeof(r->owner), m->owner);
	copy(r->name, sizeof(r->name), m->name);
	copy(r->bundle, sizeof(r->bundle), m->bundle);
	copy(r->entry, sizeof(r->entry), m->entry ? m->entry : "app.lua");
	copy(r->title, sizeof(r->title), m->title);
	copy(r->class, sizeof(r->class), m->class);
	r->epoch = m->epoch;
	r->sleep_sec = m->sleep_sec;
	r->replicas = (uint64_t)m->replicas;
	r->private = m->private;
	r->stopped = m->stopped;
	r->settings = m->settings;
	copy(r->of, sizeof(r->of), m->of);
	copy(r->branch, sizeof(r->branch), m->branch);
	r->ends_sec = m->ends_sec;
	r->http = copy_list(r->http, m->http);
	r->domains = copy_list(r->domains, m->domains);
	r->was = copy_list(r->was, m->was);
	space_host_label(r->owner, r->name, r->label);
	(void)page_unref(r->page);
	r->page = read_page(m);
}

/* --- the table --- */

/* A former name leads here only while nobody has it now. */
static int add_host(struct route_table *t, struct route *r, const char *host, size_t n, bool former)
{
	return former && map_get(&t->by_host, host, n) ? 0 : map_put(&t->by_host, host, n, r);
}

static int drop_host(
	struct route_table *t, struct route *r, const char *host, size_t n, bool former)
{
	(void)former;
	if (map_get(&t->by_host, host, n) == r)
		(void)map_take(&t->by_host, host, n);
	return 0;
}

static int each_host(struct route_table *t, struct route *r,
	int (*fn)(struct route_table *t, struct route *r, const char *host, size_t n, bool former))
{
	const char *lists[] = {r->label, r->domains, r->was};
	int done = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const char *at = lists[i]; at && *at && done == 0;) {
			size_t n = strcspn(at, " ");

			if (n)
				done = fn(t, r, at, n, lists[i] == r->was);
			at += n + (at[n] == ' ');
		}
	return done;
}

static void unname(struct route_table *t, struct route *r)
{
	char key[140];

	(void)each_host(t, r, drop_host);

	/* Another Space may have taken the name since. */
	if (map_get_str(&t->by_name, name_key(r->owner, r->name, key)) == r)
		(void)map_take_str(&t->by_name, key);
}

static int put(struct route_table *t, const struct edge_route *m, uint32_t checksum,
	struct route **ret, struct err *e)
{
	struct route *r = route_by_space(t, m->space);
	bool fresh = !r;
	char key[140];

	if (r) {
		r->generation = t->generation;
		*ret = r;
		if (m->epoch < r->epoch || r->checksum == checksum)
			return 0;
		unname(t, r);
	} else {
		if (t->by_space.n >= ROUTE_TABLE_MAX)
			return err_set(e, -ENOSPC, "more than %d Spaces", ROUTE_TABLE_MAX);
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
	}
	fill(r, m);
	r->generation = t->generation;
	r->checksum = checksum;
	if (map_put_str(&t->by_name, name_key(r->owner, r->name, key), r) < 0 ||
		each_host(t, r, add_host) < 0 ||
		(fresh && map_put_str(&t->by_space, r->space, r) < 0)) {
		unname(t, r);
		if (fresh)
			route_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 1;
}

static int take(
	struct route_table *t, const uint8_t *value, size_t n, struct route **ret, struct err *e)
{
	struct edge_route m;
	int r = edge_route_read(&m, value, n, e);

	if (r < 0)
		return r;
	r = check(&m, e);
	if (r == 0)
		r = put(t, &m, crc32c(0, value, n), ret, e);
	edge_route_done(&m);
	return r;
}

/* --- on disk --- */

static void file_name(char ret[64], const char *space)
{
	(void)snprintf(ret, 64, "%s.json", space);
}

/* Whole or old after a kill; after a power loss the orchestrator says it all again. */
static void store(struct route_table *t, const struct route *r, const uint8_t *value, size_t n)
{
	CLEANUP(closep)
	int fd = openat(t->dir_fd, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char name[64];

	file_name(name, r->space);
	if (fd < 0 || fs_write_all(fd, value, n) < 0 ||
		renameat(t->dir_fd, ".new", t->dir_fd, name) < 0)
		log_warn("space=%s cannot keep its route on disk: %s", r->space, strerror(errno));
}

static void load_one(struct route_table *t, const char *name)
{
	struct err e = {0};
	struct route *route;
	struct buf b;

	buf_init(&b, ROUTE_BYTES_MAX);
	if (fs_read(t->dir_fd, name, &b, &e) < 0 || take(t, b.data, b.len, &route, &e) < 0)
		log_warn("route file %s is passed over: %s", name, e.text);
	buf_done(&b);
}

static int load(struct route_table *t, struct err *e)
{
	int fd = openat(t->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_set(e, -EIO, "cannot read the routes' folder");
	}
	while ((entry = readdir(d))) {
		size_t n = strlen(entry->d_name);

		if (entry->d_name[0] != '.' && n > 5 && !strcmp(entry->d_name + n - 5, ".json"))
			load_one(t, entry->d_name);
	}
	closedir(d);
	return 0;
}

int route_table_new(const char *dir, struct route_table **ret, struct err *e)
{
	CLEANUP(route_table_freep) struct route_table *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->dir_fd = -1;
	map_init(&t->by_space);
	map_init(&t->by_name);
	map_init(&t->by_host);
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	t->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir_fd < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	r = load(t, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

static void free_one(void *value, void *data)
{
	(void)data;
	route_free(value);
}

struct route_table *route_table_free(struct route_table *t)
{
	if (!t)
		return NULL;
	map_each(&t->by_space, free_one, NULL);
	map_done(&t->by_space);
	map_done(&t->by_name);
	map_done(&t->by_host);
	if (t->dir_fd >= 0)
		close(t->dir_fd);
	free(t);
	return NULL;
}

int route_table_put(
	struct route_table *t, const uint8_t *value, size_t n, struct route **ret, struct err *e)
{
	int r = take(t, value, n, ret, e);

	if (r == 1)
		store(t, *ret, value, n);
	return r;
}

void route_table_drop(struct route_table *t, struct route *r)
{
	char name[64];

	if (!r)
		return;
	file_name(name, r->space);
	(void)unlinkat(t->dir_fd, name, 0);
	unname(t, r);
	(void)map_take_str(&t->by_space, r->space);
	route_free(r);
}

void route_table_sync_begin(struct route_table *t)
{
	t->generation++;
}

struct sync_end {
	struct route_table *t;
	void (*gone)(struct route *r, void *data);
	void *data;
};

static void end_one(void *value, void *data)
{
	struct sync_end *c = data;
	struct route *r = value;

	if (r->generation != c->t->generation)
		c->gone(r, c->data);
}

void route_table_sync_end(
	struct route_table *t, void (*gone)(struct route *r, void *data), void *data)
{
	struct sync_end c = {t, gone, data};

	map_each(&t->by_space, end_one, &c);
}
