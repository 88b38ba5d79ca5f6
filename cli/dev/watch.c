#include "cli/dev/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"

#define FOLDERS_MAX 2000
#define DEPTH_MAX 16
#define WATCH_PATH 1024
/* A file is new once it is closed or moved in, not while it is being written. */
#define MASK                                                                                       \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR |       \
		IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct folder {
	int wd;
	char *path; /* owned; below the folder, "" for itself */
};

struct watch {
	struct loop *loop; /* borrowed */
	char dir[WATCH_PATH];
	int fd;                /* owned; inotify */
	struct source *source; /* owned */
	struct source *settle; /* owned; timer */
	struct folder *folders;
	size_t n_folders;
	char changed[WATCH_PATH]; /* the last name; "": nothing waits to be told */
	uint64_t first_usec;
	watch_fn fn;
	void *data;
};

static bool is_own(const char *name)
{
	size_t n = strlen(name);

	return (name[0] == '.' && strcmp(name, ".env") != 0) || (n && name[n - 1] == '~') ||
	       !strcmp(name, "4913");
}

static int add_folder(struct watch *w, const char *path, int depth, struct err *e);

static int add_below(struct watch *w, const char *path, int depth, struct err *e)
{
	char full[2 * WATCH_PATH + 2], below[WATCH_PATH];
	const struct dirent *entry;
	int r = 0;
	DIR *d;

	(void)snprintf(full, sizeof(full), "%s/%s", w->dir, path);
	d = opendir(full);
	if (!d)
		return 0; /* gone again */
	while (r == 0 && (entry = readdir(d))) {
		if (entry->d_type != DT_DIR || is_own(entry->d_name))
			continue;
		if (snprintf(below, sizeof(below), "%s%s%s", path, *path ? "/" : "",
			    entry->d_name) < (int)sizeof(below))
			r = add_folder(w, below, depth + 1, e);
	}
	(void)closedir(d);
	return r;
}

static int add_folder(struct watch *w, const char *path, int depth, struct err *e)
{
	char full[2 * WATCH_PATH + 2];
	struct folder *grown;
	int wd;

	if (w->n_folders >= FOLDERS_MAX || depth > DEPTH_MAX)
		return err_set(e, -ENOSPC, "%s: more than %d folders, or deeper than %d", w->dir,
			FOLDERS_MAX, DEPTH_MAX);
	(void)snprintf(full, sizeof(full), "%s/%s", w->dir, path);
	wd = inotify_add_watch(w->fd, full, MASK);
	if (wd < 0 && errno == ENOENT && depth > 0)
		return 0; /* gone again */
	if (wd < 0)
		return err_set(e, -errno, "cannot watch %s: %s", full,
			errno == ENOSPC ? "over fs.inotify.max_user_watches" : strerror(errno));
	for (size_t i = 0; i < w->n_folders; i++)
		if (w->folders[i].wd == wd)
			return 0;
	grown = realloc(w->folders, (w->n_folders + 1) * sizeof(*grown));
	if (!grown)
		return err_set(e, -ENOMEM, "out of memory");
	w->folders = grown;
	grown[w->n_folders] = (struct folder){.wd = wd, .path = strdup(path)};
	if (!grown[w->n_folders].path)
		return err_set(e, -ENOMEM, "out of memory");
	w->n_folders++;
	return add_below(w, path, depth, e);
}

static const char *path_of(const struct watch *w, int wd)
{
	for (size_t i = 0; i < w->n_folders; i++)
		if (w->folders[i].wd == wd)
			return w->folders[i].path;
	return NULL;
}

static void forget(struct watch *w, int wd)
{
	for (size_t i = 0; i < w->n_folders; i++)
		if (w->folders[i].wd == wd) {
			free(w->folders[i].path);
			w->folders[i] = w->folders[--w->n_folders];
			return;
		}
}

static void on_settled(void *data)
{
	struct watch *w = data;
	char path[WATCH_PATH];

	(void)snprintf(path, sizeof(path), "%s", w->changed);
	w->changed[0] = '\0';
	w->fn(path, w->first_usec, w->data);
}

static void note(struct watch *w, const char *path)
{
	if (!w->changed[0])
		w->first_usec = clock_mono_usec();
	(void)snprintf(w->changed, sizeof(w->changed), "%s", path);
	timer_arm_after(w->settle, WATCH_SETTLE_USEC);
}

static void take(struct watch *w, const struct inotify_event *event)
{
	const char *folder = path_of(w, event->wd);
	char path[WATCH_PATH];

	if (event->mask & IN_IGNORED) {
		forget(w, event->wd);
		return;
	}
	/* Lost events: something changed. */
	if (event->mask & IN_Q_OVERFLOW) {
		note(w, "files");
		return;
	}
	if (!folder || !event->len || is_own(event->name))
		return;
	if (snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", event->name) >=
		(int)sizeof(path))
		return;
	if ((event->mask & IN_ISDIR) && (event->mask & (IN_CREATE | IN_MOVED_TO)))
		(void)add_folder(w, path, 1, NULL);
	else if (event->mask & IN_CREATE)
		return; /* told when it is closed */
	note(w, path);
}

static void on_events(int fd, uint32_t events, void *data)
{
	char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	(void)events;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			take(data, event);
			at += sizeof(*event) + event->len;
		}
}

int watch_new(struct loop *loop, const char *dir, watch_fn fn, void *data, struct watch **ret,
	struct err *e)
{
	CLEANUP(watch_freep) struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	*w = (struct watch){.loop = loop, .fd = -1, .fn = fn, .data = data};
	if (snprintf(w->dir, sizeof(w->dir), "%s", dir) >= (int)sizeof(w->dir))
		return err_set(e, -ENAMETOOLONG, "%s: over %d bytes", dir, WATCH_PATH - 1);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return err_set(e, -errno, "inotify: %s", strerror(errno));
	r = loop_add_fd(loop, w->fd, EPOLLIN, on_events, w, &w->source);
	if (r == 0)
		r = loop_add_timer(loop, on_settled, w, &w->settle);
	if (r < 0)
		return err_set(e, r, "out of memory");
	r = add_folder(w, "", 0, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	w->source = source_free(w->source);
	w->settle = source_free(w->settle);
	if (w->fd >= 0)
		close(w->fd);
	for (size_t i = 0; i < w->n_folders; i++)
		free(w->folders[i].path);
	free(w->folders);
	free(w);
	return NULL;
}
