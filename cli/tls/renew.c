#include "cli/tls/renew.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/client.h"
#include "cli/tls/ca.h"
#include "cli/tls/certs.h"
#include "cli/tls/order.h"
#include "tls/cert.h"

#define ORDERS_MAX 16 /* in one run; the others have the next */

struct run {
	const struct layout *layout;
	struct acme acme; /* as this run found it, and what has become of it */
	struct acme kept; /* what is in the file now */
	struct order_place place;
	bool ready; /* place is open */
	bool now;
	int64_t now_sec;
	int orders, missing;
};

static const char *write_time(int64_t sec, char ret[32])
{
	time_t at = (time_t)sec;
	struct tm tm;

	*ret = '\0';
	if (gmtime_r(&at, &tm))
		(void)strftime(ret, 32, "%Y-%m-%d %H:%M UTC", &tm);
	return ret;
}

/* --- which hosts --- */

/* Custom domains, of which the orchestrator has seen that they are this platform's. What it knew
 * last goes on while it does not answer. */
static int ask_for_domains(struct run *r, struct err *e)
{
	const struct client_options options = {.data = r->layout->data};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *list = NULL;
	struct err silent = {0};
	int out;

	if (client_new(&options, &c, &silent) < 0 ||
		client_request(c, "GET", "/api/domains", NULL, &list, &silent) < 0 ||
		!json_is_array(list))
		return 0;
	out = acme_want_custom(r->layout, list, &r->acme, e);
	if (out > 0)
		log_warn("%d custom domains get no certificate: %d are ordered for, and %d for one "
			 "owner",
			out, ACME_CUSTOM_MAX, ACME_OWNER_MAX);
	return out < 0 ? out : 0;
}

/* Only how it stands: what is wanted may have changed since it was loaded. */
static int save(struct run *r, struct err *e)
{
	return acme_note(r->layout, &r->acme, &r->kept, e);
}

/* --- one host --- */

/* Whether its certificate is missing or soon over; until_sec says when that is. */
static bool is_due(const struct run *r, struct acme_host *h)
{
	CLEANUP(cert_freep) struct cert *c = NULL;
	CLEANUP(buf_done) struct buf pem;
	char dir[LAYOUT_PATH + 32], path[LAYOUT_PATH + 128], name[64];
	struct err e = {0};

	h->until_sec = 0;
	buf_init(&pem, CERT_PEM_MAX);
	certs_dir(r->layout, dir);
	acme_cert_name(h->name, name);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	if (fs_read(AT_FDCWD, path, &pem, &e) == 0 && cert_read(pem.data, pem.len, &c, &e) == 0)
		h->until_sec = c->not_after_sec;
	if (pem.data)
		explicit_bzero(pem.data, pem.cap);
	return !c || r->now_sec < c->not_before_sec ||
	       r->now_sec >= acme_renew_at_sec(c->not_before_sec, c->not_after_sec);
}

static int order(struct run *r, struct acme_host *h, struct err *e)
{
	int code;

	if (!r->ready) {
		code = order_prepare(r->layout, &r->place, e);
		if (code < 0)
			return code;
		r->ready = true;
	}
	code = order_account(&r->place, &r->acme, e);
	if (code == 0)
		code = order_cert(&r->place, r->layout, &r->acme, h->name, e);
	if (code != -ENOKEY)
		return code;
	/* It has forgotten us, as those for tests do. */
	*r->acme.account = '\0';
	code = order_account(&r->place, &r->acme, e);
	return code == 0 ? order_cert(&r->place, r->layout, &r->acme, h->name, e) : code;
}

/* What is to be said and when the next try is; a kill in the middle counts as a failure, too. */
static void note_failure(struct run *r, struct acme_host *h, const char *words)
{
	h->tried_sec = r->now_sec;
	h->next_sec = r->now_sec + acme_wait_sec(h->failures);
	if (words != h->words)
		(void)snprintf(h->words, sizeof(h->words), "%.*s", ACME_WORDS_MAX - 1, words);
}

