/* vitrine audit: who did what, whether the log of it is whole, and its beginning taken out. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "orchestrator/audit/chain.h"

#define ASKED_AT_ONCE 1000

struct call {
	struct client_options o;
	const char *last;   /* how many rows */
	const char *anchor; /* N:HASH */
	const char *before; /* a day, or how many ago */
	int64_t anchor_n;
	bool anchor_seen;
	bool json;
	struct audit_walk walk;
};

typedef int (*row_fn)(struct call *c, const json_t *o, struct err *e);

/* --- rows --- */

static int print_row(struct call *c, const json_t *o, struct err *e)
{
	struct audit_row row;
	char time_text[32] = "";
	struct tm tm;
	time_t at;
	int r;

	if (c->json) {
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		return 0;
	}
	r = audit_row_read(o, &row, e);
	if (r < 0)
		return r;
	at = (time_t)(row.at_usec / (int64_t)USEC_PER_SEC);
	if (gmtime_r(&at, &tm))
		(void)strftime(time_text, sizeof(time_text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%lld  %s  %s  %s  %s  %s\n", (long long)row.n, time_text, *row.who ? row.who : "-",
		row.action, row.subject, row.detail);
	return 0;
}

static int check_row(struct call *c, const json_t *o, struct err *e)
{
	struct audit_row row;
	int r = audit_row_read(o, &row, e);

	if (r == 0)
		r = audit_walk_step(&c->walk, &row, e);
	if (r < 0 || !c->anchor || row.n != c->anchor_n)
		return r;
	c->anchor_seen = true;
	return strcmp(strchr(c->anchor, ':') + 1, row.hash) == 0
		       ? 0
		       : err_set(e, -EBADMSG,
				 "row %lld: it is not the one of --head: the log was made anew",
				 (long long)row.n);
}

static int each_asked(struct call *c, row_fn fn, struct err *e)
{
	struct client *client = client_or_complain(&c->o);
	int64_t after = 0;
	size_t n = ASKED_AT_ONCE;
	int r = client ? 0 : -EREMOTEIO;

	while (r == 0 && n == ASKED_AT_ONCE) {
		CLEANUP(json_unrefp) json_t *list = NULL;
		char path[96];

		(void)snprintf(path, sizeof(path), "/api/audit?after=%lld&limit=%d",
			(long long)after, ASKED_AT_ONCE);
		r = client_request(client, "GET", path, NULL, &list, e);
		n = json_array_size(list);
		for (size_t i = 0; r == 0 && i < n; i++)
			r = fn(c, json_array_get(list, i), e);
		/* Not every log begins with row 1. */
		after = json_integer_value(json_object_get(json_array_get(list, n - 1), "n"));
	}
	(void)client_free(client);
	return r;
}

static int each_in_file(struct call *c, const char *path, row_fn fn, struct err *e)
{
	CLEANUP(fclosep) FILE *f = fopen(path, "re");
	CLEANUP(freep) char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int r = 0;

	if (!f)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	while (r == 0 && (n = getline(&line, &room, f)) > 0) {
		CLEANUP(json_unrefp) json_t *o = NULL;

		r = json_parse(line, (size_t)n, AUDIT_ROW_MAX, &o, e);
		if (r == 0)
			r = fn(c, o, e);
	}
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}

/* --- commands --- */

static int list(struct call *c, int argc, char **argv, struct err *e)
{
	CLEANUP(json_unrefp) json_t *rows = NULL;
	struct client *client;
	char path[64];
	int r;

	(void)argv;
	if (argc > 0)
		return err_set(e, -E2BIG, "list takes no name");
	client = client_or_complain(&c->o);
	if (!client)
		return -EREMOTEIO;
	(void)snprintf(path, sizeof(path), "/api/audit?last=%.12s", c->last ? c->last : "50");
	r = client_request(client, "GET", path, NULL, &rows, e);
	for (size_t i = 0; r == 0 && i < json_array_size(rows); i++)
		r = print_row(c, json_array_get(rows, i), e);
	(void)client_free(client);
	return r;
}

static int parse_anchor(struct call *c, struct err *e)
{
	const char *colon = c->anchor ? strchr(c->anchor, ':') : NULL;

	if (!c->anchor)
		return 0;
	c->anchor_n = strtoll(c->anchor, NULL, 10);
	if (!colon || c->anchor_n < 1 || strlen(colon + 1) != SHA256_HEX)
		return err_set(e, -E2BIG, "--head takes N:HASH, as an earlier verify said it");
	return 0;
}

/* A head that no row had: it is where what went ends, or among it, or behind the log's end. */
static int judge_anchor(const struct call *c, struct err *e)
{
	const struct audit_walk *w = &c->walk;

	if (c->anchor_n == w->begins)
		return strcmp(strchr(c->anchor, ':') + 1, w->begin_hash) == 0
			       ? 0
			       : err_set(e, -EBADMSG,
					 "what was taken out ends with another row %lld than that "
					 "of --head",
					 (long long)c->anchor_n);
	if (c->anchor_n < w->begins)
		return err_set(e, -EBADMSG,
			"row %lld was taken out with others: verify the copy that was kept of them",
			(long long)c->anchor_n);
	return err_set(e, -EBADMSG,
		"the log ends at row %lld, and had row %lld: its end is cut off", (long long)w->n,
		(long long)c->anchor_n);
}

/* Of the platform's log, or of a file; c->walk is where it ends. */
static int walk_all(struct call *c, const char *file, struct err *e)
{
	int r;

	audit_walk_begin(&c->walk);
	r = file ? each_in_file(c, file, check_row, e) : each_asked(c, check_row, e);
	if (r == 0)
		r = audit_walk_end(&c->walk, e);
	return r == 0 && c->anchor && !c->anchor_seen ? judge_anchor(c, e) : r;
}

static int verify(struct call *c, int argc, char **argv, struct err *e)
{
	int r = argc > 1 ? err_set(e, -E2BIG, "verify takes one file, or none")
			 : parse_anchor(c, e);

	if (r == 0)
		r = walk_all(c, argc == 1 ? argv[0] : NULL, e);
	if (r < 0)
		return r;
	printf("%lld rows, whole. Head: %lld:%s\n", (long long)(c->walk.n - c->walk.begins),
		(long long)c->walk.n, c->walk.hash);
	if (c->walk.begins)
		printf("The rows up to %lld were taken out; the last of them is %lld:%s\n",
			(long long)c->walk.begins, (long long)c->walk.begins, c->walk.begin_hash);
	return 0;
}

static int export_all(struct call *c, int argc, char **argv, struct err *e)
{
	(void)argv;
	c->json = true;
	return argc > 0 ? err_set(e, -E2BIG, "export writes to standard output")
			: each_asked(c, print_row, e);
}

/* 2026-01-31, its beginning in UTC, or 90d: so many days ago. */
static int parse_before(const char *text, int64_t *ret, struct err *e)
{
	struct tm t = {0};
	char unit, rest;
	unsigned int n;
	const char *end;

	if (text && sscanf(text, "%5u%c%c", &n, &unit, &rest) == 2 && unit == 'd') {
		*ret = (int64_t)(clock_wall_usec() - n * 86400 * USEC_PER_SEC);
		return 0;
	}
	end = text ? strptime(text, "%Y-%m-%d", &t) : NULL;
	if (!end || *end)
		return err_set(e, -E2BIG, "--before takes a day as 2026-01-31, or 90d");
	*ret = (int64_t)timegm(&t) * (int64_t)USEC_PER_SEC;
	return 0;
}

/* A request takes so many out; the platform says whether there are more. */
static int prune_asked(struct client *client, const json_t *body, struct err *e)
{
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		CLEANUP(json_unrefp) json_t *done = NULL;

		r = client_request(client, "POST", "/api/audit/prune", body, &done, e);
		more = json_is_true(json_object_get(done, "more"));
		if (r == 0)
			printf("%lld rows are out of the log, up to row %lld\n",
				(long long)json_integer_value(json_object_get(done, "removed")),
				(long long)json_integer_value(json_object_get(done, "upto")));
	}
	return r;
}

