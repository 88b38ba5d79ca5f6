/*
 * vitrine data: what a Space's app keeps, out of the platform and into it again, as lines of JSON:
 *
 *	{"vitrine":"data","version":1,"space":"ada/hello"}
 *	{"key":"visits","value":7}            "visitor": whose key it is, where it is not the
 *Space's
 *	{"file":"out/a.png","size":700000}    and behind it its bytes, in base64:
 *	{"bytes":"iVBOR…"}
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

#define LINE_MAX_BYTES (4u << 20)
#define PIECE (512u << 10)
#define PATH_LONG 4096

struct plan {
	struct client_options client;
	const char *verb, *space, *file;
	long long snapshot; /* < 0: none */
	bool json, replace;
};

struct work {
	struct client *client; /* owned */
	const char *space;
	FILE *file; /* owned */
	int64_t keys, files, removed;
	long long snapshot; /* < 0: as it is now */
	json_t *seen; /* owned; what the file has: true by visitor, newline, key, or \"/\", newline,
			 name */
};

static bool is_number(const char *text)
{
	return *text && strlen(text) < 18 && strspn(text, "0123456789") == strlen(text);
}

/* n words follow, the verb among them. */
static bool is_called_right(const struct plan *p, int n, char **words)
{
	bool is_export = !strcmp(p->verb, "export"), is_import = !strcmp(p->verb, "import");

	if ((p->snapshot >= 0 && !is_export) || (p->replace && !is_import) ||
		(p->file && !is_export))
		return false;
	if (is_import)
		return n == 3;
	if (!strcmp(p->verb, "forget"))
		return n == 3 && is_number(words[2]);
	if (is_export)
		return n == 2 && p->file;
	return n == 2 && (!strcmp(p->verb, "usage") || !strcmp(p->verb, "snapshot") ||
				 !strcmp(p->verb, "snapshots"));
}

static int parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"output", required_argument, NULL, 'o'},
		{"snapshot", required_argument, NULL, 's'}, {"replace", no_argument, NULL, 'r'},
		{0}};
	int opt, n;

	while ((opt = getopt_long(argc, argv, "o:", known, NULL)) != -1) {
		if (opt == 'j')
			p->json = true;
		else if (opt == 'o')
			p->file = optarg;
		else if (opt == 'r')
			p->replace = true;
		else if (opt == 's' && is_number(optarg))
			p->snapshot = strtoll(optarg, NULL, 10);
		else if (!client_option(&p->client, opt, optarg))
			return ASK_USAGE;
	}
	n = argc - optind;
	p->verb = n > 0 ? argv[optind] : "";
	if (!is_called_right(p, n, argv + optind)) {
		fprintf(stderr, "usage: see vitrine help data\n");
		return ASK_USAGE;
	}
	p->space = argv[optind + 1];
	if (n == 3 && !strcmp(p->verb, "forget"))
		p->snapshot = strtoll(argv[optind + 2], NULL, 10);
	else if (n == 3)
		p->file = argv[optind + 2];
	return ask_repo_id(p->space) ? 0 : ASK_USAGE;
}

/* One operation; takes args. NULL: it failed, which was said. The caller's. */
static json_t *call(
	struct work *w, const char *op, json_t *args, const char *visitor, const char *bytes)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s, s:o}", "op", op, "args", args);
	json_t *answer = NULL;
	struct err e = {0};
	char path[300];

	if (body && *visitor)
		(void)json_object_set_new(body, "visitor", json_string(visitor));
	if (body && bytes)
		(void)json_object_set_new(body, "bytes", json_string(bytes));
	(void)snprintf(path, sizeof(path), "/api/spaces/%s/data", w->space);
	if (!body || client_request(w->client, "POST", path, body, &answer, &e) < 0 || !answer) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		json_decref(answer);
		return NULL;
	}
	return answer;
}

static bool write_line(struct work *w, const json_t *o)
{
	return json_dumpf(o, w->file, JSON_COMPACT) == 0 && fputc('\n', w->file) != EOF;
}

/* The same for one that lists: of the snapshot, where there is one. */
static json_t *call_then(struct work *w, const char *op, json_t *args)
{
	if (args && w->snapshot >= 0)
		(void)json_object_set_new(args, "snapshot", json_integer(w->snapshot));
	return call(w, op, args, "", NULL);
}

/* --- export --- */

static bool export_key(struct work *w, const json_t *item)
{
	CLEANUP(json_unrefp) json_t *line = json_object();
	const json_t *visitor = json_object_get(item, "visitor");

	(void)json_object_set(line, "key", json_object_get(item, "key"));
	if (visitor)
		(void)json_object_set(line, "visitor", (json_t *)visitor);
	(void)json_object_set(line, "value", json_object_get(item, "value"));
	w->keys++;
	return write_line(w, line);
}

