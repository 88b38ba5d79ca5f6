#include "orchestrator/build/front_matter.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "proto/http_hosts.h"

#define NOTES_MAX 4096
#define LIST_MAX 200
#define KEYS_MAX 100

enum kind { TEXT, FLAG, NUMBER, LIST, CHOICE, ANY };

/* Every key somebody may reasonably write. Those without a slot are accepted for Hugging Face's
 * sake and mean nothing here. */
struct key {
	const char *name;
	enum kind kind;
	int64_t max;                /* TEXT: bytes; NUMBER: value; LIST: bytes of an item */
	const char *const *choices; /* CHOICE; NULL-terminated */
};

static const char *const sdks[] = {"lua", "gradio", "docker", "static", "streamlit", NULL};
static const char *const classes[] = {"small", "medium", "large", NULL};
static const char *const colors[] = {
	"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray", NULL};
static const char *const headers[] = {"mini", "default", NULL};

enum {
	KEY_TITLE,
	KEY_EMOJI,
	KEY_APP_FILE,
	KEY_CLASS,
	KEY_SLEEP,
	KEY_REPLICAS,
	KEY_MODELS,
	KEY_HTTP,
	KEY_SDK,
	KEYS_WITH_MEANING,
};

static const struct key keys[] = {
	[KEY_TITLE] = {"title", TEXT, 200},
	[KEY_EMOJI] = {"emoji", TEXT, 32},
	[KEY_APP_FILE] = {"app_file", TEXT, 255},
	[KEY_CLASS] = {"class", CHOICE, .choices = classes},
	[KEY_SLEEP] = {"sleep_after", NUMBER, 604800},
	[KEY_REPLICAS] = {"replicas", NUMBER, FRONT_MATTER_REPLICAS_MAX},
	[KEY_MODELS] = {"models", LIST, FRONT_MATTER_MODEL_MAX},
	[KEY_HTTP] = {"http", LIST, HTTP_HOST_MAX},
	[KEY_SDK] = {"sdk", CHOICE, .choices = sdks},
	{"colorFrom", CHOICE, .choices = colors},
	{"colorTo", CHOICE, .choices = colors},
	{"header", CHOICE, .choices = headers},
	{"pinned", FLAG},
	{"fullWidth", FLAG},
	{"disable_embedding", FLAG},
	{"hf_oauth", FLAG},
	{"hf_oauth_scopes", LIST, 100},
	{"hf_oauth_expiration_minutes", NUMBER, 43200},
	{"hf_oauth_authorized_org", ANY},
	{"short_description", TEXT, 500},
	{"license", ANY},
	{"license_name", TEXT, 200},
	{"license_link", TEXT, 500},
	{"thumbnail", TEXT, 500},
	{"tags", LIST, 100},
	{"datasets", LIST, 160},
	{"language", ANY},
	{"sdk_version", ANY},
	{"python_version", ANY},
	{"app_port", NUMBER, 65535},
	{"app_build_command", TEXT, 1000},
	{"base_path", TEXT, 500},
	{"suggested_hardware", TEXT, 40},
	{"suggested_storage", TEXT, 40},
	{"startup_duration_timeout", ANY},
	{"custom_headers", ANY},
	{"preload_from_hub", LIST, 500},
	{"duplicated_from", TEXT, 200},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

struct reader {
	yaml_document_t *doc; /* borrowed */
	struct front_matter *f;
	bool seen[N_KEYS];
};

/* The first line of the file is "---", so YAML's line 0 is the file's line 2. */
static int line_of(const yaml_node_t *node)
{
	return (int)node->start_mark.line + 2;
}

static void note(struct front_matter *f, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Remarks are help, so those beyond the ceiling are left out. */
static void note(struct front_matter *f, int line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)buf_addf(&f->notes, "README.md:%d: %s\n", line, text);
}

/* --- nearest name --- */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

#define NAME_MAX_COMPARED 40

/* Levenshtein distance with one row, blind to case. */
static unsigned int distance(const char *a, size_t n, const char *b)
{
	unsigned int row[NAME_MAX_COMPARED + 1];
	size_t m = strlen(b);

	if (n > NAME_MAX_COMPARED || m > NAME_MAX_COMPARED)
		return NAME_MAX_COMPARED;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + !same);
			diagonal = above;
		}
	}
	return row[m];
}

