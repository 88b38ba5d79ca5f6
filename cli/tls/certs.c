#include "cli/tls/certs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "tls/cert.h"

void certs_dir(const struct layout *l, char ret[LAYOUT_PATH + 32])
{
	(void)snprintf(ret, LAYOUT_PATH + 32, "%s/tls/certs", l->data);
}

int certs_check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && (i == 0 || !strchr("-_.", name[i])))
			n = 0;
	return n > 0 && n < CERTS_NAME_MAX ? 0
					   : err_set(e, -EINVAL,
						     "'%.64s' is no name of a certificate: "
						     "letters, digits, -, _ and ., at "
						     "most %d",
						     name, CERTS_NAME_MAX - 1);
}

static int give(const struct layout *l, const char *path, struct err *e)
{
	if (l->root && lchown(path, UID_TLS, UID_TLS) < 0)
		return err_set(
			e, -errno, "cannot give %s to vitrine-tls: %s", path, strerror(errno));
	return 0;
}

static int make_dirs(const struct layout *l, char dir[LAYOUT_PATH + 32], struct err *e)
{
	char parent[LAYOUT_PATH + 32];
	int r;

	certs_dir(l, dir);
	(void)snprintf(parent, sizeof(parent), "%s/tls", l->data);
	r = fs_mkdirs(dir, 0700, e);
	if (r == 0)
		r = give(l, parent, e);
	return r == 0 ? give(l, dir, e) : r;
}

/* Under another name first: vitrine-tls looks as soon as there is one that it knows. */
static int write_whole(
	const struct layout *l, const char *name, const void *pem, size_t n, struct err *e)
{
	char dir[LAYOUT_PATH + 32], temp[LAYOUT_PATH + 128], path[LAYOUT_PATH + 128];
	CLEANUP(closep) int fd = -1;
	int r = make_dirs(l, dir, e);

	if (r < 0)
		return r;
	(void)snprintf(temp, sizeof(temp), "%s/.new-%s", dir, name);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	(void)unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, -errno, "cannot write %s: %s", temp, strerror(errno));
	r = fs_write_all(fd, pem, n);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && l->root && fchown(fd, UID_TLS, UID_TLS) < 0)
		r = -errno;
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temp);
	return r < 0 ? err_set(e, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int certs_put(const struct layout *l, const char *name, const void *pem, size_t n, char *ret_host,
	struct err *e)
{
	CLEANUP(cert_freep) struct cert *c = NULL;
	int r = certs_check_name(name, e);

	if (r == 0)
		r = cert_read(pem, n, &c, e);
	if (r == 0)
		r = cert_check_time(c, (int64_t)(clock_wall_usec() / USEC_PER_SEC), e);
	if (r == 0)
		r = write_whole(l, name, pem, n, e);
	if (r == 0 && ret_host)
		(void)snprintf(ret_host, CERT_NAME_MAX, "%s", c->names[0]);
	return r;
}

int certs_put_files(const struct layout *l, const char *name, const char *cert_path,
	const char *key_path, char *ret_host, struct err *e)
{
	CLEANUP(buf_done) struct buf pem;
	int r;

	buf_init(&pem, CERT_PEM_MAX);
	r = fs_read(AT_FDCWD, cert_path, &pem, e);
	if (r == 0 && strcmp(cert_path, key_path) != 0) {
		r = buf_add_str(&pem, "\n");
		if (r == 0)
			r = fs_read(AT_FDCWD, key_path, &pem, e);
	}
	if (r < 0)
		return e->code ? r : err_set(e, r, "%s: %s", cert_path, strerror(-r));
	r = certs_put(l, name, pem.data, pem.len, ret_host, e);
	if (pem.data)
		explicit_bzero(pem.data, pem.cap);
	return r < 0 ? err_wrap(e, "%s", cert_path) : 0;
}

int certs_remove(const struct layout *l, const char *name, struct err *e)
{
	char dir[LAYOUT_PATH + 32], path[LAYOUT_PATH + 128];

	certs_dir(l, dir);
	(void)snprintf(path, sizeof(path), "%s/%.*s.pem", dir, CERTS_NAME_MAX, name);
	if (unlink(path) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int certs_clear(const struct layout *l, const char *prefix, struct err *e)
{
	char dir[LAYOUT_PATH + 32];
	const struct dirent *d;
	DIR *all;
	int r = 0;

	certs_dir(l, dir);
	all = opendir(dir);
	if (!all)
		return errno == ENOENT ? 0 : err_set(e, -errno, "%s: %s", dir, strerror(errno));
	while (r == 0 && (d = readdir(all)))
		if (!strncmp(d->d_name, prefix, strlen(prefix)) &&
			unlinkat(dirfd(all), d->d_name, 0) < 0)
			r = err_set(e, -errno, "%s/%s: %s", dir, d->d_name, strerror(errno));
	(void)closedir(all);
	return r;
}

bool certs_any(const struct layout *l)
{
	char dir[LAYOUT_PATH + 32];
	const struct dirent *d;
	bool found = false;
	DIR *all;

	certs_dir(l, dir);
	all = opendir(dir);
	while (all && !found && (d = readdir(all)))
		found = d->d_name[0] != '.';
	if (all)
		(void)closedir(all);
	return found;
}
