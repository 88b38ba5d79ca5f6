#include "orchestrator/logs/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "orchestrator/logs/journal_inside.h"

#define OPEN_MAX 128 /* names whose files stay open; the rest is opened again when needed */

struct journal_watch {
	struct journal *of; /* borrowed */
	struct journal_watch *next;
	void (*fn)(void *data);
	void *data;
};

/* --- life --- */

static void on_sweep(void *data)
{
	struct journals *j = data;

	j->sweeps_soon = false;
	journals_sweep(j, clock_wall_usec());
	timer_arm_after(j->timer, SWEEP_USEC);
}

int journals_new(struct loop *loop, const char *dir, const struct journal_limits *limits,
	struct journals **ret, struct err *e)
{
	CLEANUP(journals_freep) struct journals *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_set(e, -ENOMEM, "out of memory");
	j->dir = -1;
	j->limits = *limits;
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return err_set(e, -errno, "cannot open %s: %s", dir, strerror(errno));
	if (loop) {
		r = loop_add_timer(loop, on_sweep, j, &j->timer);
		if (r < 0)
			return err_set(e, r, "out of memory");
		timer_arm_after(j->timer, SWEEP_FIRST_USEC);
	}
	*ret = TAKE_PTR(j);
	return 0;
}

void journal_close(struct journals *j, struct journal *g)
{
	for (struct journal **p = &j->open; *p; p = &(*p)->next)
		if (*p == g) {
			*p = g->next;
			j->n--;
			break;
		}
	if (g->dir >= 0)
		close(g->dir);
	if (g->write_fd >= 0)
		close(g->write_fd);
	if (g->read_fd >= 0)
		close(g->read_fd);
	free(g);
}

struct journals *journals_free(struct journals *j)
{
	if (!j)
		return NULL;
	while (j->open) {
		while (j->open->watches)
			(void)journal_unwatch(j->open->watches);
		journal_close(j, j->open);
	}
	(void)source_free(j->timer);
	if (j->dir >= 0)
		close(j->dir);
	free(j);
	return NULL;
}

static void close_longest_unused(struct journals *j)
{
	struct journal *oldest = NULL;

	for (struct journal *g = j->open; g; g = g->next)
		if (!g->watches && (!oldest || g->used < oldest->used))
			oldest = g;
	if (oldest)
		journal_close(j, oldest);
}

/* --- opening --- */

static void add_segment(const char *file, int64_t at, void *data)
{
	struct journal *g = data;
	struct stat st;
	size_t i = g->n;

	if (fstatat(g->dir, file, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return;
	if (g->n == SEGMENTS_MAX) { /* more than we make: the oldest one is not seen */
		if (at < g->segments[0].at)
			return;
		memmove(g->segments, g->segments + 1, --g->n * sizeof(g->segments[0]));
		i = g->n;
	}
	for (; i > 0 && g->segments[i - 1].at > at; i--)
		g->segments[i] = g->segments[i - 1];
	g->segments[i] = (struct segment){.at = at, .size = st.st_size};
	g->n++;
}

/* When the file was made; 0: the file system does not say. */
static uint64_t born_usec(int fd)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) < 0 || !(x.stx_mask & STATX_BTIME))
		return 0;
	return (uint64_t)x.stx_btime.tv_sec * USEC_PER_SEC + x.stx_btime.tv_nsec / 1000;
}

/* A line that a crash or a full disk tore goes: it would swallow the next one. */
static void cut_torn_line(int fd, struct segment *s)
{
	static char bytes[JOURNAL_LINE_MAX]; /* single-threaded */
	int64_t n = s->size < JOURNAL_LINE_MAX ? s->size : JOURNAL_LINE_MAX;
	const char *last;

	if (n == 0 || pread(fd, bytes, (size_t)n, s->size - n) != n || bytes[n - 1] == '\n')
		return;
	last = memrchr(bytes, '\n', (size_t)n);
	n = last ? s->size - n + (last + 1 - bytes) : 0;
	if (ftruncate(fd, n) == 0)
		s->size = n;
}