typedef bool (*item_fn)(struct work *w, const json_t *item);

static bool each_key(struct work *w, item_fn fn)
{
	char visitor[100] = "", after[300] = "";
	bool more = true, good = true;

	while (more && good) {
		CLEANUP(json_unrefp)
		json_t *answer = call_then(
			w, "dump", json_pack("{s:s, s:s}", "visitor", visitor, "after", after));
		const json_t *result = json_object_get(answer, "result"), *item;
		size_t i;

		if (!answer)
			return false;
		json_array_foreach(json_object_get(result, "items"), i, item)
		{
			good = good && fn(w, item);
			(void)snprintf(visitor, sizeof(visitor), "%s", ask_text(item, "visitor"));
			(void)snprintf(after, sizeof(after), "%s", ask_text(item, "key"));
		}
		more = json_is_true(json_object_get(result, "more"));
	}
	return good;
}

/* False: it failed, or was replaced on the way. */
static bool export_bytes(struct work *w, const char *name, int64_t size, int64_t revision)
{
	for (int64_t at = 0; at < size; at += PIECE) {
		CLEANUP(json_unrefp)
		json_t *answer = call(w, "file.read",
			json_pack("{s:s, s:I, s:i, s:I}", "name", name, "offset", (json_int_t)at,
				"n", (int)PIECE, "revision", (json_int_t)revision),
			"", NULL);
		CLEANUP(json_unrefp) json_t *line = json_object();
		json_t *bytes = json_object_get(answer, "bytes");

		if (!answer)
			return false;
		if (!bytes) {
			fprintf(stderr, "vitrine: %s was replaced while it was read; try again\n",
				name);
			return false;
		}
		(void)json_object_set(line, "bytes", bytes);
		if (!write_line(w, line))
			return false;
	}
	return true;
}

static bool export_file(struct work *w, const json_t *item)
{
	int64_t size = json_integer_value(json_object_get(item, "size"));
	CLEANUP(json_unrefp)
	json_t *line = json_pack(
		"{s:O, s:I}", "file", json_object_get(item, "name"), "size", (json_int_t)size);

	w->files++;
	return line && write_line(w, line) &&
	       export_bytes(w, ask_text(item, "name"), size,
		       json_integer_value(json_object_get(item, "revision")));
}

static bool each_file(struct work *w, item_fn fn)
{
	char after[300] = "";
	bool more = true, good = true;

	while (more && good) {
		CLEANUP(json_unrefp)
		json_t *answer = call_then(
			w, "file.list", json_pack("{s:s, s:i}", "after", after, "limit", 1000));
		const json_t *result = json_object_get(answer, "result"), *item;
		size_t i;

		if (!answer)
			return false;
		json_array_foreach(json_object_get(result, "items"), i, item)
		{
			good = good && fn(w, item);
			(void)snprintf(after, sizeof(after), "%s", ask_text(item, "name"));
		}
		more = json_is_true(json_object_get(result, "more"));
	}
	return good;
}

/* Under another name until it is whole. */
static int export_all(struct work *w, const struct plan *p)
{
	CLEANUP(json_unrefp)
	json_t *head =
		json_pack("{s:s, s:i, s:s}", "vitrine", "data", "version", 1, "space", p->space);
	char part[PATH_LONG + 8];
	bool to_file = strcmp(p->file, "-") != 0;
	int fd = STDOUT_FILENO;

	(void)snprintf(part, sizeof(part), "%s.part", p->file);
	if (to_file)
		fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	w->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!w->file) {
		fprintf(stderr, "vitrine: %s: %s\n", part, strerror(errno));
		return ASK_FAILED;
	}
	if (!write_line(w, head) || !each_key(w, export_key) || !each_file(w, export_file))
		return ASK_FAILED;
	if (fflush(w->file) != 0 || (to_file && fsync(fd) < 0) ||
		(to_file && rename(part, p->file) < 0)) {
		fprintf(stderr, "vitrine: %s: %s\n", p->file, strerror(errno));
		return ASK_FAILED;
	}
	if (to_file)
		printf("%s: %" PRId64 " keys and %" PRId64 " files of %s\n", p->file, w->keys,
			w->files, p->space);
	return 0;
}

/* --- import --- */

/* The file whose bytes come. */
struct coming {
	char *name;
	char id[64];
	int64_t size, at; /* size < 0: none */
};