static const char *nearest_key(const char *name, size_t n)
{
	const char *best = NULL;
	unsigned int least = n < 6 ? 2 : 3; /* farther is no typing mistake */

	for (size_t i = 0; i < N_KEYS; i++) {
		unsigned int d = distance(name, n, keys[i].name);

		if (d <= least && (!best || d < least)) {
			best = keys[i].name;
			least = d;
		}
	}
	return best;
}

/* --- values --- */

static bool is_plain_text(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static int take_scalar(const struct key *k, const yaml_node_t *node, const char **ret,
	size_t *ret_n, struct err *e)
{
	if (node->type != YAML_SCALAR_NODE)
		return err_set(
			e, -EINVAL, "README.md:%d: %s: must be one value", line_of(node), k->name);
	*ret = (const char *)node->data.scalar.value;
	*ret_n = node->data.scalar.length;
	if (!is_plain_text(*ret, *ret_n))
		return err_set(e, -EINVAL,
			"README.md:%d: %s: must be one line without control characters",
			line_of(node), k->name);
	return 0;
}

static int check_text(const struct key *k, const yaml_node_t *node, const char **ret, struct err *e)
{
	size_t n = 0;
	int r = take_scalar(k, node, ret, &n, e);

	if (r == 0 && n > (size_t)k->max)
		return err_set(e, -EINVAL, "README.md:%d: %s: %zu bytes, the limit is %lld",
			line_of(node), k->name, n, (long long)k->max);
	return r;
}

static int check_choice(
	const struct key *k, const yaml_node_t *node, const char **ret, struct err *e)
{
	char known[96] = "";
	size_t n = 0;
	int r = take_scalar(k, node, ret, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; k->choices[i]; i++) {
		if (!strcmp(*ret, k->choices[i]))
			return 0;
		(void)snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			i ? ", " : "", k->choices[i]);
	}
	return err_set(e, -EINVAL, "README.md:%d: %s: '%.40s' is not known here; it takes: %s",
		line_of(node), k->name, *ret, known);
}

static int check_flag(const struct key *k, const yaml_node_t *node, struct err *e)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};
	const char *text = "";
	size_t n = 0;
	int r = take_scalar(k, node, &text, &n, e);

	for (size_t i = 0; r == 0 && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i]))
			return 0;
	return r < 0 ? r
		     : err_set(e, -EINVAL, "README.md:%d: %s: '%.40s' is neither true nor false",
			       line_of(node), k->name, text);
}

static int check_number(const struct key *k, const yaml_node_t *node, int64_t *ret, struct err *e)
{
	const char *text = "";
	size_t n = 0;
	int r = take_scalar(k, node, &text, &n, e);

	if (r < 0)
		return r;
	*ret = 0;
	if (n == 0 || n > 12 || strspn(text, "0123456789") != n)
		return err_set(e, -EINVAL, "README.md:%d: %s: '%.40s' is no whole number",
			line_of(node), k->name, text);
	*ret = strtoll(text, NULL, 10);
	if (*ret > k->max)
		return err_set(e, -EINVAL, "README.md:%d: %s: %lld is over the limit of %lld",
			line_of(node), k->name, (long long)*ret, (long long)k->max);
	return 0;
}

static int take_model(struct reader *rd, const yaml_node_t *item, const char *text, struct err *e)
{
	struct front_matter *f = rd->f;

	if (f->n_models == FRONT_MATTER_MODELS_MAX)
		return err_set(e, -EINVAL, "README.md:%d: models: more than %d", line_of(item),
			FRONT_MATTER_MODELS_MAX);
	(void)snprintf(f->models[f->n_models], sizeof(f->models[0]), "%s", text);
	f->model_lines[f->n_models++] = line_of(item);
	return 0;
}

static int take_host(struct reader *rd, const yaml_node_t *item, const char *text, struct err *e)
{
	struct front_matter *f = rd->f;
	size_t n = strlen(f->http);

	if (http_host_check(text, e) < 0)
		return err_wrap(e, "README.md:%d: http", line_of(item));
	if (f->n_http == HTTP_HOSTS_MAX || n + 1 + strlen(text) > FRONT_MATTER_HTTP_MAX)
		return err_set(e, -EINVAL, "README.md:%d: http: more than %d hosts, or %d bytes",
			line_of(item), HTTP_HOSTS_MAX, FRONT_MATTER_HTTP_MAX);
	(void)snprintf(f->http + n, sizeof(f->http) - n, "%s%s", n ? " " : "", text);
	f->n_http++;
	return 0;
}