static int open_newest(struct journal *g)
{
	struct segment *s = &g->segments[g->n - 1];
	char file[SEGMENT_NAME];

	segment_name(s->at, file);
	g->write_fd = openat(g->dir, file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (g->write_fd < 0)
		return -errno;
	cut_torn_line(g->write_fd, s);
	g->begun_usec = born_usec(g->write_fd);
	return 0;
}

/* What an earlier version kept: NAME.log and, before it, NAME.log.1 beside the folders. */
static void adopt_old_files(struct journals *j, struct journal *g)
{
	char from[JOURNAL_NAME_MAX + 16], to[SEGMENT_NAME];
	struct stat st;
	int64_t at = 0;

	for (int old = 1; old >= 0; old--) {
		(void)snprintf(from, sizeof(from), "%s.log%s", g->name, old ? ".1" : "");
		if (fstatat(j->dir, from, &st, 0) < 0)
			continue;
		if (g->dir < 0) {
			(void)mkdirat(j->dir, g->name, 0700);
			g->dir = openat(j->dir, g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
		segment_name(at, to);
		if (g->dir < 0 || renameat(j->dir, from, g->dir, to) < 0)
			return;
		at += st.st_size;
	}
}

static bool is_name(const char *name)
{
	return *name && strlen(name) <= JOURNAL_NAME_MAX && *name != '.' && !strchr(name, '/');
}

static struct journal *find_open(struct journals *j, const char *name)
{
	for (struct journal *g = j->open; g; g = g->next)
		if (!strcmp(g->name, name)) {
			g->used = ++j->clock;
			return g;
		}
	return NULL;
}

static struct journal *open_journal(struct journals *j, const char *name)
{
	struct journal *g = find_open(j, name);

	if (g)
		return g;
	if (!is_name(name))
		return NULL;
	if (j->n >= OPEN_MAX)
		close_longest_unused(j);
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	*g = (struct journal){.write_fd = -1, .read_fd = -1, .used = ++j->clock, .next = j->open};
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	g->dir = openat(j->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->dir < 0)
		adopt_old_files(j, g);
	j->open = g;
	j->n++;
	if (g->dir >= 0)
		segments_each(g->dir, add_segment, g);
	if (g->n > 0)
		(void)open_newest(g);
	return g;
}

/* --- writing --- */

static void drop_oldest(struct journal *g)
{
	char file[SEGMENT_NAME];

	segment_name(g->segments[0].at, file);
	(void)unlinkat(g->dir, file, 0);
	memmove(g->segments, g->segments + 1, --g->n * sizeof(g->segments[0]));
	if (g->read_fd >= 0)
		close(g->read_fd);
	g->read_fd = -1;
}

/* A name's first position is the time: positions grow even when all before has been removed. */
static int begin_segment(struct journals *j, struct journal *g)
{
	int64_t at = g->n ? segment_end(&g->segments[g->n - 1]) : (int64_t)clock_wall_usec();
	int r;

	if (g->dir < 0) {
		if (mkdirat(j->dir, g->name, 0700) < 0 && errno != EEXIST)
			return -errno;
		g->dir = openat(j->dir, g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (g->dir < 0)
			return -errno;
	}
	while (g->n >= JOURNAL_SEGMENTS)
		drop_oldest(g);
	if (g->write_fd >= 0)
		close(g->write_fd);
	g->segments[g->n++] = (struct segment){.at = at};
	r = open_newest(g);
	if (r < 0) {
		g->n--;
		return r;
	}
	g->begun_usec = clock_wall_usec();
	return 0;
}

/* Segments end by age too, so that what is old can go. */
static bool is_full(const struct journals *j, const struct journal *g, size_t more)
{
	const struct segment *s = &g->segments[g->n - 1];

	if (s->size == 0)
		return false;
	return (size_t)s->size + more > j->limits.name_max / JOURNAL_SEGMENTS ||
	       (g->begun_usec && j->limits.age_usec &&
		       g->begun_usec + j->limits.age_usec / 8 < clock_wall_usec());
}

static int put(struct journals *j, struct journal *g, const void *line, size_t n)
{
	static char bytes[JOURNAL_LINE_MAX]; /* single-threaded */
	struct segment *s;
	ssize_t done;
	int r = 0;

	if (g->n == 0 || g->write_fd < 0 || is_full(j, g, n + 1))
		r = begin_segment(j, g);
	if (r < 0)
		return r;
	s = &g->segments[g->n - 1];
	memcpy(bytes, line, n);
	bytes[n++] = '\n';
	done = write(g->write_fd, bytes, n);
	if (done == (ssize_t)n) {
		s->size += done;
		j->total += n;
		return 0;
	}
	r = done < 0 ? -errno : -ENOSPC;
	if (done > 0)
		(void)!ftruncate(g->write_fd, s->size);
	return r;
}

static void call_watches(const struct journal *g)
{
	for (struct journal_watch *w = g->watches, *next; w; w = next) {
		next = w->next;
		w->fn(w->data);
	}
}

int64_t journal_append(struct journals *j, const char *name, const void *line, size_t n)
{
	struct journal *g = open_journal(j, name);
	int r = !g || n >= JOURNAL_LINE_MAX || memchr(line, '\n', n) ? -EINVAL : put(j, g, line, n);

	if (r < 0) {
		if (j->dropped++ % 1000 == 0)
			log_warn("log=%s dropped=%llu a line could not be kept: %s", name,
				(unsigned long long)j->dropped, strerror(-r));
		return r;
	}
	/* Not put off by every line that comes meanwhile. */
	if (j->timer && j->limits.total_max && j->total > j->limits.total_max && !j->sweeps_soon) {
		j->sweeps_soon = true;
		timer_arm_after(j->timer, SWEEP_FIRST_USEC);
	}
	call_watches(g);
	return segment_end(&g->segments[g->n - 1]);
}

uint64_t journals_dropped(const struct journals *j)
{
	return j->dropped;
}

void journal_delete(struct journals *j, const char *name)
{
	struct journal *g = open_journal(j, name);
	char file[SEGMENT_NAME];

	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++) {
		segment_name(g->segments[i].at, file);
		(void)unlinkat(g->dir, file, 0);
	}
	(void)unlinkat(j->dir, name, AT_REMOVEDIR);
	g->n = 0;
	if (!g->watches) {
		journal_close(j, g);
		return;
	}
	if (g->dir >= 0)
		close(g->dir);
	if (g->write_fd >= 0)
		close(g->write_fd);
	if (g->read_fd >= 0)
		close(g->read_fd);
	g->dir = g->write_fd = g->read_fd = -1;
}

/* --- reading --- */

int64_t journal_oldest(struct journals *j, const char *name)
{
	const struct journal *g = open_journal(j, name);

	return g && g->n ? g->segments[0].at : 0;
}

int64_t journal_end(struct journals *j, const char *name)
{
	const struct journal *g = open_journal(j, name);

	return g && g->n ? segment_end(&g->segments[g->n - 1]) : 0;
}

int64_t journal_since(struct journals *j, const char *name, uint64_t wall_usec)
{
	const struct journal *g = open_journal(j, name);
	char file[SEGMENT_NAME];
	struct stat st;

	for (size_t i = 0; g && i + 1 < g->n; i++) {
		segment_name(g->segments[i].at, file);
		if (fstatat(g->dir, file, &st, 0) == 0 && stat_usec(&st) >= wall_usec)
			return g->segments[i].at;
	}
	return g && g->n ? g->segments[g->n - 1].at : 0;
}

/* The segment that holds the position, or the next one behind it; NULL: the end. */
static struct segment *segment_of(struct journal *g, int64_t at)
{
	for (size_t i = 0; i < g->n; i++)
		if (at < segment_end(&g->segments[i]))
			return &g->segments[i];
	return NULL;
}

static int open_to_read(struct journal *g, const struct segment *s)
{
	char file[SEGMENT_NAME];

	if (s == &g->segments[g->n - 1])
		return g->write_fd;
	if (g->read_fd >= 0 && g->read_at == s->at)
		return g->read_fd;
	if (g->read_fd >= 0)
		close(g->read_fd);
	segment_name(s->at, file);
	g->read_at = s->at;
	g->read_fd = openat(g->dir, file, O_RDONLY | O_CLOEXEC);
	return g->read_fd;
}

/* Whole lines of one segment; 0: nothing whole is left in it (damaged from outside). */
static ssize_t read_lines(
	struct journal *g, const struct segment *s, int64_t at, char *bytes, size_t n)
{
	const char *last;
	ssize_t got;

	if ((int64_t)n > segment_end(s) - at)
		n = (size_t)(segment_end(s) - at);
	got = pread(open_to_read(g, s), bytes, n, at - s->at);
	last = got > 0 ? memrchr(bytes, '\n', (size_t)got) : NULL;
	return last ? last + 1 - bytes : 0;
}

ssize_t journal_read(struct journals *j, const char *name, int64_t *at, char *bytes, size_t n)
{
	struct journal *g = open_journal(j, name);
	const struct segment *s;

	if (!g || g->n == 0)
		return 0;
	if (*at < g->segments[0].at || *at > segment_end(&g->segments[g->n - 1]))
		*at = g->segments[0].at;
	while ((s = segment_of(g, *at))) {
		ssize_t got;

		if (*at < s->at)
			*at = s->at;
		got = read_lines(g, s, *at, bytes, n);
		*at = got > 0 ? *at + got : segment_end(s);
		if (got > 0)
			return got;
	}
	return 0;
}

struct count {
	journal_match_fn match;
	void *data;
	size_t skip; /* matching lines still to be passed over */
	size_t seen;
};

/* Counts the lines of a piece; stops before line number skip. Returns the bytes passed. */
static size_t count_lines(struct count *c, const char *bytes, size_t n, bool stop)
{
	size_t at = 0;

	while (at < n) {
		size_t len =
			(size_t)((const char *)memchr(bytes + at, '\n', n - at) + 1 - bytes) - at;

		if (!c->match || c->match(bytes + at, len, c->data)) {
			if (stop && c->seen == c->skip)
				return at;
			c->seen++;
		}
		at += len;
	}
	return at;
}

int64_t journal_tail(
	struct journals *j, const char *name, size_t n, journal_match_fn match, void *data)
{
	static char bytes[JOURNAL_LINE_MAX]; /* single-threaded */
	struct count c = {.match = match, .data = data};
	int64_t oldest = journal_oldest(j, name), at = oldest, before;
	ssize_t got;

	if (n == SIZE_MAX)
		return oldest;
	while ((got = journal_read(j, name, &at, bytes, sizeof(bytes))) > 0)
		(void)count_lines(&c, bytes, (size_t)got, false);
	if (n == 0)
		return at;
	if (c.seen <= n)
		return oldest;
	c.skip = c.seen - n;
	c.seen = 0;
	for (at = oldest; (got = journal_read(j, name, &at, bytes, sizeof(bytes))) > 0;) {
		before = at - got;
		at = before + (int64_t)count_lines(&c, bytes, (size_t)got, true);
		if (at < before + got)
			break;
	}
	return at;
}

/* --- watching --- */

int journal_watch(struct journals *j, const char *name, void (*fn)(void *data), void *data,
	struct journal_watch **ret)
{
	struct journal *g = open_journal(j, name);
	struct journal_watch *w = calloc(1, sizeof(*w));

	if (!g || !w) {
		free(w);
		return -ENOMEM;
	}
	*w = (struct journal_watch){.of = g, .next = g->watches, .fn = fn, .data = data};
	g->watches = w;
	*ret = w;
	return 0;
}

struct journal_watch *journal_unwatch(struct journal_watch *w)
{
	if (!w)
		return NULL;
	for (struct journal_watch **p = &w->of->watches; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	free(w);
	return NULL;
}

void journal_poke(struct journals *j, const char *name)
{
	for (struct journal *g = j->open; g; g = g->next)
		if (!strcmp(g->name, name))
			call_watches(g);
}
