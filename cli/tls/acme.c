#include "cli/tls/acme.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/tls/certs.h"

#define FILE_MAX (1u << 20)
#define LOOK_MSEC 20 /* at the lock */

/* --- names --- */

static bool is_host(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' &&
			(name[i] != '.' || i == 0 || name[i - 1] == '.'))
			return false;
	return n > 0 && n < ACME_HOST_MAX && name[n - 1] != '.' && strspn(name, "0123456789.") != n;
}

struct acme_host *acme_find(struct acme *a, const char *host)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcasecmp(a->hosts[i].name, host))
			return &a->hosts[i];
	return NULL;
}

static size_t count_custom(const struct acme *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->hosts[i].custom;
	return n;
}

/* The last custom one goes, if there is any. */
static void make_room(struct acme *a)
{
	for (size_t i = a->n; i-- > 0;)
		if (a->hosts[i].custom) {
			acme_remove(a, i);
			return;
		}
}

int acme_add(struct acme *a, const char *host, bool custom, struct err *e)
{
	struct acme_host *h = acme_find(a, host);

	if (h) {
		h->custom = h->custom && custom;
		return 0;
	}
	if (!is_host(host))
		return err_set(e, -EINVAL,
			"'%.64s' is no host that an authority gives a certificate for: a whole "
			"name, like demo.example.org",
			host);
	if (custom && count_custom(a) >= ACME_CUSTOM_MAX)
		return err_set(e, -E2BIG, "over %d custom domains", ACME_CUSTOM_MAX);
	if (a->n == ACME_HOSTS_MAX && !custom)
		make_room(a);
	if (a->n == ACME_HOSTS_MAX)
		return err_set(e, -E2BIG, "over %d hosts", ACME_HOSTS_MAX);
	h = &a->hosts[a->n++];
	*h = (struct acme_host){.custom = custom};
	for (size_t i = 0; host[i]; i++)
		h->name[i] = (char)tolower((unsigned char)host[i]);
	return 0;
}

void acme_remove(struct acme *a, size_t i)
{
	memmove(&a->hosts[i], &a->hosts[i + 1], (a->n - i - 1) * sizeof(a->hosts[0]));
	a->n--;
}

static size_t owner_length(const json_t *domain)
{
	const char *space = json_string_value(json_object_get(domain, "space"));

	return space ? strcspn(space, "/") : 0;
}

/* Whether so many domains of its owner stand before it in the list that it has to wait. */
static bool is_over(const json_t *list, size_t at)
{
	const json_t *one = json_array_get(list, at);
	size_t n = owner_length(one), before = 0;

	for (size_t i = 0; i < at && before < ACME_OWNER_MAX; i++) {
		const json_t *other = json_array_get(list, i);

		before +=
			owner_length(other) == n &&
			(n == 0 || !strncmp(json_string_value(json_object_get(one, "space")),
					   json_string_value(json_object_get(other, "space")), n));
	}
	return before == ACME_OWNER_MAX;
}

static bool is_listed(const json_t *list, const char *host)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "domain"));

		if (name && !strcasecmp(name, host))
			return !is_over(list, i);
	}
	return false;
}

size_t acme_set_custom(struct acme *a, const json_t *list)
{
	size_t out = 0, i;
	const json_t *one;

	for (i = a->n; i-- > 0;)
		if (a->hosts[i].custom && !is_listed(list, a->hosts[i].name))
			acme_remove(a, i);
	json_array_foreach(list, i, one)
	{
		const char *host = json_string_value(json_object_get(one, "domain"));

		out += !host || is_over(list, i) || acme_add(a, host, true, &(struct err){0}) < 0;
	}
	return out;
}

void acme_cert_name(const char *host, char ret[64])
{
	char hash[SHA256_HEX + 1];

	if (snprintf(ret, 64, ACME_PREFIX "%s", host) < 64)
		return;
	sha256_hex(host, strlen(host), hash);
	(void)snprintf(ret, 64, ACME_PREFIX "%.40s-%.12s", host, hash);
}

