/* vitrine export: whole repos as one file, for a host that reaches no other. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/host/sizes.h"
#include "cli/repo/archive.h"
#include "cli/repo/bundle.h"
#include "cli/repo/large.h"
#include "cli/repo/transfer.h"

struct plan {
	struct client_options client;
	const char *out, *type;
	bool json;
};

/* One repo on its way into the file. */
struct exporting {
	struct session *session;
	struct archive_writer *to;
	struct bundle_work work;
	const char *kind, *id;
	size_t number; /* of its folder in the file */
	uint64_t bytes;
};

/* --- parts --- */

static int add_json(struct exporting *x, const json_t *about, struct err *e)
{
	CLEANUP(freep) char *text = json_dumps(about, JSON_INDENT(1));
	char name[TAR_NAME_MAX], hash[SHA256_HEX + 1];
	size_t n = text ? strlen(text) : 0;
	int r;

	bundle_name(name, x->number, BUNDLE_ABOUT);
	r = text ? archive_begin(x->to, name, n, e) : err_set(e, -ENOMEM, "out of memory");
	if (r == 0)
		r = archive_add(x->to, text, n, e);
	return r == 0 ? archive_end(x->to, hash, e) : r;
}

static int add_history(struct exporting *x, struct err *e)
{
	CLEANUP(closep) int fd = open(x->work.bundle, O_RDONLY | O_CLOEXEC);
	char name[TAR_NAME_MAX];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -errno, "%s: %s", x->work.bundle, strerror(errno));
	x->bytes += (uint64_t)st.st_size;
	bundle_name(name, x->number, BUNDLE_HISTORY);
	return archive_add_fd(x->to, name, fd, e);
}

static int take_bytes(const void *bytes, size_t n, void *data, struct err *e)
{
	const struct exporting *x = data;

	return archive_add(x->to, bytes, n, e);
}

static int add_large(const char *oid, uint64_t size, const char *href, void *data, struct err *e)
{
	struct exporting *x = data;
	char name[TAR_NAME_MAX], hash[SHA256_HEX + 1];
	int r;

	bundle_large_name(name, x->number, oid);
	r = archive_begin(x->to, name, size, e);
	if (r == 0)
		r = transfer_get(href, size, take_bytes, x, e);
	if (r == 0)
		r = archive_end(x->to, hash, e);
	if (r == 0 && strcmp(hash, oid) != 0)
		r = err_set(e, -EBADMSG, "its SHA-256 is another one");
	x->bytes += size;
	return r < 0 ? err_wrap(e, "large file %.12s…", oid) : 0;
}

/* --- what is written about it --- */

