/* vitrine import: repos out of a file of vitrine export, each whole or not at all. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/repo/archive.h"
#include "cli/repo/bundle.h"
#include "cli/repo/large.h"
#include "cli/repo/transfer.h"

struct plan {
	struct client_options client;
	const char *file, *owner; /* NULL: as it was */
	bool json, replace;
};

/* One repo on its way out of the file. */
struct importing {
	struct session *session;
	const struct archive *from;
	size_t number;
	json_t *about; /* owned */
	const char *kind;
	char id[256];
	bool replace;
	bool made; /* by us: it goes again when it does not become whole */
	size_t sent;
};

/* --- what the file says of it --- */

static const struct archive_file *part(const struct importing *x, const char *what)
{
	char name[TAR_NAME_MAX];

	bundle_name(name, x->number, what);
	return archive_find(x->from, name);
}

static int check_large(const struct importing *x, struct err *e)
{
	const json_t *large = json_object_get(x->about, "large"), *one;
	char name[TAR_NAME_MAX];
	size_t i;

	json_array_foreach(large, i, one)
	{
		const char *oid = ask_text(one, "oid");
		const struct archive_file *f;

		bundle_large_name(name, x->number, oid);
		f = archive_find(x->from, name);
		if (!f || strcmp(f->hash, oid) != 0 ||
			(json_int_t)f->entry.size !=
				json_integer_value(json_object_get(one, "size")))
			return err_set(e, -EBADMSG, "%.100s is missing, or another one", name);
	}
	return 0;
}

static int read_about(struct importing *x, const struct plan *p, struct err *e)
{
	const struct archive_file *f = part(x, BUNDLE_ABOUT);
	CLEANUP(buf_done) struct buf text;
	const char *id, *slash;
	int r;

	buf_init(&text, BUNDLE_ABOUT_MAX);
	r = archive_read(x->from, f, &text, e);
	if (r == 0)
		r = json_parse(text.data, text.len, BUNDLE_ABOUT_MAX, &x->about, e);
	if (r < 0)
		return err_wrap(e, "%s", f->entry.name);
	x->kind = ask_text(x->about, "kind");
	id = ask_text(x->about, "id");
	slash = strchr(id, '/');
	if (!session_prefix(x->kind) || !slash || !ask_repo_id(id))
		return err_set(e, -EBADMSG, "%s: it names no repo", f->entry.name);
	if (p->owner)
		(void)snprintf(x->id, sizeof(x->id), "%.100s%s", p->owner, slash);
	else
		(void)snprintf(x->id, sizeof(x->id), "%s", id);
	return ask_repo_id(x->id) ? check_large(x, e) : err_set(e, -EINVAL, "--owner: is no name");
}

/* --- the platform's side --- */

static bool is_sdk(const char *sdk)
{
	static const char *const sdks[] = {"lua", "static", "gradio", "docker", "streamlit"};

	for (size_t i = 0; i < sizeof(sdks) / sizeof(sdks[0]); i++)
		if (!strcmp(sdks[i], sdk))
			return true;
	return false;
}

static int make(struct importing *x, struct err *e)
{
	const char *sdk = ask_text(x->about, "sdk"), *slash = strchr(x->id, '/');
	CLEANUP(json_unrefp)
	json_t *body = json_pack("{s:s, s:s, s:s%, s:b}", "type", x->kind, "name", slash + 1,
		"organization", x->id, (size_t)(slash - x->id), "private",
		json_is_true(json_object_get(x->about, "private")));
	int r;

	if (!body)
		return err_set(e, -ENOMEM, "out of memory");
	if (!strcmp(x->kind, "space") && is_sdk(sdk))
		(void)json_object_set_new(body, "sdk", json_string(sdk));
	r = session_ask(x->session, "POST", body, NULL, e, "/api/repos/create");
	x->made = r == 0;
	return r;
}

