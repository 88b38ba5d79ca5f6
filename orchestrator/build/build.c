#include "orchestrator/build/build.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/utf8.h"
#include "orchestrator/build/assemble.h"
#include "orchestrator/metrics.h"
#include "orchestrator/repo/tree.h"
#include "orchestrator/space/space.h"
#include "proto/bundle.h"

#define README "README.md"
#define README_MAX (4u << 20)
#define APP_JSON_MAX (2u << 20)
#define EXCERPT_MAX 160 /* bytes of a line of code that are shown */

struct build {
	struct build *next; /* of those that run */
	struct build_request request;
	const struct build_ops *ops;
	void *data;
	struct source *start; /* owned; deferred */
	struct front_matter front_matter;
	bool has_front_matter, no_app;
	struct buf bundle, log, tree, api, phases_text;
	json_t *phases; /* owned */
	char hash[SHA256_HEX + 1];
	char title[201];
	char message[512];
	uint64_t phase_usec;  /* when the running phase began */
	uint64_t stored_usec; /* spent on storing while the box was busy */
	uint32_t ticket;      /* of the running check; 0: none */
};

static struct build *all;

bool build_runs(const char *space_id)
{
	for (const struct build *b = all; b; b = b->next)
		if (!strcmp(b->request.space_id, space_id))
			return true;
	return false;
}

static void forget(const struct build *b)
{
	for (struct build **at = &all; *at; at = &(*at)->next)
		if (*at == b) {
			*at = b->next;
			return;
		}
}

/* --- saying --- */

static void say(struct build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct build *b, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* A cut must not leave half a character: the log is text. */
	if (n >= (int)sizeof(line)) {
		size_t end = sizeof(line) - 1;

		while (end > 0 && ((unsigned char)line[end - 1] & 0xc0) == 0x80)
			end--;
		line[end > 0 && (unsigned char)line[end - 1] >= 0xc0 ? end - 1 : end] = '\0';
	}
	/* Words of an app among them: a terminal shows them, and does not obey. */
	utf8_scrub(line, strlen(line));
	if (buf_addf(&b->log, "%s\n", line) < 0)
		return; /* over BUILD_LOG_MAX: enough has been said */
	b->ops->on_line(line, b->data);
}

static void count_phase(const char *name, uint64_t usec)
{
	static const struct {
		const char *name;
		enum orchestrator_metric id;
	} phases[] = {
		{"front matter", ORCHESTRATOR_PHASE_FRONT_MATTER},
		{"bundle", ORCHESTRATOR_PHASE_BUNDLE},
		{"stored", ORCHESTRATOR_PHASE_STORED},
		{"box", ORCHESTRATOR_PHASE_BOX},
		{"app loaded", ORCHESTRATOR_PHASE_APP_LOADED},
	};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (!strcmp(phases[i].name, name))
			orchestrator_observe(phases[i].id, usec);
}

/* detail: more words for the line, or "". */
static void record_phase(struct build *b, const char *name, const char *detail, uint64_t usec)
{
	double ms = (double)(usec / 100) / 10;

	count_phase(name, usec);
	(void)json_array_append_new(b->phases, json_pack("{s:s, s:f}", "name", name, "ms", ms));
	b->ops->on_phase(name, ms, b->data);
	say(b, ms < 9.95 ? "vitrine: ✓ %s%s %.1f ms" : "vitrine: ✓ %s%s %.0f ms", name, detail, ms);
}

static void end_phase(struct build *b, const char *name, const char *detail)
{
	uint64_t now = clock_mono_usec();

	record_phase(b, name, detail, now - b->phase_usec);
	b->phase_usec = now;
}