static int check_list(struct reader *rd, size_t key, const yaml_node_t *node, struct err *e)
{
	const struct key *k = &keys[key];
	int count = 0;

	if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
		return 0; /* "models:" with nothing behind it */
	if (node->type != YAML_SEQUENCE_NODE)
		return err_set(
			e, -EINVAL, "README.md:%d: %s: must be a list", line_of(node), k->name);
	for (yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		const yaml_node_t *item = yaml_document_get_node(rd->doc, *i);
		const char *text = "";
		int r;

		if (!item || ++count > LIST_MAX)
			return err_set(e, -EINVAL, "README.md:%d: %s: more than %d items",
				line_of(node), k->name, LIST_MAX);
		r = check_text(k, item, &text, e);
		if (r == 0 && key == KEY_MODELS)
			r = take_model(rd, item, text, e);
		if (r == 0 && key == KEY_HTTP)
			r = take_host(rd, item, text, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_clean_path(const char *path)
{
	if (!*path || *path == '/' || strstr(path, "//") || path[strlen(path) - 1] == '/')
		return false;
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (!strncmp(p, "./", 2) || !strncmp(p, "../", 3) || !strcmp(p, ".") ||
			!strcmp(p, ".."))
			return false;
	}
	return true;
}

static int take_text(
	struct reader *rd, size_t key, const yaml_node_t *node, const char *text, struct err *e)
{
	struct front_matter *f = rd->f;

	switch (key) {
	case KEY_TITLE:
		(void)snprintf(f->title, sizeof(f->title), "%s", text);
		break;
	case KEY_EMOJI:
		(void)snprintf(f->emoji, sizeof(f->emoji), "%s", text);
		break;
	case KEY_CLASS:
		(void)snprintf(f->class, sizeof(f->class), "%s", text);
		break;
	case KEY_SDK:
		(void)snprintf(f->sdk, sizeof(f->sdk), "%s", text);
		f->sdk_line = line_of(node);
		break;
	case KEY_APP_FILE:
		if (!is_clean_path(text))
			return err_set(e, -EINVAL,
				"README.md:%d: app_file: '%.80s' is not a path inside the repo",
				line_of(node), text);
		(void)snprintf(f->app_file, sizeof(f->app_file), "%s", text);
		f->app_file_line = line_of(node);
		break;
	}
	return 0;
}

static int take_value(struct reader *rd, size_t key, const yaml_node_t *node, struct err *e)
{
	const struct key *k = &keys[key];
	const char *text = "";
	int64_t number;
	int r;

	switch (k->kind) {
	case TEXT:
		r = check_text(k, node, &text, e);
		return r < 0 ? r : take_text(rd, key, node, text, e);
	case CHOICE:
		r = check_choice(k, node, &text, e);
		return r < 0 ? r : take_text(rd, key, node, text, e);
	case FLAG:
		return check_flag(k, node, e);
	case LIST:
		return check_list(rd, key, node, e);
	case NUMBER:
		r = check_number(k, node, &number, e);
		if (r == 0 && key == KEY_SLEEP)
			rd->f->sleep_sec = number;
		if (r == 0 && key == KEY_REPLICAS)
			rd->f->replicas = number;
		return r;
	case ANY:
		return 0;
	}
	return -EINVAL;
}

static int take_pair(
	struct reader *rd, const yaml_node_t *name, const yaml_node_t *value, struct err *e)
{
	const char *text, *near;
	size_t n;

	if (!name || !value || name->type != YAML_SCALAR_NODE)
		return err_set(e, -EINVAL, "README.md:%d: a key must be plain text",
			name ? line_of(name) : 2);
	text = (const char *)name->data.scalar.value;
	n = name->data.scalar.length;
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strlen(keys[i].name) != n || memcmp(keys[i].name, text, n) != 0)
			continue;
		if (rd->seen[i])
			return err_set(e, -EINVAL, "README.md:%d: %s: stands here a second time",
				line_of(name), keys[i].name);
		rd->seen[i] = true;
		return take_value(rd, i, value, e);
	}
	if (!is_plain_text(text, n))
		return err_set(
			e, -EINVAL, "README.md:%d: a key has control characters", line_of(name));
	near = nearest_key(text, n);
	if (near)
		note(rd->f, line_of(name), "%.60s: unknown key; did you mean '%s'?", text, near);
	else
		note(rd->f, line_of(name), "%.60s: unknown key", text);
	return 0;
}