bool acme_has_cert(const struct acme *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		char its[64];

		acme_cert_name(a->hosts[i].name, its);
		if (!strcmp(its, name))
			return true;
	}
	return false;
}

void acme_remove_certs(const struct layout *l, const struct acme *a)
{
	static const char end[] = ".pem";
	char dir[LAYOUT_PATH + 32];
	const struct dirent *d;
	DIR *all;

	certs_dir(l, dir);
	all = opendir(dir);
	while (all && (d = readdir(all))) {
		size_t n = strlen(d->d_name);
		char name[64];

		if (n <= strlen(end) || strcmp(d->d_name + n - strlen(end), end) != 0 ||
			strncmp(d->d_name, ACME_PREFIX, strlen(ACME_PREFIX)) != 0 ||
			snprintf(name, sizeof(name), "%.*s", (int)(n - strlen(end)), d->d_name) >=
				(int)sizeof(name))
			continue;
		if (!acme_has_cert(a, name) && unlinkat(dirfd(all), d->d_name, 0) == 0)
			log_info("file=%s nobody wants that certificate any more", d->d_name);
	}
	if (all)
		(void)closedir(all);
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (!isgraph((unsigned char)*text) || *text == '"' || *text == '\\')
			return false;
	return true;
}

int acme_set_directory(struct acme *a, const char *url, struct err *e)
{
	if (strncmp(url, "https://", 8) != 0 || !is_plain(url) ||
		strlen(url) >= sizeof(a->directory))
		return err_set(e, -EINVAL,
			"'%.64s' is no directory of an authority, like " ACME_DIRECTORY, url);
	(void)snprintf(a->directory, sizeof(a->directory), "%s", url);
	return 0;
}

int acme_set_contact(struct acme *a, const char *mail, struct err *e)
{
	const char *at = strchr(mail, '@');

	if (!at || at == mail || !at[1] || *mail == '-' || !is_plain(mail) ||
		strlen(mail) >= sizeof(a->contact))
		return err_set(e, -EINVAL, "'%.64s' is no mail address", mail);
	(void)snprintf(a->contact, sizeof(a->contact), "%s", mail);
	return 0;
}

int acme_set_eab(struct acme *a, const char *path, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	char *s;
	int r;

	buf_init(&text, sizeof(a->eab));
	r = fs_read(AT_FDCWD, path, &text, e);
	if (r < 0)
		return r;
	s = (char *)buf_str(&text);
	s[strcspn(s, "\r\n")] = '\0';
	if (!strchr(s, ':') || !is_plain(s) || *s == '-')
		return err_set(e, -EINVAL, "%s: KEYID:KEY is not what it says", path);
	(void)snprintf(a->eab, sizeof(a->eab), "%s", s);
	explicit_bzero(text.data, text.cap);
	return 0;
}

/* --- the file --- */

static void path_of(const struct layout *l, const char *file, char ret[LAYOUT_PATH + 64])
{
	(void)snprintf(ret, LAYOUT_PATH + 64, "%s/%s", l->data, file);
}

static int read_host(struct acme *a, const json_t *o, struct err *e)
{
	struct acme_host *h;
	const char *name, *words;
	int64_t failures;
	int r = json_get_str(o, "host", ACME_HOST_MAX, &name, e);

	if (r == 0)
		r = acme_add(a, name, json_opt_bool(o, "custom", false), e);
	if (r < 0)
		return r;
	h = acme_find(a, name);
	if (json_opt_int(o, "until", 0, INT64_MAX, 0, &h->until_sec, e) < 0 ||
		json_opt_int(o, "tried", 0, INT64_MAX, 0, &h->tried_sec, e) < 0 ||
		json_opt_int(o, "next", 0, INT64_MAX, 0, &h->next_sec, e) < 0 ||
		json_opt_int(o, "failures", 0, 1000, 0, &failures, e) < 0 ||
		json_opt_str(o, "words", ACME_WORDS_MAX, "", &words, e) < 0)
		return e->code;
	h->failures = (unsigned int)failures;
	(void)snprintf(h->words, sizeof(h->words), "%s", words);
	return 0;
}