/* Several lines of text as lines of their own. */
static void say_lines(struct build *b, const char *indent, const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");

		if (n)
			say(b, "vitrine: %s%.*s", indent, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* --- what it is --- */

static bool is_static(const struct build *b)
{
	return !strcmp(b->front_matter.sdk, FRONT_MATTER_STATIC);
}

static bool is_foreign(const struct build *b)
{
	return strcmp(b->front_matter.sdk, "lua") != 0 && !is_static(b);
}

static bool runs_in_a_box(const struct build *b)
{
	return !is_static(b) && !is_foreign(b);
}

/* --- the end --- */

static void finish(struct build *b, bool ok)
{
	struct build_result result = {.ok = ok,
		.no_app = b->no_app,
		.message = b->message,
		.bundle = b->hash,
		.class = is_static(b)    ? NO_BOX_STATIC
			 : is_foreign(b) ? NO_BOX_CARD
					 : b->front_matter.class,
		.entry = is_foreign(b) ? README : b->front_matter.app_file,
		.front_matter = &b->front_matter,
		.title = b->title,
		.tree = b->tree.len ? buf_str(&b->tree) : NULL,
		.api = b->api.len ? buf_str(&b->api) : NULL};

	if (json_write(&b->phases_text, b->phases) < 0) {
		buf_clear(&b->phases_text);
		(void)buf_add_str(&b->phases_text, "[]");
	}
	result.phases = buf_str(&b->phases_text);
	result.log = buf_str(&b->log);
	forget(b); /* whoever hears of its end asks whether another one runs */
	b->ops->on_done(&result, b->data);
	(void)build_free(b);
}

static void set_message(struct build *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void set_message(struct build *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(b->message, sizeof(b->message), fmt, ap);
	va_end(ap);
}

static void refuse(struct build *b, const char *words)
{
	set_message(b, "%.*s", (int)strcspn(words, "\n"), words);
	say_lines(b, "", words);
	finish(b, false);
}

/* --- steps --- */

/* By itself, before the limits of a bundle are asked for: those of another sdk are not ours. */
static int read_front_matter(struct build *b, struct err *e)
{
	const struct build_request *q = &b->request;
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, README_MAX);
	r = tree_read_top(q->repo_path, q->quarantine, q->commit, README, &text, e);
	if (r == -EFBIG)
		return err_set(e, r, README ":1: is over the limit of %u MiB", README_MAX >> 20);
	if (r < 0 && r != -ENOENT)
		return r;
	r = front_matter_read(buf_str(&text), text.len, &b->front_matter, e);
	if (r < 0)
		return r;
	b->has_front_matter = true;
	(void)snprintf(b->title, sizeof(b->title), "%s", b->front_matter.title);
	say_lines(b, "", buf_str(&b->front_matter.notes));
	return 0;
}

static int check_sdk(struct build *b, struct err *e)
{
	const struct front_matter *f = &b->front_matter;

	if (!is_foreign(b))
		return 0;
	if (b->request.serves)
		return err_set(e, -EINVAL,
			README ":%d: sdk: '%s' does not run here, and this Space "
			       "serves an app",
			f->sdk_line, f->sdk);
	say(b,
		"vitrine: " README ":%d: sdk: '%s' does not run here; the files are kept, and "
		"visitors see the card",
		f->sdk_line, f->sdk);
	return 0;
}

static int check_app_file(struct build *b, struct tree *t, struct err *e)
{
	const struct front_matter *f = &b->front_matter;

	if (tree_find(t, f->app_file) >= 0)
		return 0;
	if (f->app_file_line)
		return err_set(e, -EINVAL, README ":%d: app_file: '%s' is not in the repo",
			f->app_file_line, f->app_file);
	if (b->request.serves)
		return err_set(e, -EINVAL,
			"%s: is not in the repo, and front matter names no other app_file",
			f->app_file);
	say(b,
		"vitrine: %s: is not in the repo; the files are kept, and nothing is served until "
		"it "
		"comes",
		f->app_file);
	b->no_app = true;
	return 0;
}

static const json_t *find_model(const json_t *list, const char *id)
{
	const json_t *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		const char *have = json_string_value(json_object_get(m, "id"));

		if (have && !strcmp(have, id))
			return m;
	}
	return NULL;
}

static int check_models(struct build *b, struct err *e)
{
	const struct front_matter *f = &b->front_matter;
	const json_t *list = models_peer_list(b->request.models);

	if (f->n_models && !list)
		return err_set(e, -EAGAIN, "models cannot be looked up now; try again");
	for (size_t i = 0; i < f->n_models; i++) {
		const json_t *m = find_model(list, f->models[i]);
		const char *broken = json_string_value(json_object_get(m, "error"));

		if (!m)
			return err_set(e, -EINVAL, README ":%d: models: '%s' is not served here",
				f->model_lines[i], f->models[i]);
		if (broken && *broken)
			return err_set(e, -EINVAL,
				README ":%d: models: '%s' cannot be used: %.100s",
				f->model_lines[i], f->models[i], broken);
	}
	return 0;
}

static void end_bundle_phase(struct build *b, size_t files)
{
	char detail[64];
	double kb = (double)b->bundle.len / 1000;

	(void)snprintf(detail, sizeof(detail),
		kb < 1000 ? " (%zu file%s, %.1f kB)" : " (%zu file%s, %.1f MB)", files,
		files == 1 ? "" : "s", kb < 1000 ? kb : kb / 1000);
	end_phase(b, "bundle", detail);
}

static int read_commit(struct build *b, struct err *e)
{
	const struct build_request *q = &b->request;
	CLEANUP(tree_freep) struct tree *t = NULL;
	int r = read_front_matter(b, e);

	if (r == 0)
		r = check_sdk(b, e);
	if (r < 0 || is_foreign(b))
		return r;
	r = tree_open(
		q->repo_path, q->quarantine, q->commit, q->large.open ? &q->large : NULL, &t, e);
	if (r == 0)
		r = check_app_file(b, t, e);
	if (r == 0 && !b->no_app)
		r = check_models(b, e);
	if (r < 0 || b->no_app)
		return r;
	end_phase(b, "front matter", "");
	if (is_static(b))
		return 0;
	r = assemble_bundle(t, &b->bundle, b->hash, e);
	if (r == 0)
		end_bundle_phase(b, tree_count(t));
	return r;
}

static void on_checked(const struct agent_checked *answer, const char *words, void *data);

/* The disk is busy while the box is: the bundle is stored under the check, not after it. */
static int check_and_store(struct build *b, struct err *e)
{
	const struct build_request *q = &b->request;
	const struct agent_check m = {.space = q->space_id,
		.owner = q->owner,
		.name = q->name,
		.bundle = b->hash,
		.entry = b->front_matter.app_file,
		.class = b->front_matter.class,
		.title = *b->title ? b->title : NULL,
		.settings = q->settings};
	CLEANUP(closep) int fd = fs_memfd_sealed("bundle", b->bundle.data, b->bundle.len, e);
	uint64_t start;
	int r;

	if (fd < 0)
		return fd;
	r = agent_peer_check(q->agent, &m, fd, on_checked, b, &b->ticket);
	if (r < 0)
		return err_set(e, r, "the check cannot be started: %s", strerror(-r));
	start = clock_mono_usec();
	r = blob_touch(q->blobs, b->hash) ? 0 : blob_put(q->blobs, fd, b->hash, e);
	b->stored_usec = clock_mono_usec() - start;
	return r;
}

/* The line of that file that is said, and its neighbours. */
static void say_excerpt(struct build *b, const char *file, int64_t line)
{
	struct bundle_entry f;
	const char *at, *end;

	if (!bundle_find(b->bundle.data, b->bundle.len, file, &f))
		return;
	at = (const char *)f.bytes;
	end = at + f.size;
	for (int64_t i = 1; i <= line + 1 && at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);

		if (n && at[n - 1] == '\r')
			n--;
		if (i >= line - 1)
			say(b, "vitrine:   %c %3lld | %.*s", i == line ? '>' : ' ', (long long)i,
				n < EXCERPT_MAX ? (int)n : EXCERPT_MAX, at);
		at = stop ? stop + 1 : end;
	}
}

