/* vitrine backup, vitrine restore: the data folder as one file, while nothing runs on it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/spawn.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/manifest.h"
#include "cli/sizes.h"

#define PATH_LONG 4096
#define INSIDE_LONG (PATH_LONG + 64) /* of one of the few paths below the folder */
#define TAR "/usr/bin/tar"

static int run_tar(char *const argv[], struct err *e)
{
	char *envp[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	int status;
	pid_t pid;

	plan.path = TAR;
	plan.argv = argv;
	plan.envp = envp;
	plan.death_signal = SIGTERM;
	pid = spawn_program(&plan, e);
	if (pid < 0)
		return (int)pid;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(e, -errno, "tar: %s", strerror(errno));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : err_set(e, -EIO, "tar failed; what it said is above");
}

/* --- nobody may work in the folder meanwhile --- */

static bool somebody_listens(const char *data)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/http.sock", data) >=
			      (int)sizeof(a.sun_path))
		return false;
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

/* The supervisor's lock, kept until fd is closed; systemd's services have none, but they listen. */
static int lock_data(const char *data, int *ret_fd, struct err *e)
{
	char path[INSIDE_LONG];

	(void)snprintf(path, sizeof(path), "%s/orchestrator", data);
	if (access(path, R_OK | X_OK) < 0)
		return err_set(e, -errno, "%s: %s", path,
			errno == ENOENT ? "no platform has been started there" : strerror(errno));
	if (somebody_listens(data))
		return err_set(e, -EBUSY, "the platform in %s runs; stop it first", data);
	(void)snprintf(path, sizeof(path), "%s/run/lock", data);
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	if (*ret_fd >= 0 && flock(*ret_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, -EBUSY, "the platform in %s runs; stop it first", data);
	return 0;
}

/* --- backup --- */

/* In a folder the name is the time's. */
static int name_of(const char *where, char ret[PATH_LONG], struct err *e)
{
	time_t now = time(NULL);
	char stamp[32];
	struct stat st;
	struct tm t;
	int n;

	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%d-%H%M%S", gmtime_r(&now, &t));
	if (stat(where, &st) == 0 && S_ISDIR(st.st_mode))
		n = snprintf(ret, PATH_LONG, "%s/vitrine-%s.tar.gz", where, stamp);
	else
		n = snprintf(ret, PATH_LONG, "%s", where);
	if (n >= PATH_LONG - 8)
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	return access(ret, F_OK) == 0 ? err_set(e, -EEXIST, "%s exists already", ret) : 0;
}

static bool wants_zstd(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && !strcmp(name + n - 4, ".zst");
}

static int write_archive(const char *data, const char *list_dir, const char *name, struct err *e)
{
	char part[PATH_LONG + 8];
	char *argv[] = {"tar", "--create", wants_zstd(name) ? "--zstd" : "--gzip", "--file", part,
		"--force-local", "--numeric-owner", "--sort=name", "--anchored",
		"--exclude=./" MANIFEST_RUN, "--exclude=./" MANIFEST_HOOKS,
		"--exclude=./" MANIFEST_SHM, "--exclude=./" MANIFEST_SERVED,
		"--exclude=./" MANIFEST_SERVED_UNITS, "-C", (char *)list_dir, MANIFEST_NAME, "-C",
		(char *)data, ".", NULL};
	CLEANUP(closep) int fd = -1;
	int r;

	(void)snprintf(part, sizeof(part), "%s.part", name);
	/* Made first, so that nobody else can read what is in it. */
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, -errno, "%s: %s", part, strerror(errno));
	r = run_tar(argv, e);
	if (r == 0 && (fsync(fd) < 0 || rename(part, name) < 0))
		r = err_set(e, -errno, "%s: %s", name, strerror(errno));
	if (r < 0)
		(void)unlink(part);
	return r;
}