static int read_document(struct reader *rd, struct err *e)
{
	const yaml_node_t *root = yaml_document_get_root_node(rd->doc);
	int count = 0, r = 0;

	if (!root)
		return 0; /* nothing between the lines */
	if (root->type != YAML_MAPPING_NODE)
		return err_set(e, -EINVAL, "README.md:%d: front matter must be 'key: value' lines",
			line_of(root));
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start;
		r == 0 && p < root->data.mapping.pairs.top; p++) {
		if (++count > KEYS_MAX)
			return err_set(e, -EINVAL,
				"README.md:%d: front matter has more than %d keys", line_of(root),
				KEYS_MAX);
		r = take_pair(rd, yaml_document_get_node(rd->doc, p->key),
			yaml_document_get_node(rd->doc, p->value), e);
	}
	return r;
}

static int read_yaml(const char *text, size_t n, struct front_matter *f, struct err *e)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	struct reader rd = {.doc = &doc, .f = f};
	int r;

	if (!yaml_parser_initialize(&parser))
		return err_set(e, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	if (yaml_parser_load(&parser, &doc)) {
		r = read_document(&rd, e);
		yaml_document_delete(&doc);
	} else if (parser.error == YAML_MEMORY_ERROR) {
		r = err_set(e, -ENOMEM, "out of memory");
	} else {
		r = err_set(e, -EINVAL, "README.md:%d: %s", (int)parser.problem_mark.line + 2,
			parser.problem ? parser.problem : "is no YAML");
	}
	yaml_parser_delete(&parser);
	return r;
}

/* --- the two lines --- */

/* Length of the line at text with its end, or 0 at the end of the file. */
static size_t line_len(const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n);

	return end ? (size_t)(end - text) + 1 : n;
}

static bool is_fence(const char *line, size_t n)
{
	while (n > 0 && isspace((unsigned char)line[n - 1]))
		n--;
	return n == 3 && !memcmp(line, "---", 3);
}

/* Finds the text between the fences. 1, 0: there is none, -EINVAL. */
static int find_matter(const char *readme, size_t n, const char **ret, size_t *ret_n, struct err *e)
{
	static const char bom[] = "\xef\xbb\xbf";
	size_t at, start;

	if (n >= 3 && !memcmp(readme, bom, 3)) {
		readme += 3;
		n -= 3;
	}
	start = line_len(readme, n);
	if (!is_fence(readme, start))
		return 0;
	for (at = start; at < n;) {
		size_t len = line_len(readme + at, n - at);

		if (is_fence(readme + at, len)) {
			*ret = readme + start;
			*ret_n = at - start;
			return 1;
		}
		at += len;
		if (at - start > FRONT_MATTER_MAX)
			return err_set(e, -EINVAL,
				"README.md:1: front matter is over its limit of %u bytes",
				FRONT_MATTER_MAX);
	}
	return err_set(e, -EINVAL, "README.md:1: front matter has no closing '---' line");
}

int front_matter_read(const char *readme, size_t n, struct front_matter *ret, struct err *e)
{
	const char *text = "";
	size_t len = 0;
	int r;

	*ret = (struct front_matter){.app_file = "app.lua",
		.class = "small",
		.sdk = "lua",
		.sleep_sec = FRONT_MATTER_SLEEP_DEFAULT};
	buf_init(&ret->notes, NOTES_MAX);
	r = find_matter(readme, n, &text, &len, e);
	if (r == 0)
		note(ret, 1, "no front matter; the app is app.lua");
	if (r > 0)
		r = read_yaml(text, len, ret, e);
	if (!ret->app_file_line && !strcmp(ret->sdk, FRONT_MATTER_STATIC))
		(void)snprintf(ret->app_file, sizeof(ret->app_file), "index.html");
	if (r < 0)
		front_matter_done(ret);
	return r < 0 ? r : 0;
}

void front_matter_done(struct front_matter *f)
{
	buf_done(&f->notes);
}