static void say_failure(struct build *b, const struct agent_checked *m)
{
	const char *message = m->message ? m->message : "the app did not load";
	char where[300] = "";

	if (m->file && m->line)
		(void)snprintf(where, sizeof(where), "%s:%lld: ", m->file, (long long)m->line);
	else if (m->file)
		(void)snprintf(where, sizeof(where), "%s: ", m->file);
	if (!strncmp(message, where, strlen(where)))
		where[0] = '\0';
	set_message(b, "%s%.*s", where, (int)strcspn(message, "\n"), message);
	say(b, "vitrine: %s%.*s", where, (int)strcspn(message, "\n"), message);
	say_lines(b, "  ", strchr(message, '\n'));
	if (m->file && m->line)
		say_excerpt(b, m->file, m->line);
	if (m->traceback && *m->traceback)
		say_lines(b, "  ", m->traceback);
}

/* Each test with its name; what failed first is said by say_failure. */
static void say_tests(struct build *b, const struct agent_checked *m)
{
	const char *first = m->message;
	const json_t *t;
	size_t i;

	json_array_foreach(m->tests, i, t)
	{
		const char *name = json_string_value(json_object_get(t, "name"));
		const char *words = json_string_value(json_object_get(t, "message"));
		const char *file = json_string_value(json_object_get(t, "file"));
		long long line = json_integer_value(json_object_get(t, "line"));
		bool ok = json_is_true(json_object_get(t, "ok"));

		say(b, "vitrine:   %s %s %lld ms", ok ? "✓" : "✗", name ? name : "?",
			(long long)json_integer_value(json_object_get(t, "ms")));
		if (ok || !words || (first && !strcmp(words, first)))
			continue;
		say(b, "vitrine:     %s:%lld: %.*s", file ? file : "test.lua", line,
			(int)strcspn(words, "\n"), words);
		say_lines(b, "    ", strchr(words, '\n'));
	}
}

