#include "cli/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"

#define HOSTS_MAX_BYTES (1u << 20)

static int find_folder(char ret[4096], struct err *e)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;

	if (xdg && *xdg == '/')
		n = snprintf(ret, 4000, "%s/vitrine", xdg);
	else if (home && *home == '/')
		n = snprintf(ret, 4000, "%s/.config/vitrine", home);
	else
		return err_set(e, -ENOENT, "neither XDG_CONFIG_HOME nor HOME is set");
	return n < 4000 ? 0 : err_set(e, -ENAMETOOLONG, "the home folder's path is too long");
}

static int find_file(char ret[4096], struct err *e)
{
	char folder[4096];
	int r = find_folder(folder, e);

	if (r == 0)
		(void)snprintf(ret, 4096, "%.4000s/hosts.json", folder);
	return r;
}

/* An array of hosts, the last one signed in to first; empty where there is no file. */
static int load(json_t **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	struct stat st;
	char path[4096];
	int r = find_file(path, e);

	*ret = NULL;
	buf_init(&text, HOSTS_MAX_BYTES);
	if (r == 0 && stat(path, &st) == 0 && (st.st_mode & 077))
		return err_set(
			e, -EPERM, "%s holds tokens and others may read it: chmod 600 it", path);
	if (r == 0)
		r = fs_read(AT_FDCWD, path, &text, e);
	if (r == 0)
		r = json_parse(text.data, text.len, HOSTS_MAX_BYTES, ret, e);
	if (r == 0 && !json_is_array(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		r = err_set(e, -EBADMSG, "%s: is no list of hosts", path);
	}
	if (r == -ENOENT) {
		*ret = json_array();
		r = *ret ? 0 : -ENOMEM;
	}
	if (text.len)
		explicit_bzero(text.data, text.len);
	return r;
}

static int save(const json_t *list, struct err *e)
{
	char folder[4096], path[4096];
	CLEANUP(freep) char *text = json_dumps(list, JSON_INDENT(2));
	int r = text ? find_folder(folder, e) : err_set(e, -ENOMEM, "out of memory");

	if (r == 0)
		r = find_file(path, e);
	if (r == 0)
		r = fs_mkdirs(folder, 0700, e);
	if (r == 0)
		r = fs_write_durable(AT_FDCWD, path, text, strlen(text), 0600, e);
	if (text)
		explicit_bzero(text, strlen(text));
	return r;
}

bool hosts_same(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	while (n && a[n - 1] == '/')
		n--;
	while (m && b[m - 1] == '/')
		m--;
	return n == m && !memcmp(a, b, n);
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* -1: none. url NULL: the first. */
static int index_of(const json_t *list, const char *url)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) if (!url || hosts_same(text_at(one, "url"), url)) return (
		int)i;
	return -1;
}

int hosts_find(const char *url, struct host *ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	const json_t *one;
	int r = load(&list, e), i;

	if (r < 0)
		return r;
	i = index_of(list, url);
	if (i < 0)
		return err_set(e, -ENOENT, "not signed in; see vitrine help login");
	one = json_array_get(list, (size_t)i);
	(void)snprintf(ret->url, sizeof(ret->url), "%s", text_at(one, "url"));
	(void)snprintf(ret->user, sizeof(ret->user), "%s", text_at(one, "user"));
	(void)snprintf(ret->token, sizeof(ret->token), "%s", text_at(one, "token"));
	(void)snprintf(ret->token_id, sizeof(ret->token_id), "%s", text_at(one, "tokenId"));
	return 0;
}

int hosts_put(const struct host *h, struct err *e)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	json_t *one;
	int r = load(&list, e), i;

	if (r < 0)
		return r;
	i = index_of(list, h->url);
	if (i >= 0)
		(void)json_array_remove(list, (size_t)i);
	one = json_pack("{s:s, s:s, s:s, s:s}", "url", h->url, "user", h->user, "token", h->token,
		"tokenId", h->token_id);
	if (json_array_insert_new(list, 0, one) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return save(list, e);
}

int hosts_remove(const char *url, struct err *e)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	int r = load(&list, e), i;

	if (r < 0)
		return r;
	i = index_of(list, url);
	if (i < 0)
		return err_set(e, -ENOENT, "not signed in");
	(void)json_array_remove(list, (size_t)i);
	return save(list, e);
}

json_t *hosts_list(struct err *e)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	json_t *ret = json_array();
	const json_t *one;
	size_t i;

	if (load(&list, e) < 0) {
		json_decref(ret);
		return NULL;
	}
	json_array_foreach(list, i, one)(void) json_array_append_new(
		ret, json_pack("{s:s, s:s, s:b}", "url", text_at(one, "url"), "user",
			     text_at(one, "user"), "current", i == 0));
	return ret;
}