static int read_text(const json_t *o, const char *key, char *ret, size_t size, struct err *e)
{
	const char *text;
	int r = json_opt_str(o, key, size - 1, "", &text, e);

	if (r == 0)
		(void)snprintf(ret, size, "%s", text);
	return r;
}

static int read_all(const json_t *o, struct acme *a, struct err *e)
{
	const json_t *one;
	size_t i;
	int r = read_text(o, "directory", a->directory, sizeof(a->directory), e);

	if (r == 0)
		r = read_text(o, "contact", a->contact, sizeof(a->contact), e);
	if (r == 0)
		r = read_text(o, "eab", a->eab, sizeof(a->eab), e);
	if (r == 0)
		r = read_text(o, "account", a->account, sizeof(a->account), e);
	json_array_foreach(json_object_get(o, "hosts"), i, one)
	{
		if (r == 0)
			r = read_host(a, one, e);
	}
	return r;
}

int acme_load(const struct layout *l, struct acme *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	CLEANUP(json_unrefp) json_t *o = NULL;
	struct err inner = {0};
	char path[LAYOUT_PATH + 64];
	int r;

	*ret = (struct acme){0};
	path_of(l, "acme/state.json", path);
	buf_init(&text, FILE_MAX);
	r = fs_read(AT_FDCWD, path, &text, e);
	if (r == 0)
		r = json_parse(text.data, text.len, FILE_MAX, &o, e);
	if (r == 0 && read_all(o, ret, &inner) < 0)
		return err_set(e, -EBADMSG, "%s: %s", path, inner.text);
	if (r == 0 && !*ret->directory)
		(void)snprintf(ret->directory, sizeof(ret->directory), ACME_DIRECTORY);
	return r < 0 && r != -ENOENT ? err_wrap(e, "%s", path) : r;
}

static json_t *list_hosts(const struct acme *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->n; i++) {
		const struct acme_host *h = &a->hosts[i];

		(void)json_array_append_new(list,
			json_pack("{s:s, s:b, s:I, s:I, s:I, s:i, s:s}", "host", h->name, "custom",
				h->custom, "until", (json_int_t)h->until_sec, "tried",
				(json_int_t)h->tried_sec, "next", (json_int_t)h->next_sec,
				"failures", (int)h->failures, "words", h->words));
	}
	return list;
}

static int write_file(
	const struct layout *l, const char *file, const json_t *o, mode_t mode, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	char path[LAYOUT_PATH + 64];
	int r;

	buf_init(&text, FILE_MAX);
	path_of(l, file, path);
	r = o ? json_write(&text, o) : -ENOMEM;
	if (r < 0)
		return err_set(e, r, "%s: %s", path, strerror(-r));
	return fs_write_durable(AT_FDCWD, path, text.data, text.len, mode, e);
}

int acme_save(const struct layout *l, const struct acme *a, struct err *e)
{
	CLEANUP(json_unrefp) json_t *hosts = list_hosts(a);
	CLEANUP(json_unrefp)
	json_t *told = json_pack("{s:s, s:O}", "authority", a->directory, "hosts", hosts);
	CLEANUP(json_unrefp)
	json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:O}", "directory", a->directory, "contact",
		a->contact, "eab", a->eab, "account", a->account, "hosts", hosts);
	int r = write_file(l, "acme/state.json", all, 0600, e);
	mode_t before;

	if (r < 0)
		return r;
	/* The orchestrator reads it, whatever the mask of whoever started us. */
	before = umask(022);
	r = write_file(l, "run/tls/status.json", told, 0644, e);
	(void)umask(before);
	return r == -ENOENT ? 0 : r; /* nothing runs here yet */
}

/* --- who changes it --- */

