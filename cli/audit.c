/* vitrine audit: who did what, and whether the log of it is whole. */
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
		after += (int64_t)n;
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

static int verify(struct call *c, int argc, char **argv, struct err *e)
{
	int r = argc > 1 ? err_set(e, -E2BIG, "verify takes one file, or none")
			 : parse_anchor(c, e);

	if (r < 0)
		return r;
	audit_walk_begin(&c->walk);
	r = argc == 1 ? each_in_file(c, argv[0], check_row, e) : each_asked(c, check_row, e);
	if (r == 0 && c->anchor && !c->anchor_seen)
		r = err_set(e, -EBADMSG,
			"the log ends at row %lld, and had row %lld: its end is cut off",
			(long long)c->walk.n, (long long)c->anchor_n);
	if (r == 0)
		printf("%lld rows, whole. Head: %lld:%s\n", (long long)c->walk.n,
			(long long)c->walk.n, c->walk.hash);
	return r;
}

static int export_all(struct call *c, int argc, char **argv, struct err *e)
{
	(void)argv;
	c->json = true;
	return argc > 0 ? err_set(e, -E2BIG, "export writes to standard output")
			: each_asked(c, print_row, e);
}

static const struct {
	const char *name;
	int (*run)(struct call *c, int argc, char **argv, struct err *e);
} calls[] = {{"list", list}, {"verify", verify}, {"export", export_all}};

int cmd_audit(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"head", required_argument, NULL, 'h'}, {0}};
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
	fprintf(stderr, "vitrine: list, verify or export; see vitrine help audit\n");
	return 2;
}