/* Only what the file holds goes, so the file is looked through first. */
static int prune(struct call *c, int argc, char **argv, struct err *e)
{
	CLEANUP(json_unrefp) json_t *body = NULL;
	struct client *client;
	char head[SHA256_HEX + 32];
	int64_t before = 0;
	int r = argc != 1 ? err_set(e, -E2BIG, "prune takes the file that export wrote")
			  : parse_before(c->before, &before, e);

	if (r == 0)
		r = walk_all(c, argv[0], e);
	if (r < 0)
		return r;
	(void)snprintf(head, sizeof(head), "%lld:%s", (long long)c->walk.n, c->walk.hash);
	body = json_pack("{s:I, s:s}", "before", (json_int_t)before, "head", head);
	client = client_or_complain(&c->o);
	if (!client)
		return -EREMOTEIO;
	r = prune_asked(client, body, e);
	(void)client_free(client);
	return r;
}

static const struct {
	const char *name;
	int (*run)(struct call *c, int argc, char **argv, struct err *e);
} calls[] = {{"list", list}, {"verify", verify}, {"export", export_all}, {"prune", prune}};

int cmd_audit(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"head", required_argument, NULL, 'h'}, {"before", required_argument, NULL, 'b'},
		{0}};
	struct call c = {0};
	struct err e = {0};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "n:", known, NULL)) != -1) {
		if (opt == 'n')
			c.last = optarg;
		else if (opt == 'j')
			c.json = true;
		else if (opt == 'h')
			c.anchor = optarg;
		else if (opt == 'b')
			c.before = optarg;
		else if (!client_option(&c.o, opt, optarg))
			return 2;
	}
	for (size_t i = 0; optind < argc && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(argv[optind], calls[i].name) != 0)
			continue;
		r = calls[i].run(&c, argc - optind - 1, argv + optind + 1, &e);
		if (r < 0 && e.code)
			fprintf(stderr, "vitrine: %s\n", e.text);
		return r == 0 ? 0 : (r == -E2BIG ? 2 : 1);
	}
	fprintf(stderr, "vitrine: list, verify, export or prune; see vitrine help audit\n");
	return 2;
}