static bool end_file(struct work *w, struct coming *f)
{
	CLEANUP(json_unrefp)
	json_t *answer = call(w, "file.end",
		json_pack("{s:s, s:s, s:I}", "id", f->id, "name", f->name, "size",
			(json_int_t)f->size),
		"", NULL);

	f->size = -1;
	w->files++;
	return answer != NULL;
}

static bool begin_file(struct work *w, struct coming *f, const json_t *line)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;

	free(f->name);
	f->name = strdup(ask_text(line, "file"));
	f->size = json_integer_value(json_object_get(line, "size"));
	f->at = 0;
	answer = f->name ? call(w, "file.begin", json_pack("{s:s}", "name", f->name), "", NULL)
			 : NULL;
	if (!answer)
		return false;
	(void)snprintf(
		f->id, sizeof(f->id), "%s", ask_text(json_object_get(answer, "result"), "id"));
	return f->size > 0 || end_file(w, f);
}

static bool add_bytes(struct work *w, struct coming *f, const char *bytes)
{
	CLEANUP(json_unrefp)
	json_t *answer = call(w, "file.write",
		json_pack("{s:s, s:I}", "id", f->id, "offset", (json_int_t)f->at), "", bytes);

	if (!answer)
		return false;
	f->at = json_integer_value(json_object_get(json_object_get(answer, "result"), "size"));
	return f->at < f->size || end_file(w, f);
}

static void see(struct work *w, const char *whose, const char *name)
{
	char known[600];

	(void)snprintf(known, sizeof(known), "%s\n%s", whose, name);
	if (w->seen)
		(void)json_object_set_new(w->seen, known, json_true());
}

static bool was_seen(const struct work *w, const char *whose, const char *name)
{
	char known[600];

	(void)snprintf(known, sizeof(known), "%s\n%s", whose, name);
	return json_object_get(w->seen, known) != NULL;
}

static bool remove_key(struct work *w, const json_t *item)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;

	if (was_seen(w, ask_text(item, "visitor"), ask_text(item, "key")))
		return true;
	w->removed++;
	answer = call(w, "delete", json_pack("{s:O}", "key", json_object_get(item, "key")),
		ask_text(item, "visitor"), NULL);
	return answer != NULL;
}

static bool remove_file(struct work *w, const json_t *item)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;

	if (was_seen(w, "/", ask_text(item, "name")))
		return true;
	w->removed++;
	answer = call(w, "file.remove", json_pack("{s:O}", "name", json_object_get(item, "name")),
		"", NULL);
	return answer != NULL;
}

static bool import_line(struct work *w, struct coming *f, const json_t *line)
{
	const char *bytes = json_string_value(json_object_get(line, "bytes"));
	json_t *value = json_object_get(line, "value");
	CLEANUP(json_unrefp) json_t *answer = NULL;

	if (bytes && f->size >= 0)
		return add_bytes(w, f, bytes);
	if (f->size >= 0 || bytes) {
		fprintf(stderr, "vitrine: bytes of a file are missing, or belong to none\n");
		return false;
	}
	if (*ask_text(line, "file")) {
		see(w, "/", ask_text(line, "file"));
		return begin_file(w, f, line);
	}
	if (!value || !*ask_text(line, "key")) {
		fprintf(stderr, "vitrine: a line is neither a key nor a file\n");
		return false;
	}
	answer = call(w, "set",
		json_pack("{s:O, s:O}", "key", json_object_get(line, "key"), "value", value),
		ask_text(line, "visitor"), NULL);
	see(w, ask_text(line, "visitor"), ask_text(line, "key"));
	w->keys++;
	return answer != NULL;
}

static bool is_head(const json_t *line)
{
	return !strcmp(ask_text(line, "vitrine"), "data") &&
	       json_integer_value(json_object_get(line, "version")) == 1;
}

static bool import_lines(struct work *w, const char *path)
{
	struct coming f = {.size = -1};
	CLEANUP(freep) char *text = NULL;
	size_t cap = 0, number = 0;
	bool good = true;
	ssize_t n;

	while (good && (n = getline(&text, &cap, w->file)) > 0) {
		CLEANUP(json_unrefp) json_t *line = NULL;
		struct err e = {0};

		number++;
		good = json_parse(text, (size_t)n, LINE_MAX_BYTES, &line, &e) == 0 &&
		       json_is_object(line) && (number > 1 || is_head(line));
		if (!good)
			fprintf(stderr, "vitrine: it is none that vitrine data export made\n");
		else if (number > 1)
			good = import_line(w, &f, line);
		if (!good)
			fprintf(stderr, "vitrine: %s, line %zu; what stands before it is there\n",
				path, number);
	}
	if (good && (number == 0 || f.size >= 0)) {
		fprintf(stderr, "vitrine: %s ends too early\n", path);
		good = false;
	}
	free(f.name);
	return good;
}