/* tar changes folders one after the other, and lists are made of what comes after a path. */
static int whole_path(const char *path, char ret[PATH_LONG], struct err *e)
{
	return realpath(path, ret) ? 0 : err_set(e, -errno, "%s: %s", path, strerror(errno));
}

static int back_up(const char *folder, const char *where, struct err *e)
{
	CLEANUP(buf_done) struct buf list;
	CLEANUP(closep) int lock = -1;
	char data[PATH_LONG], name[PATH_LONG], dir[] = "/tmp/vitrine-backup-XXXXXX", path[64],
					       size[32];
	struct manifest_sum sum;
	int r = whole_path(folder, data, e);

	buf_init(&list, MANIFEST_MAX);
	if (r == 0)
		r = lock_data(data, &lock, e);
	if (r == 0)
		r = name_of(where, name, e);
	if (r == 0)
		r = manifest_write(data, &list, &sum, e);
	if (r < 0)
		return r;
	if (!mkdtemp(dir))
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	(void)snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, dir);
	r = fs_write_durable(AT_FDCWD, path, list.data, list.len, 0600, e);
	if (r == 0)
		r = write_archive(data, dir, name, e);
	(void)fs_remove_tree(dir);
	if (r == 0)
		printf("vitrine: %zu files, %s, are backed up in %s\n", sum.files,
			size_text(sum.bytes, size), name);
	return r;
}

/* --- restore --- */

/* run is made anew by systemd-tmpfiles, whatever else is there. */
static int make_empty(const char *data, struct err *e)
{
	int r = fs_mkdirs(data, 0711, e);
	const struct dirent *entry;
	DIR *d;

	if (r < 0)
		return r;
	d = opendir(data);
	if (!d)
		return err_set(e, -errno, "%s: %s", data, strerror(errno));
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			strcmp(entry->d_name, "run") != 0)
			r = err_set(e, -ENOTEMPTY,
				"%s is not empty; a backup is restored into an empty folder only",
				data);
	(void)closedir(d);
	return r;
}

static int verify(const char *data, struct manifest_sum *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf list;
	char path[INSIDE_LONG];
	int r;

	buf_init(&list, MANIFEST_MAX);
	(void)snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, data);
	r = fs_read(AT_FDCWD, path, &list, e);
	if (r == 0)
		r = manifest_check(data, buf_str(&list), list.len, ret, e);
	if (r == 0)
		(void)unlink(path);
	return r;
}

static int restore(const char *folder, const char *from, struct err *e)
{
	char data[PATH_LONG];
	char *argv[] = {"tar", "--extract", "--file", (char *)from, "--force-local",
		"--numeric-owner", "--same-permissions", "-C", data, NULL};
	struct manifest_sum sum;
	char size[32];
	int r = access(from, R_OK) < 0 ? err_set(e, -errno, "%s: %s", from, strerror(errno))
				       : make_empty(folder, e);

	if (r == 0)
		r = whole_path(folder, data, e);
	if (r < 0)
		return r;
	r = run_tar(argv, e);
	if (r == 0)
		r = verify(data, &sum, e);
	if (r < 0) {
		(void)fs_remove_tree(data);
		return err_wrap(e, "%s is not restored", from);
	}
	printf("vitrine: %zu files, %s, are restored in %s, each as its SHA-256 says\n", sum.files,
		size_text(sum.bytes, size), data);
	return 0;
}

static int run(int argc, char **argv, const char *usage,
	int (*fn)(const char *data, const char *file, struct err *e))
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'}, {0}};
	const char *data = default_data_dir();
	struct err e = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt != 'd')
			return 2;
		data = optarg;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: vitrine %s\n", usage);
		return 2;
	}
	if (fn(data, argv[optind], &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	return 0;
}

int cmd_backup(int argc, char **argv)
{
	return run(argc, argv, "backup [--data DIR] FILE|DIR", back_up);
}

int cmd_restore(int argc, char **argv)
{
	return run(argc, argv, "restore [--data DIR] FILE", restore);
}
