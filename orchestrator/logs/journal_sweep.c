#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "orchestrator/logs/journal_inside.h"

#define FOUND_MAX (1u << 20)

struct found {
	char name[JOURNAL_NAME_MAX + 1];
	int64_t at, size;
	uint64_t changed_usec;
};

struct sweep {
	struct journals *journals;
	struct found *found; /* owned; n of cap */
	size_t n, cap;
	const char *name; /* of the folder under way */
	int dir;
};

/* Calls fn with each entry; the folder is read anew, wherever dir's offset stands. */
static void entries_each(int dir, void (*fn)(const char *entry, void *data), void *data)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (!d) {
		if (again >= 0)
			close(again);
		return;
	}
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			fn(entry->d_name, data);
	(void)closedir(d);
}

struct each {
	void (*fn)(const char *file, int64_t at, void *data);
	void *data;
};

static void take_entry(const char *entry, void *data)
{
	const struct each *each = data;
	char *end;
	long long at = strtoll(entry, &end, 16);

	if (strlen(entry) == 16 && !*end && at >= 0)
		each->fn(entry, at, each->data);
}

void segments_each(int dir, void (*fn)(const char *file, int64_t at, void *data), void *data)
{
	struct each each = {.fn = fn, .data = data};

	entries_each(dir, take_entry, &each);
}

/* --- what there is --- */

static void find_segment(const char *file, int64_t at, void *data)
{
	struct sweep *s = data;
	struct stat st;

	if (s->n == FOUND_MAX || fstatat(s->dir, file, &st, 0) < 0)
		return;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 256;
		struct found *grown = reallocarray(s->found, cap, sizeof(*grown));

		if (!grown)
			return;
		s->found = grown;
		s->cap = cap;
	}
	s->found[s->n] =
		(struct found){.at = at, .size = st.st_size, .changed_usec = stat_usec(&st)};
	(void)snprintf(s->found[s->n++].name, sizeof(s->found[0].name), "%s", s->name);
}

static void find_folder(const char *entry, void *data)
{
	struct sweep *s = data;

	if (strlen(entry) > JOURNAL_NAME_MAX)
		return;
	s->dir = openat(s->journals->dir, entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return;
	s->name = entry;
	segments_each(s->dir, find_segment, s);
	close(s->dir);
}

/* --- what goes --- */

static int oldest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->changed_usec != y->changed_usec)
		return x->changed_usec < y->changed_usec ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static struct journal *find_open(struct journals *j, const char *name)
{
	for (struct journal *g = j->open; g; g = g->next)
		if (!strcmp(g->name, name))
			return g;
	return NULL;
}

/* An open name's segments stay a row without holes: only its oldest may go, and not its last
 * while somebody follows. */
static bool forget_segment(struct journals *j, const struct found *f)
{
	struct journal *g = find_open(j, f->name);

	if (!g || g->n == 0)
		return true;
	if (g->segments[0].at != f->at)
		return g->segments[0].at > f->at;
	if (g->n == 1) {
		if (g->watches)
			return false;
		journal_close(j, g);
		return true;
	}
	memmove(g->segments, g->segments + 1, --g->n * sizeof(g->segments[0]));
	if (g->read_fd >= 0)
		close(g->read_fd);
	g->read_fd = -1;
	return true;
}

static void remove_segment(struct journals *j, const struct found *f)
{
	char path[JOURNAL_NAME_MAX + 1 + SEGMENT_NAME];

	if (!forget_segment(j, f))
		return;
	(void)snprintf(path, sizeof(path), "%s/%016" PRIx64, f->name, (uint64_t)f->at);
	if (unlinkat(j->dir, path, 0) < 0)
		return;
	j->total -= (uint64_t)f->size;
	if (!find_open(j, f->name))
		(void)unlinkat(j->dir, f->name, AT_REMOVEDIR); /* the last one of it */
}

void journals_sweep(struct journals *j, uint64_t wall_usec)
{
	const struct journal_limits *limits = &j->limits;
	struct sweep s = {.journals = j};
	size_t removed = 0;
	uint64_t goal = limits->total_max;

	entries_each(j->dir, find_folder, &s);
	if (s.n > 0)
		qsort(s.found, s.n, sizeof(*s.found), oldest_first);
	j->total = 0;
	for (size_t i = 0; i < s.n; i++)
		j->total += (uint64_t)s.found[i].size;
	/* Some room, or the next line would want a sweep again. */
	if (j->total > goal)
		goal -= goal / 16;
	for (size_t i = 0; i < s.n; i++) {
		bool old =
			limits->age_usec && s.found[i].changed_usec + limits->age_usec < wall_usec;

		if (!old && (!limits->total_max || j->total <= goal))
			break;
		remove_segment(j, &s.found[i]);
		removed++;
	}
	if (removed)
		log_info("logs: %zu old files removed, %llu bytes are kept", removed,
			(unsigned long long)j->total);
	free(s.found);
}