static int keep_json(struct buf *b, const json_t *v)
{
	return v ? json_write(b, v) : 0;
}

static void on_checked(const struct agent_checked *m, const char *words, void *data)
{
	struct build *b = data;
	uint64_t total = clock_mono_usec() - b->phase_usec;

	b->ticket = 0;
	if (!m) {
		refuse(b, words);
		return;
	}
	if (m->output && *m->output)
		say_lines(b, "  | ", m->output);
	if (m->tests)
		say_tests(b, m);
	if (!m->ok) {
		say_failure(b, m);
		finish(b, false);
		return;
	}
	if (keep_json(&b->tree, m->tree) < 0 || keep_json(&b->api, m->api) < 0) {
		refuse(b, "the page is over its limit of 2 MiB");
		return;
	}
	if (!*b->title && m->title)
		(void)snprintf(b->title, sizeof(b->title), "%s", m->title);
	record_phase(b, "stored", "", b->stored_usec);
	if (m->box_usec)
		record_phase(b, "box", "", (uint64_t)m->box_usec);
	record_phase(b, "app loaded", "", m->load_usec ? (uint64_t)m->load_usec : total);
	if (m->test_usec) {
		char detail[32];

		(void)snprintf(detail, sizeof(detail), " (%zu passed)", json_array_size(m->tests));
		record_phase(b, "tested", detail, (uint64_t)m->test_usec);
	}
	finish(b, true);
}

static void run(void *data)
{
	struct build *b = data;
	struct err e = {0};
	int r;

	b->start = NULL;
	b->phase_usec = clock_mono_usec();
	r = read_commit(b, &e);
	if (r == 0 && !b->no_app && runs_in_a_box(b))
		r = check_and_store(b, &e);
	if (r < 0)
		refuse(b, e.text[0] ? e.text : strerror(-r));
	else if (b->no_app || !runs_in_a_box(b))
		finish(b, true);
}

/* --- life --- */

int build_start(struct loop *loop, const struct build_request *request, const struct build_ops *ops,
	void *data, struct build **ret)
{
	struct build *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	*b = (struct build){.request = *request, .ops = ops, .data = data, .phases = json_array()};
	b->next = all;
	all = b;
	buf_init(&b->bundle, 0);
	buf_init(&b->log, BUILD_LOG_MAX);
	buf_init(&b->tree, APP_JSON_MAX);
	buf_init(&b->api, APP_JSON_MAX);
	buf_init(&b->phases_text, 4096);
	r = b->phases ? loop_defer(loop, run, b, &b->start) : -ENOMEM;
	if (r < 0) {
		(void)build_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct build *build_free(struct build *b)
{
	if (!b)
		return NULL;
	forget(b);
	if (b->ticket)
		agent_peer_forget(b->request.agent, b->ticket);
	(void)source_free(b->start);
	if (b->has_front_matter)
		front_matter_done(&b->front_matter);
	buf_done(&b->bundle);
	buf_done(&b->log);
	buf_done(&b->tree);
	buf_done(&b->api);
	buf_done(&b->phases_text);
	json_decref(b->phases);
	free(b);
	return NULL;
}