static int find_or_make(struct importing *x, struct err *e)
{
	struct err ignored = {0};
	int r = session_ask(x->session, "GET", NULL, NULL, &ignored, "/api/%ss/%s", x->kind, x->id);

	if (r == -ENOENT || r == -EACCES)
		return make(x, e);
	return r < 0 ? err_set(e, r, "%s", ignored.text) : 0;
}

/* It was not there before, so nobody misses it. */
static void unmake(struct importing *x)
{
	const char *slash = strchr(x->id, '/');
	CLEANUP(json_unrefp)
	json_t *body = json_pack("{s:s, s:s, s:s%}", "type", x->kind, "name", slash + 1,
		"organization", x->id, (size_t)(slash - x->id));
	struct err e = {0};

	if (x->made && session_ask(x->session, "DELETE", body, NULL, &e, "/api/repos/delete") < 0)
		fprintf(stderr, "vitrine: %s %s stays, in part: %s\n", x->kind, x->id, e.text);
}

/* Those that it has already are its own. */
static int set_variables(struct importing *x, struct err *e)
{
	const json_t *all = json_object_get(x->about, "variables"), *one;
	CLEANUP(json_unrefp) json_t *have = NULL;
	const char *key;
	int r = 0;

	if (strcmp(x->kind, "space") != 0 || !json_object_size(all))
		return 0;
	r = session_ask(x->session, "GET", NULL, &have, e, "/api/spaces/%s/variables", x->id);
	json_object_foreach((json_t *)all, key, one)
	{
		CLEANUP(json_unrefp)
		json_t *body = json_pack("{s:s, s:s, s:s}", "key", key, "value",
			ask_text(one, "value"), "description", ask_text(one, "description"));

		if (r == 0 && !json_object_get(have, key))
			r = session_ask(x->session, "POST", body, NULL, e,
				"/api/spaces/%s/variables", x->id);
	}
	return r < 0 ? err_wrap(e, "its variables") : 0;
}

static int send_large(const char *oid, uint64_t size, const char *href, void *data, struct err *e)
{
	struct importing *x = data;
	const struct archive_file *f;
	char name[TAR_NAME_MAX];
	int r;

	bundle_large_name(name, x->number, oid);
	f = archive_find(x->from, name);
	if (!f || f->entry.size != size)
		return err_set(e, -EREMOTEIO, "large file %.12s… was not asked about", oid);
	if (!*href)
		return 0;
	x->sent++;
	r = transfer_put(href, x->from->fd, f->entry.at, size, e);
	return r < 0 ? err_wrap(e, "large file %.12s…", oid) : 0;
}

/* --- history --- */

static int unpack(struct importing *x, struct bundle_work *w, struct err *e)
{
	char *const init[] = {"git", "init", "-q", "--bare", w->repo, NULL};
	char *const fetch[] = {"git", "fetch", "-q", w->bundle, "+refs/heads/*:refs/heads/*",
		"+refs/tags/*:refs/tags/*", NULL};
	CLEANUP(json_unrefp) json_t *refs = NULL;
	int r = archive_extract(x->from, part(x, BUNDLE_HISTORY), w->bundle, e);

	if (r == 0)
		r = bundle_git(NULL, init, e);
	if (r == 0)
		r = bundle_git(w->repo, fetch, e);
	if (r == 0)
		r = bundle_refs(w->repo, &refs, e);
	if (r == 0 && !json_equal(refs, json_object_get(x->about, "refs")))
		r = err_set(e, -EBADMSG,
			"its history has other branches and tags than " BUNDLE_ABOUT " says");
	return r;
}