static int import_all(struct work *w, const struct plan *p)
{
	w->file = strcmp(p->file, "-") ? fopen(p->file, "re") : fdopen(dup(STDIN_FILENO), "r");
	if (!w->file) {
		fprintf(stderr, "vitrine: %s: %s\n", p->file, strerror(errno));
		return ASK_FAILED;
	}
	w->seen = p->replace ? json_object() : NULL;
	if (!import_lines(w, p->file))
		return ASK_FAILED;
	if (w->seen && (!each_key(w, remove_key) || !each_file(w, remove_file)))
		return ASK_FAILED;
	if (w->seen)
		printf("%s: %" PRId64 " others removed\n", p->space, w->removed);
	printf("%s: %" PRId64 " keys and %" PRId64 " files from %s\n", p->space, w->keys, w->files,
		p->file);
	return 0;
}

/* --- usage --- */

static int show_usage(struct work *w, const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *answer = call(w, "usage", json_object(), "", NULL);
	const json_t *u = json_object_get(answer, "result");

	if (!answer)
		return ASK_FAILED;
	if (p->json) {
		ask_print(u);
		return 0;
	}
	printf("keys   %8" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
	       ", %.1f MiB of %" JSON_INTEGER_FORMAT "\n",
		json_integer_value(json_object_get(u, "keys")),
		json_integer_value(json_object_get(u, "keys_max")),
		(double)json_integer_value(json_object_get(u, "bytes")) / (1 << 20),
		json_integer_value(json_object_get(u, "bytes_max")) >> 20);
	printf("files  %8" JSON_INTEGER_FORMAT ", %.1f MiB of %" JSON_INTEGER_FORMAT "\n",
		json_integer_value(json_object_get(u, "files")),
		(double)json_integer_value(json_object_get(u, "file_bytes")) / (1 << 20),
		json_integer_value(json_object_get(u, "file_bytes_max")) >> 20);
	return 0;
}

/* --- snapshots --- */

static int make_snapshot(struct work *w, const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *answer = call(w, "snapshot.make", json_object(), "", NULL);
	const json_t *made = json_object_get(answer, "result");

	if (!answer)
		return ASK_FAILED;
	if (p->json)
		ask_print(made);
	else
		printf("%s: snapshot %" JSON_INTEGER_FORMAT "\n", p->space,
			json_integer_value(json_object_get(made, "snapshot")));
	return 0;
}

static int list_snapshots(struct work *w, const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *answer = call(w, "snapshot.list", json_object(), "", NULL);
	const json_t *all = json_object_get(json_object_get(answer, "result"), "items"), *one;
	size_t i;

	if (!answer)
		return ASK_FAILED;
	if (p->json) {
		ask_print(all);
		return 0;
	}
	json_array_foreach(all, i, one)
	{
		time_t made = (time_t)json_integer_value(json_object_get(one, "made"));
		struct tm local;
		char text[32] = "";

		if (localtime_r(&made, &local))
			(void)strftime(text, sizeof(text), "%F %T", &local);
		printf("%8" JSON_INTEGER_FORMAT "  %s\n",
			json_integer_value(json_object_get(one, "snapshot")), text);
	}
	return 0;
}

static int forget_snapshot(struct work *w, const struct plan *p)
{
	CLEANUP(json_unrefp)
	json_t *answer = call(w, "snapshot.remove",
		json_pack("{s:I}", "snapshot", (json_int_t)p->snapshot), "", NULL);

	if (!answer)
		return ASK_FAILED;
	if (json_is_true(json_object_get(json_object_get(answer, "result"), "removed")))
		return 0;
	fprintf(stderr, "vitrine: %s has no snapshot %lld\n", p->space, p->snapshot);
	return ASK_FAILED;
}

int cmd_data(int argc, char **argv)
{
	static const struct {
		const char *verb;
		int (*run)(struct work *w, const struct plan *p);
	} verbs[] = {{"usage", show_usage}, {"export", export_all}, {"import", import_all},
		{"snapshot", make_snapshot}, {"snapshots", list_snapshots},
		{"forget", forget_snapshot}};
	struct plan p = {.snapshot = -1};
	struct work w = {0};
	int r = parse(&p, argc, argv);

	if (r != 0)
		return r;
	w.space = p.space;
	w.snapshot = p.snapshot;
	w.client = client_or_complain(&p.client);
	if (!w.client)
		return ASK_FAILED;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].verb, p.verb))
			r = verbs[i].run(&w, &p);
	if (w.file)
		(void)fclose(w.file);
	json_decref(w.seen);
	(void)client_free(w.client);
	return r;
}