int acme_lock(const struct layout *l, int *ret, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char path[LAYOUT_PATH + 64];

	path_of(l, "acme/state.lock", path);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOOK_MSEC) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(e, -errno, "cannot lock %s: %s", path, strerror(errno));
		if (waited >= ACME_LOCK_MSEC)
			return err_set(e, -ETIMEDOUT,
				"%s is locked by another vitrine for %d s; see which with fuser",
				path, ACME_LOCK_MSEC / 1000);
		(void)poll(NULL, 0, LOOK_MSEC);
	}
	*ret = TAKE_FD(fd);
	return 0;
}

static int set_wanted(struct acme *a, const struct acme *wanted, struct err *e)
{
	int r = 0;

	for (size_t i = a->n; i-- > 0;)
		if (!a->hosts[i].custom && !acme_find((struct acme *)wanted, a->hosts[i].name))
			acme_remove(a, i);
	for (size_t i = 0; r == 0 && i < wanted->n; i++)
		r = acme_add(a, wanted->hosts[i].name, false, e);
	if (wanted->n == 0)
		return r; /* custom ones stay with their authority */
	(void)snprintf(a->directory, sizeof(a->directory), "%s",
		*wanted->directory ? wanted->directory : ACME_DIRECTORY);
	(void)snprintf(a->contact, sizeof(a->contact), "%s", wanted->contact);
	(void)snprintf(a->eab, sizeof(a->eab), "%s", wanted->eab);
	return r;
}

int acme_want(const struct layout *l, const struct acme *wanted, struct err *e)
{
	CLEANUP(freep) struct acme *a = calloc(1, sizeof(*a));
	CLEANUP(closep) int lock = -1;
	char dir[LAYOUT_PATH + 64];
	int r;

	if (!a)
		return err_set(e, -ENOMEM, "out of memory");
	path_of(l, "acme", dir);
	r = fs_mkdirs(dir, 0711, e);
	if (r == 0)
		r = acme_lock(l, &lock, e);
	if (r == 0)
		r = acme_load(l, a, e);
	if (r == -ENOENT && wanted->n == 0)
		return 0; /* nobody has ever asked for any */
	if (r < 0 && r != -ENOENT)
		return r;
	*e = (struct err){0};
	r = set_wanted(a, wanted, e);
	if (r == 0)
		r = acme_save(l, a, e);
	if (r == 0)
		acme_remove_certs(l, a);
	return r;
}

int acme_want_custom(const struct layout *l, const json_t *list, struct acme *ret, struct err *e)
{
	CLEANUP(closep) int lock = -1;
	int r = acme_lock(l, &lock, e);
	size_t out;

	if (r == 0)
		r = acme_load(l, ret, e);
	if (r < 0)
		return r;
	out = acme_set_custom(ret, list);
	r = acme_save(l, ret, e);
	return r < 0 ? r : (int)out;
}

int acme_note(const struct layout *l, const struct acme *a, struct acme *ret, struct err *e)
{
	CLEANUP(closep) int lock = -1;
	int r = acme_lock(l, &lock, e);

	if (r == 0)
		r = acme_load(l, ret, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a->n; i++) {
		const struct acme_host *from = &a->hosts[i];
		struct acme_host *to = acme_find(ret, from->name);
		bool custom = to && to->custom;

		if (!to)
			continue;
		*to = *from;
		to->custom = custom;
	}
	if (!strcmp(ret->directory, a->directory))
		(void)snprintf(ret->account, sizeof(ret->account), "%s", a->account);
	return acme_save(l, ret, e);
}

int64_t acme_wait_sec(unsigned int failures)
{
	int64_t sec = ACME_WAIT_SEC;

	for (unsigned int i = 1; i < failures && sec < ACME_WAIT_MAX_SEC; i++)
		sec *= 2;
	return sec < ACME_WAIT_MAX_SEC ? sec : ACME_WAIT_MAX_SEC;
}

int64_t acme_renew_at_sec(int64_t not_before_sec, int64_t not_after_sec)
{
	return not_after_sec - (not_after_sec - not_before_sec) / 3;
}