/* Only who may see a Space's settings gets them; a copy of a stranger's has none. */
static int add_variables(struct exporting *x, json_t *about, struct err *e)
{
	CLEANUP(json_unrefp) json_t *all = NULL;
	int r;

	if (strcmp(x->kind, "space") != 0)
		return 0;
	r = session_ask(x->session, "GET", NULL, &all, e, "/api/spaces/%s/variables", x->id);
	if (r == -EACCES || r == -ENOENT) {
		fprintf(stderr, "vitrine: %s: its variables are its owner's to export\n", x->id);
		*e = (struct err){0};
		return 0;
	}
	if (r == 0 && json_object_set(about, "variables", all) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	return r;
}

static int describe(struct exporting *x, json_t *refs, json_t *large, json_t **ret, struct err *e)
{
	static const char *const kept[] = {
		"private", "sdk", "tags", "cardData", "createdAt", "lastModified", "sha"};
	CLEANUP(json_unrefp) json_t *info = NULL;
	CLEANUP(json_unrefp)
	json_t *about = json_pack("{s:s, s:s, s:s, s:O, s:O}", "kind", x->kind, "id", x->id, "from",
		x->session->base, "refs", refs, "large", large);
	int r = session_ask(x->session, "GET", NULL, &info, e, "/api/%ss/%s", x->kind, x->id);

	if (r < 0)
		return r;
	if (!about)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		(void)json_object_set(about, kept[i], json_object_get(info, kept[i]));
	r = add_variables(x, about, e);
	if (r == 0)
		*ret = TAKE_PTR(about);
	return r;
}

/* --- one repo --- */

static int fetch_history(struct exporting *x, json_t **ret_refs, struct err *e)
{
	char url[1024];
	char *const clone[] = {"git", "clone", "-q", "--mirror", url, x->work.repo, NULL};
	char *const pack[] = {
		"git", "bundle", "create", "-q", x->work.bundle, "--branches", "--tags", NULL};
	int r;

	(void)snprintf(
		url, sizeof(url), "%s/%s%s", x->session->base, session_prefix(x->kind), x->id);
	r = bundle_git(NULL, clone, e);
	if (r == 0)
		r = bundle_refs(x->work.repo, ret_refs, e);
	if (r == 0 && json_object_size(*ret_refs))
		r = bundle_git(x->work.repo, pack, e);
	return r;
}

static int export_parts(struct exporting *x, json_t *refs, json_t *large, struct err *e)
{
	CLEANUP(json_unrefp) json_t *about = NULL;
	int r = describe(x, refs, large, &about, e);

	if (r == 0)
		r = add_json(x, about, e);
	if (r == 0 && json_object_size(refs))
		r = add_history(x, e);
	if (r == 0)
		r = large_each(
			x->session, session_prefix(x->kind), x->id, false, large, add_large, x, e);
	return r;
}

static int export_one(struct exporting *x, const struct plan *p, json_t *done, struct err *e)
{
	CLEANUP(json_unrefp) json_t *refs = NULL;
	CLEANUP(json_unrefp) json_t *large = NULL;
	char size[32];
	int r = bundle_work_begin(&x->work, e);

	if (r == 0)
		r = fetch_history(x, &refs, e);
	if (r == 0)
		r = large_list(x->work.repo, &large, e);
	if (r == 0)
		r = export_parts(x, refs, large, e);
	bundle_work_end(&x->work);
	if (r < 0)
		return err_wrap(e, "%s %s", x->kind, x->id);
	(void)json_array_append_new(
		done, json_pack("{s:s, s:s, s:i, s:i, s:I}", "kind", x->kind, "id", x->id, "refs",
			      (int)json_object_size(refs), "large", (int)json_array_size(large),
			      "bytes", (json_int_t)x->bytes));
	if (!p->json)
		printf("%s %s: %zu branches and tags, %zu large files, %s\n", x->kind, x->id,
			json_object_size(refs), json_array_size(large), size_text(x->bytes, size));
	return 0;
}

/* --- the command --- */

/* "models/ada/mood", or what --type says of "ada/mood". */
static bool take_id(const struct plan *p, const char *word, struct exporting *x)
{
	static const char *const kinds[] = {"space", "model", "dataset"};

	x->kind = p->type;
	x->id = word;
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(kinds[i]);

		if (strncmp(word, kinds[i], n) != 0 || strncmp(word + n, "s/", 2) != 0 ||
			!strchr(word + n + 2, '/'))
			continue;
		x->kind = kinds[i];
		x->id = word + n + 2;
	}
	return ask_repo_id(x->id);
}

static int export_all(const struct plan *p, struct session *s, char **words, size_t n, json_t *done,
	struct err *e)
{
	CLEANUP(archive_abortp) struct archive_writer *to = NULL;
	int r = archive_create(p->out, &to, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct exporting x = {.session = s, .to = to, .number = i + 1};

		(void)take_id(p, words[i], &x);
		r = export_one(&x, p, done, e);
	}
	return r == 0 ? archive_close(to, e) : r;
}

static int parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"output", required_argument, NULL, 'o'}, {"type", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'}, {0}};
	struct exporting x;
	int opt;

	while ((opt = getopt_long(argc, argv, "o:", known, NULL)) != -1) {
		if (opt == 'o')
			p->out = optarg;
		else if (opt == 't')
			p->type = optarg;
		else if (opt == 'j')
			p->json = true;
		else if (!client_option(&p->client, opt, optarg))
			return ASK_USAGE;
	}
	if (!p->out || optind >= argc || !session_prefix(p->type)) {
		fprintf(stderr, "usage: see vitrine help export\n");
		return ASK_USAGE;
	}
	for (int i = optind; i < argc; i++)
		if (!take_id(p, argv[i], &x))
			return ASK_USAGE;
	return 0;
}

int cmd_export(int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *done = json_array();
	struct plan p = {.type = "space"};
	struct session s;
	struct err e = {0};
	int r = parse(&p, argc, argv);

	if (r != 0)
		return r;
	r = session_open(&s, &p.client, "vitrine export");
	if (r == 0 && export_all(&p, &s, argv + optind, (size_t)(argc - optind), done, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		r = ASK_FAILED;
	}
	session_close(&s);
	if (r == 0 && p.json)
		ask_print(done);
	return r;
}
