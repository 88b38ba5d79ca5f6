/*
 * vitrine backup, vitrine restore: the data folder as one file, and the key of its secrets as
 * another. A snapshot is what is packed, so the platform may run.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/spawn.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/host/backup_keep.h"
#include "cli/host/manifest.h"
#include "cli/host/sizes.h"
#include "cli/host/snapshot.h"

#define PATH_LONG 4096
#define INSIDE_LONG (PATH_LONG + 64) /* of one of the few paths below the folder */
#define TAR "/usr/bin/tar"
#define KEY_ENDING ".secrets-key"
#define KEY_MAX 4096

struct options {
	const char *data;
	const char *key; /* NULL: beside the archive */
	bool without_secrets;
	unsigned int keep; /* of a folder's backups; 0: all */
};

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

static int check_data(const char *data, struct err *e)
{
	char path[INSIDE_LONG];

	(void)snprintf(path, sizeof(path), "%s/orchestrator", data);
	if (access(path, R_OK | X_OK) < 0)
		return err_set(e, -errno, "%s: %s", path,
			errno == ENOENT ? "no platform has been started there" : strerror(errno));
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
		"--exclude=./" MANIFEST_SERVED_UNITS, "--exclude=./" MANIFEST_SNAPSHOT,
		"--exclude=./" MANIFEST_KEY, "-C", (char *)list_dir, MANIFEST_NAME, "-C",
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

/* The key of secrets, in a file of its own: whoever finds the other one cannot read them. */
static int keep_key(const char *data, const char *name, struct err *e)
{
	CLEANUP(buf_done) struct buf key;
	char from[INSIDE_LONG], to[PATH_LONG + sizeof(KEY_ENDING)];
	int r;

	buf_init(&key, KEY_MAX);
	(void)snprintf(from, sizeof(from), "%s/" MANIFEST_KEY, data);
	(void)snprintf(to, sizeof(to), "%s" KEY_ENDING, name);
	r = fs_read(AT_FDCWD, from, &key, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = fs_write_durable(AT_FDCWD, to, key.data, key.len, 0600, e);
	if (r == 0)
		printf("vitrine: the key of secrets is in %s; keep it elsewhere\n", to);
	return r;
}

/* dir: a snapshot of the data folder. */
static int pack(const char *dir, const char *name, struct err *e)
{
	CLEANUP(buf_done) struct buf list;
	char list_dir[] = "/tmp/vitrine-backup-XXXXXX", path[64], size[32];
	struct manifest_sum sum;
	int r;

	buf_init(&list, MANIFEST_MAX);
	r = manifest_write(dir, &list, &sum, e);
	if (r < 0)
		return r;
	if (!mkdtemp(list_dir))
		return err_set(e, -errno, "%s: %s", list_dir, strerror(errno));
	(void)snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, list_dir);
	r = fs_write_durable(AT_FDCWD, path, list.data, list.len, 0600, e);
	if (r == 0)
		r = write_archive(dir, list_dir, name, e);
	(void)fs_remove_tree(list_dir);
	if (r == 0)
		printf("vitrine: %zu files, %s, are backed up in %s\n", sum.files,
			size_text(sum.bytes, size), name);
	return r;
}

/* Also of a platform that does not run: whether it does can change while it is packed. */
static int pack_snapshot(const char *data, const char *name, struct err *e)
{
	char dir[SNAPSHOT_PATH_MAX];
	int lock, r = snapshot_take(data, dir, &lock, e);

	if (r < 0)
		return r;
	r = pack(dir, name, e);
	snapshot_drop(data, lock);
	return r;
}

static int back_up(const char *folder, const char *where, const struct options *o, struct err *e)
{
	char data[PATH_LONG], name[PATH_LONG];
	int r = whole_path(folder, data, e);
	struct stat st;

	if (r == 0 && o->keep && (stat(where, &st) < 0 || !S_ISDIR(st.st_mode)))
		r = err_set(e, -EINVAL, "--keep is for a folder, and %s is none", where);
	if (r == 0)
		r = check_data(data, e);
	if (r == 0)
		r = name_of(where, name, e);
	if (r == 0)
		r = pack_snapshot(data, name, e);
	if (r == 0)
		r = keep_key(data, name, e);
	return r == 0 && o->keep
		       ? backup_keep(where, o->keep, strrchr(name, '/') + 1, KEY_ENDING, e)
		       : r;
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

/* The archive's list is its first file, so that nothing else has to be read for it. */
static int read_list(const char *from, struct buf *list, struct err *e)
{
	char dir[] = "/tmp/vitrine-restore-XXXXXX", path[64];
	char *argv[] = {"tar", "--extract", "--file", (char *)from, "--force-local",
		"--occurrence=1", "-C", dir, MANIFEST_NAME, NULL};
	int r;

	if (!mkdtemp(dir))
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	r = run_tar(argv, e);
	(void)snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, dir);
	if (r == 0)
		r = fs_read(AT_FDCWD, path, list, e);
	(void)fs_remove_tree(dir);
	return r < 0 ? err_wrap(e, "%s is not restored", from) : 0;
}

/* The key of the archive's secrets, if it has any and they are wanted. */
static int find_key(const char *from, const struct options *o, struct buf *key, struct err *e)
{
	CLEANUP(buf_done) struct buf list;
	char beside[PATH_LONG + sizeof(KEY_ENDING)], want[SHA256_HEX + 1], have[SHA256_HEX + 1];
	int r;

	buf_init(&list, MANIFEST_MAX);
	r = read_list(from, &list, e);
	if (r == 0)
		r = manifest_key(buf_str(&list), list.len, want, e);
	if (r < 0 || !want[0] || o->without_secrets)
		return r;
	(void)snprintf(beside, sizeof(beside), "%.*s" KEY_ENDING, PATH_LONG - 1, from);
	r = fs_read(AT_FDCWD, o->key ? o->key : beside, key, e);
	if (r == -ENOENT)
		return err_set(e, r,
			"%s is missing: name the key of secrets with --secrets-key FILE, or do "
			"--without-secrets",
			o->key ? o->key : beside);
	sha256_hex(key->data, key->len, have);
	return r == 0 && strcmp(have, want) != 0
		       ? err_set(e, -EBADMSG, "%s is the key of another backup",
				 o->key ? o->key : beside)
		       : r;
}

/* It belongs to whom the folder belongs to. */
static int put_key(const char *data, const struct buf *key, struct err *e)
{
	char path[INSIDE_LONG], folder[INSIDE_LONG];
	struct stat st;
	int r;

	if (!key->len)
		return 0;
	(void)snprintf(folder, sizeof(folder), "%s/orchestrator", data);
	(void)snprintf(path, sizeof(path), "%s/" MANIFEST_KEY, data);
	r = fs_write_durable(AT_FDCWD, path, key->data, key->len, 0600, e);
	if (r == 0 && (stat(folder, &st) < 0 || chown(path, st.st_uid, st.st_gid) < 0))
		r = err_set(e, -errno, "%s: %s", path, strerror(errno));
	return r;
}

static int restore(const char *folder, const char *from, const struct options *o, struct err *e)
{
	CLEANUP(buf_done) struct buf key;
	char data[PATH_LONG];
	char *argv[] = {"tar", "--extract", "--file", (char *)from, "--force-local",
		"--numeric-owner", "--same-permissions", "-C", data, NULL};
	struct manifest_sum sum;
	char size[32];
	int r = access(from, R_OK) < 0 ? err_set(e, -errno, "%s: %s", from, strerror(errno)) : 0;

	buf_init(&key, KEY_MAX);
	if (r == 0)
		r = find_key(from, o, &key, e);
	if (r == 0)
		r = make_empty(folder, e);
	if (r == 0)
		r = whole_path(folder, data, e);
	if (r < 0)
		return r;
	r = run_tar(argv, e);
	if (r == 0)
		r = verify(data, &sum, e);
	if (r == 0)
		r = put_key(data, &key, e);
	if (r < 0) {
		(void)fs_remove_tree(data);
		return err_wrap(e, "%s is not restored", from);
	}
	printf("vitrine: %zu files, %s, are restored in %s, each as its SHA-256 says\n", sum.files,
		size_text(sum.bytes, size), data);
	return 0;
}

static int run(int argc, char **argv, const char *usage,
	int (*fn)(const char *data, const char *file, const struct options *o, struct err *e))
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'},
		{"secrets-key", required_argument, NULL, 'k'},
		{"without-secrets", no_argument, NULL, 'w'}, {"keep", required_argument, NULL, 'n'},
		{0}};
	struct options o = {.data = default_data_dir()};
	struct err e = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'd')
			o.data = optarg;
		else if (opt == 'n' && fn == back_up) {
			if (backup_keep_parse(optarg, &o.keep, &e) < 0) {
				fprintf(stderr, "vitrine: %s\n", e.text);
				return 2;
			}
		} else if (opt == 'k' && fn == restore)
			o.key = optarg;
		else if (opt == 'w' && fn == restore)
			o.without_secrets = true;
		else
			optind = argc;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: vitrine %s\n", usage);
		return 2;
	}
	if (fn(o.data, argv[optind], &o, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	return 0;
}

int cmd_backup(int argc, char **argv)
{
	return run(argc, argv, "backup [--data DIR] [--keep N] FILE|DIR", back_up);
}

int cmd_restore(int argc, char **argv)
{
	return run(argc, argv, "restore [--data DIR] [--secrets-key FILE | --without-secrets] FILE",
		restore);
}
