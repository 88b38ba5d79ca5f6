#include "cli/host/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/command.h"

static const struct {
	const char *name;
	uid_t uid;
	mode_t mode;
} folders[] = {
	{"orchestrator", UID_ORCHESTRATOR, 0700},
	{"gateway", UID_GATEWAY, 0700},
	{"agent", UID_AGENT, 0700},
	{"tls", UID_TLS, 0700},
	{"acme", 0, 0711},
	{"acme/account", UID_ACME, 0700},
	{"models", 0, 0755},
	{"served", UID_ORCHESTRATOR, 0755}, /* for inference, and no secret: public models */
	{"inference", UID_INFERENCE, 0700},
	{"run", 0, 0711},
	{"run/tls", 0, 0755},
	{"run/tls/challenges", UID_ACME, 0755},
};

void layout_init(struct layout *l)
{
	char self[LAYOUT_PATH - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	*l = (struct layout){.root = geteuid() == 0, .lock = -1};
	self[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');

		if (slash)
			*slash = '\0';
		if (up == 0)
			(void)snprintf(l->bin, LAYOUT_PATH, "%s", self);
	}
	(void)snprintf(l->ui, LAYOUT_PATH, "%s/ui", self);
	(void)snprintf(l->models, LAYOUT_PATH, "%s/../models", self);
	(void)snprintf(l->templates, LAYOUT_PATH, "%s/../templates", self);
	if (!strcmp(l->bin, VITRINE_BIN_DIR)) {
		(void)snprintf(l->bin, LAYOUT_PATH, "%s", VITRINE_LIBEXEC_DIR);
		(void)snprintf(l->ui, LAYOUT_PATH, "%s/ui", VITRINE_SHARE_DIR);
		(void)snprintf(l->models, LAYOUT_PATH, "%s/models", VITRINE_SHARE_DIR);
		(void)snprintf(l->templates, LAYOUT_PATH, "%s/templates", VITRINE_SHARE_DIR);
	}
	(void)snprintf(l->data, LAYOUT_PATH, "%s", default_data_dir());
}

static int make_folder(const struct layout *l, size_t i, struct err *e)
{
	char path[LAYOUT_PATH + 32];
	uid_t uid = folders[i].uid;

	(void)snprintf(path, sizeof(path), "%s/%s", l->data, folders[i].name);
	if (mkdir(path, folders[i].mode) < 0 && errno != EEXIST)
		return err_set(e, -errno, "cannot create %s: %s", path, strerror(errno));
	if (chmod(path, folders[i].mode) < 0)
		return err_set(e, -errno, "cannot set the mode of %s: %s", path, strerror(errno));
	if (l->root && chown(path, uid, uid) < 0)
		return err_set(
			e, -errno, "cannot give %s to uid %u: %s", path, uid, strerror(errno));
	return 0;
}

static int check_folder(const struct layout *l, size_t i, uid_t owner, struct err *e)
{
	uid_t uid = owner == 0 ? folders[i].uid : owner;
	char path[LAYOUT_PATH + 32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", l->data, folders[i].name);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(e, -EPERM, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != uid || (st.st_mode & 07777) != folders[i].mode)
		return err_set(e, -EPERM, "%s is not a folder of uid %u with mode %04o", path, uid,
			folders[i].mode);
	return 0;
}

int layout_check(const struct layout *l, struct err *e)
{
	struct stat st;
	int r = 0;

	if (stat(l->data, &st) < 0)
		return err_set(e, -errno, "%s: %s", l->data, strerror(errno));
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, -EPERM, "%s can be written by others than its owner", l->data);
	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		r = check_folder(l, i, st.st_uid, e);
	return r;
}

static int take_lock(struct layout *l, struct err *e)
{
	char path[LAYOUT_PATH + 32];

	(void)snprintf(path, sizeof(path), "%s/run/lock", l->data);
	l->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	if (flock(l->lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, -EBUSY, "a platform runs in %s already", l->data);
	return 0;
}

static int absolute(char path[LAYOUT_PATH], struct err *e)
{
	char full[PATH_MAX];

	if (!realpath(path, full))
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (strlen(full) >= LAYOUT_PATH)
		return err_set(
			e, -ENAMETOOLONG, "path is over %d bytes: %s", LAYOUT_PATH - 1, full);
	memcpy(path, full, strlen(full) + 1);
	return 0;
}

static int bind_folder(const char *from, const char *base, const char *name, char ret[LAYOUT_PATH])
{
	(void)snprintf(ret, LAYOUT_PATH, "%s/%s", base, name);
	if (mkdir(ret, 0755) < 0 && errno != EEXIST)
		return -errno;
	return mount(from, ret, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static void use_paths_as_they_are(struct layout *l)
{
	memcpy(l->svc_data, l->data, LAYOUT_PATH);
	memcpy(l->svc_bin, l->bin, LAYOUT_PATH);
	memcpy(l->svc_ui, l->ui, LAYOUT_PATH);
	memcpy(l->svc_models, l->models, LAYOUT_PATH);
}

/* In a mount namespace of our own, so the host sees none of it and nothing is left to undo:
 * mount_namespaces(7). */
static int make_reachable(struct layout *l)
{
	static const char base[] = "/run/vitrine";

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mkdir(base, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (mount("vitrine", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0)
		return -errno;
	if (bind_folder(l->data, base, "data", l->svc_data) < 0 ||
		bind_folder(l->bin, base, "bin", l->svc_bin) < 0 ||
		bind_folder(l->ui, base, "ui", l->svc_ui) < 0 ||
		bind_folder(l->models, base, "models", l->svc_models) < 0)
		return -EIO;
	return 0;
}

int layout_prepare(struct layout *l, struct err *e)
{
	int r = fs_mkdirs(l->data, 0711, e);

	if (r == 0)
		r = absolute(l->data, e);
	if (r == 0)
		r = absolute(l->bin, e);
	if (r == 0)
		r = absolute(l->ui, e);
	if (r == 0)
		r = absolute(l->models, e);
	/* Services reach their own folders below it and can list nothing. */
	if (r == 0 && l->root && chmod(l->data, 0711) < 0)
		r = err_set(e, -errno, "cannot set the mode of %s: %s", l->data, strerror(errno));
	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		r = make_folder(l, i, e);
	if (r == 0)
		r = take_lock(l, e);
	if (r < 0)
		return r;

	use_paths_as_they_are(l);
	if (l->root && make_reachable(l) < 0) {
		log_warn(
			"no private mount namespace here: every folder above %s, %s and %s must be "
			"open to other users",
			l->data, l->bin, l->models);
		use_paths_as_they_are(l);
	}
	if (snprintf(l->run, sizeof(l->run), "%s/run", l->svc_data) >= (int)sizeof(l->run))
		return err_set(e, -ENAMETOOLONG, "path is too long: %s", l->svc_data);
	return 0;
}
