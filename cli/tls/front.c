#include "cli/tls/front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/tls/certs.h"

#define OWN_LOOK_USEC (3600 * USEC_PER_SEC)

bool front_wanted(const struct front *f)
{
	return f->n_files > 0 || f->own_ca || f->acme.n > 0;
}

int front_add(struct front *f, const char *text, struct err *e)
{
	const char *comma = strchr(text, ',');
	struct front_files *one = &f->files[f->n_files];

	if (f->n_files == FRONT_FILES_MAX)
		return err_set(e, -E2BIG, "--tls: over %d certificates", FRONT_FILES_MAX);
	if (!comma || comma == text || !comma[1] || (size_t)(comma - text) >= LAYOUT_PATH ||
		strlen(comma + 1) >= LAYOUT_PATH)
		return err_set(e, -EINVAL,
			"--tls: takes the files of a certificate and of its key, like "
			"/etc/ssl/demo.pem,/etc/ssl/demo.key (got '%.64s')",
			text);
	(void)snprintf(one->cert, LAYOUT_PATH, "%.*s", (int)(comma - text), text);
	(void)snprintf(one->key, LAYOUT_PATH, "%s", comma + 1);
	f->n_files++;
	return 0;
}

static void name_of(size_t i, char ret[32])
{
	(void)snprintf(ret, 32, "files-%02zu", i);
}

static int put(struct front *f, size_t i, const struct layout *l, char ret_host[FRONT_HOST_MAX],
	struct err *e)
{
	struct front_files *one = &f->files[i];
	struct stat cert, key;
	char name[32];
	int r;

	if (stat(one->cert, &cert) < 0)
		return err_set(e, -errno, "%s: %s", one->cert, strerror(errno));
	if (stat(one->key, &key) < 0)
		return err_set(e, -errno, "%s: %s", one->key, strerror(errno));
	name_of(i, name);
	/* Also when it fails: it is said once, and again after the next change. */
	one->seen[0] = cert;
	one->seen[1] = key;
	r = certs_put_files(l, name, one->cert, one->key, ret_host, e);
	return r;
}

static int prepare_own(struct front *f, const struct layout *l, struct err *e)
{
	char path[LAYOUT_PATH + 32];
	int r = f->host ? ca_names_add(&f->names, f->host, e) : 0;

	for (size_t i = 0; r == 0 && i < f->acme.n && f->names.n < CA_NAMES_MAX; i++)
		r = ca_names_add(&f->names, f->acme.hosts[i].name, e);
	if (r == 0)
		r = ca_names_add_own(&f->names, e);
	if (r == 0)
		r = ca_prepare(l, path, e);
	if (r == 0 && ca_is_due(l, &f->names))
		r = ca_issue(l, &f->names, e);
	if (r == 0 && f->own_ca)
		log_info("--tls-ca: those who are to trust this platform need %s", path);
	return r;
}

/* Until the authority has given what it is asked for, one of our own serves. */
static int prepare_acme(
	struct front *f, const struct layout *l, char ret_host[FRONT_HOST_MAX], struct err *e)
{
	if (!*ret_host)
		(void)snprintf(ret_host, FRONT_HOST_MAX, "%s", f->acme.hosts[0].name);
	return acme_want(l, &f->acme, e);
}

/* What an earlier start ordered. This one serves without it, and does so all the same. */
static void drop_acme(const struct front *f, const struct layout *l)
{
	struct err e = {0};

	if (acme_want(l, &f->acme, &e) < 0)
		log_warn("certificates of an authority, ordered before, stay: %s", e.text);
}

int front_prepare(
	struct front *f, const struct layout *l, char ret_host[FRONT_HOST_MAX], struct err *e)
{
	int r = certs_clear(l, "files-", e);

	ret_host[0] = '\0';
	for (size_t i = 0; r == 0 && i < f->n_files; i++) {
		char host[FRONT_HOST_MAX];

		r = put(f, i, l, host, e);
		if (r == 0 && i == 0)
			(void)snprintf(ret_host, FRONT_HOST_MAX, "%s", host);
	}
	if (r == 0 && (f->own_ca || f->acme.n > 0))
		r = prepare_own(f, l, e);
	if (r == 0 && f->acme.n > 0)
		r = prepare_acme(f, l, ret_host, e);
	else if (r == 0)
		drop_acme(f, l);
	if (r == 0 && f->host)
		(void)snprintf(ret_host, FRONT_HOST_MAX, "%s", f->host);
	return r;
}

static bool has_changed(const char *path, const struct stat *seen)
{
	struct stat now;

	/* While it is away somebody is about to put another one there. */
	return stat(path, &now) == 0 &&
	       (now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
		       now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
		       now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec);
}

static void look_at_own(struct front *f, const struct layout *l)
{
	uint64_t now = clock_mono_usec();
	struct err e = {0};

	if (now - f->looked_usec < OWN_LOOK_USEC)
		return;
	f->looked_usec = now;
	if (ca_is_due(l, &f->names) && ca_issue(l, &f->names, &e) < 0)
		log_error("--tls-ca: %s", e.text);
}

void front_look(struct front *f, const struct layout *l)
{
	if (f->own_ca || f->acme.n > 0)
		look_at_own(f, l);
	for (size_t i = 0; i < f->n_files; i++) {
		char host[FRONT_HOST_MAX];
		struct err e = {0};

		if (!has_changed(f->files[i].cert, &f->files[i].seen[0]) &&
			!has_changed(f->files[i].key, &f->files[i].seen[1]))
			continue;
		if (put(f, i, l, host, &e) < 0)
			log_error("--tls: %s; the certificate stays as it was", e.text);
		else
			log_info("--tls: took %s anew", f->files[i].cert);
	}
}