/* All refs or none; a repo of ours began with a commit of the platform's, which gives way. */
static int push(struct importing *x, struct bundle_work *w, struct err *e)
{
	const char *force = x->made || x->replace ? "+" : "";
	char url[1024], heads[64], tags[64];
	char *const argv[] = {"git", "-c", "core.hooksPath=/dev/null", "push", "-q", "--atomic",
		url, heads, tags, NULL};
	int r;

	(void)snprintf(
		url, sizeof(url), "%s/%s%s", x->session->base, session_prefix(x->kind), x->id);
	(void)snprintf(heads, sizeof(heads), "%srefs/heads/*:refs/heads/*", force);
	(void)snprintf(tags, sizeof(tags), "%srefs/tags/*:refs/tags/*", force);
	r = bundle_git(w->repo, argv, e);
	return r == -EIO
		       ? err_set(e, r,
				 *force ? "the push was refused; why is above"
					: "the push was refused; why is above. --replace puts this "
					  "history in the place of another one")
		       : r;
}

static int send_history(struct importing *x, struct err *e)
{
	struct bundle_work w;
	int r;

	if (!part(x, BUNDLE_HISTORY))
		return 0;
	r = bundle_work_begin(&w, e);
	if (r == 0)
		r = unpack(x, &w, e);
	if (r == 0)
		r = push(x, &w, e);
	bundle_work_end(&w);
	return r;
}

/* --- the command --- */

static int import_one(struct importing *x, const struct plan *p, struct err *e)
{
	const json_t *large = json_object_get(x->about, "large");
	int r = find_or_make(x, e);

	if (r == 0)
		r = set_variables(x, e);
	if (r == 0)
		r = large_each(
			x->session, session_prefix(x->kind), x->id, true, large, send_large, x, e);
	if (r == 0)
		r = send_history(x, e);
	if (r < 0) {
		unmake(x);
		return err_wrap(e, "%s %s", x->kind, x->id);
	}
	if (!p->json)
		printf("%s %s: %s, %zu branches and tags, %zu large files, %zu of them sent\n",
			x->kind, x->id, x->made ? "made" : "was there",
			json_object_size(json_object_get(x->about, "refs")), json_array_size(large),
			x->sent);
	return 0;
}

/* Each for itself: one that is refused does not keep the others out. */
static int import_all(
	const struct plan *p, struct session *s, const struct archive *a, json_t *done)
{
	int status = 0;

	for (size_t number = 1;; number++) {
		struct importing x = {
			.session = s, .from = a, .number = number, .replace = p->replace};
		struct err e = {0};
		int r;

		if (!part(&x, BUNDLE_ABOUT))
			return status;
		r = read_about(&x, p, &e);
		if (r == 0)
			r = import_one(&x, p, &e);
		if (r < 0) {
			fprintf(stderr, "vitrine: %s\n", e.text);
			status = ASK_FAILED;
		}
		(void)json_array_append_new(done,
			json_pack("{s:s, s:s, s:b, s:b, s:I, s:s}", "kind", x.kind ? x.kind : "",
				"id", x.id, "ok", r == 0, "made", x.made && r == 0, "sent",
				(json_int_t)x.sent, "error", r < 0 ? e.text : ""));
		json_decref(x.about);
	}
}

static int parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"owner", required_argument, NULL, 'o'}, {"replace", no_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'o')
			p->owner = optarg;
		else if (opt == 'r')
			p->replace = true;
		else if (opt == 'j')
			p->json = true;
		else if (!client_option(&p->client, opt, optarg))
			return ASK_USAGE;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: see vitrine help import\n");
		return ASK_USAGE;
	}
	p->file = argv[optind];
	return 0;
}

static int run(const struct plan *p, json_t *done)
{
	struct archive a;
	struct session s;
	struct err e = {0};
	int r = archive_open(p->file, &a, &e);

	if (r < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		archive_done(&a);
		return ASK_FAILED;
	}
	r = session_open(&s, &p->client, "vitrine import");
	if (r == 0)
		r = import_all(p, &s, &a, done);
	session_close(&s);
	archive_done(&a);
	return r;
}

int cmd_import(int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *done = json_array();
	struct plan p = {0};
	int r = parse(&p, argc, argv);

	if (r != 0)
		return r;
	r = run(&p, done);
	if (p.json)
		ask_print(done);
	return r;
}