static int try_host(struct run *r, struct acme_host *h)
{
	struct err e = {0};
	char next[32];
	int code;

	r->orders++;
	if (h->failures < 100)
		h->failures++;
	note_failure(r, h, h->words);
	code = save(r, &e);
	if (code == 0)
		code = order(r, h, &e);
	if (code == 0) {
		h->failures = 0;
		*h->words = '\0';
		/* Nobody orders without an end when this machine's clock is wrong. */
		h->next_sec = r->now_sec + ACME_WAIT_SEC;
		if (is_due(r, h)) {
			h->next_sec = r->now_sec + ACME_WAIT_MAX_SEC;
			log_warn("host=%s its new certificate is not of this time: is the clock "
				 "right?",
				h->name);
		}
		log_info("host=%s has a certificate until %s", h->name,
			write_time(h->until_sec, next));
		return 0;
	}
	note_failure(r, h, e.text);
	log_error("host=%s got no certificate: %s; next try %s%s", h->name, h->words,
		write_time(h->next_sec, next), h->until_sec ? "; the one before goes on" : "");
	return code;
}

/* The others need not try what cannot be reached, or is not installed. */
static void put_off(struct run *r, size_t from, const struct acme_host *failed)
{
	for (size_t i = from; i < r->acme.n; i++) {
		struct acme_host *h = &r->acme.hosts[i];

		if (!is_due(r, h))
			continue;
		r->missing++;
		if (h->next_sec < failed->next_sec)
			h->next_sec = failed->next_sec;
		memcpy(h->words, failed->words, sizeof(h->words));
	}
}

static void look_at_hosts(struct run *r)
{
	for (size_t i = 0; i < r->acme.n; i++) {
		struct acme_host *h = &r->acme.hosts[i];
		int code;

		if (!is_due(r, h))
			continue;
		if (r->orders >= ORDERS_MAX ||
			(!r->now && r->now_sec < h->next_sec &&
				h->next_sec < r->now_sec + 2 * ACME_WAIT_MAX_SEC)) {
			r->missing++;
			continue;
		}
		code = try_host(r, h);
		if (code < 0)
			r->missing++;
		if (code == -EHOSTUNREACH || code == -ENOENT) {
			put_off(r, i + 1, h);
			return;
		}
	}
}

/* --- all of it --- */

/* -ENOENT: there is no folder yet, so nothing was asked for. */
static int take_lock(const struct layout *l, int *ret, struct err *e)
{
	char path[LAYOUT_PATH + 32];

	(void)snprintf(path, sizeof(path), "%s/acme", l->data);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	/* Another one that is at it ends within minutes, and leaves less to do. */
	while (flock(*ret, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_set(e, -errno, "cannot lock %s: %s", path, strerror(errno));
	return 0;
}

static int renew_locked(struct run *r, struct err *e)
{
	int code = acme_load(r->layout, &r->acme, e);

	if (code == -ENOENT) {
		*e = (struct err){0};
		return 0;
	}
	if (code < 0)
		return code;
	code = ask_for_domains(r, e);
	if (code < 0)
		return code;
	look_at_hosts(r);
	if (r->ready)
		order_done(&r->place);
	code = save(r, e);
	if (code == 0)
		acme_remove_certs(r->layout, &r->kept);
	return code < 0 ? code : r->missing;
}

int renew_all(const struct layout *l, bool now, struct err *e)
{
	CLEANUP(freep) struct run *r = calloc(1, sizeof(*r));
	CLEANUP(closep) int lock = -1;
	int code, own;

	if (!r)
		return err_set(e, -ENOMEM, "out of memory");
	r->layout = l;
	r->now = now;
	r->now_sec = (int64_t)(clock_wall_usec() / USEC_PER_SEC);
	own = ca_renew(l, e);
	if (own < 0)
		log_error("of the platform's own authority: %s", e->text);
	*e = (struct err){0};
	code = take_lock(l, &lock, e);
	if (code == -ENOENT) {
		*e = (struct err){0};
		return own < 0;
	}
	if (code == 0)
		code = renew_locked(r, e);
	return code < 0 ? code : code + (own < 0);
}
