/* vitrine policy, vitrine credit: who may use how much compute. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

#define FILE_MAX (128u << 10) /* as the platform takes it */

struct wish {
	struct client_options client;
	const char *reason, *version, *days;
	bool json, owner;
};

static bool parse(struct wish *w, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"reason", required_argument, NULL, 'r'}, {"version", required_argument, NULL, 'v'},
		{"days", required_argument, NULL, 'd'}, {"owner", no_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'r')
			w->reason = optarg;
		else if (c == 'v')
			w->version = optarg;
		else if (c == 'd')
			w->days = optarg;
		else if (c == 'o')
			w->owner = true;
		else if (c == 'j')
			w->json = true;
		else if (!client_option(&w->client, c, optarg))
			return false;
	}
	return true;
}

/* The file as {text}; NULL after saying why. */
static json_t *read_file(const char *path)
{
	CLEANUP(buf_done) struct buf text;
	struct err e = {0};
	json_t *o;

	buf_init(&text, FILE_MAX);
	if (fs_read(AT_FDCWD, path, &text, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return NULL;
	}
	o = json_pack("{s:s%}", "text", buf_str(&text), text.len);
	if (!o)
		fprintf(stderr, "vitrine: %s: is not UTF-8\n", path);
	return o;
}

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static bool same_pool(const json_t *from, const json_t *to)
{
	return !strcmp(ask_text(from, "pool"), ask_text(to, "pool")) &&
	       number_of(from, "poolPercent") == number_of(to, "poolPercent") &&
	       json_is_true(json_object_get(from, "poolBorrows")) ==
		       json_is_true(json_object_get(to, "poolBorrows"));
}

static void print_pool(const json_t *side)
{
	const char *name = ask_text(side, "pool");

	printf("%s (%.0f %%%s)", *name ? name : "-", number_of(side, "poolPercent"),
		json_is_true(json_object_get(side, "poolBorrows")) ? "" : ", borrows nothing");
}

static void print_pools(const json_t *from, const json_t *to, const char *comma)
{
	if (same_pool(from, to))
		return;
	printf("%spool ", comma);
	print_pool(from);
	printf(" -> ");
	print_pool(to);
}

/* "seconds 3600 → 7200, weight 1 → 2" of what differs. */
static void print_change(const json_t *row)
{
	static const struct {
		const char *key, *word;
	} fields[] = {{"secondsPerDay", "seconds"}, {"weight", "weight"},
		{"concurrent", "concurrent"}, {"secondsPerCall", "seconds_per_call"},
		{"memoryMib", "memory_mib"}};
	const json_t *from = json_object_get(row, "from"), *to = json_object_get(row, "to");
	const char *comma = "";

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		double a = number_of(from, fields[i].key), b = number_of(to, fields[i].key);

		if (a == b)
			continue;
		printf("%s%s %.0f -> %.0f", comma, fields[i].word, a, b);
		comma = ", ";
	}
	print_pools(from, to, comma);
}

static void print_moves(const json_t *moves)
{
	const json_t *m;
	size_t i;

	json_array_foreach(moves, i, m)
	{
		const json_t *from = json_object_get(m, "from"), *to = json_object_get(m, "to");

		printf("space  %-36.60s %s -> %s", ask_text(m, "space"), ask_text(from, "name"),
			ask_text(to, "name"));
		for (size_t k = 0; k < 3; k++) {
			static const char *const keys[] = {"class", "pool", "device"};
			const char *a = ask_text(from, keys[k]), *b = ask_text(to, keys[k]);

			if (strcmp(a, b) != 0)
				printf(", %s %s -> %s", keys[k], *a ? a : "-", *b ? b : "-");
		}
		printf("\n");
	}
}

static void print_plan(const json_t *plan)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "rows"), i, row)
	{
		printf("%-5s  %-36.60s %s -> %s: ", ask_text(row, "change"),
			ask_text(row, "account"), ask_text(json_object_get(row, "from"), "name"),
			ask_text(json_object_get(row, "to"), "name"));
		print_change(row);
		if (json_is_true(json_object_get(row, "over")))
			printf("; over at once, %.1f s are used", number_of(row, "secondsUsed"));
		printf("\n");
	}
	print_moves(json_object_get(plan, "moves"));
	printf("%.0f gain, %.0f lose, %.0f both, %.0f as before; over at once: %.0f\n",
		number_of(plan, "gains"), number_of(plan, "loses"), number_of(plan, "mixed"),
		number_of(plan, "same"), number_of(plan, "over"));
}

static int plan_file(const struct wish *w, const char *path, bool check)
{
	CLEANUP(json_unrefp) json_t *body = read_file(path);
	CLEANUP(json_unrefp) json_t *plan = NULL;

	if (!body || ask(&w->client, "POST", body, &plan, "/api/policy/plan") != 0)
		return ASK_FAILED;
	if (w->json)
		ask_print(plan);
	else if (check)
		printf("%s: %.0f tiers, fine\n", path, number_of(plan, "tiers"));
	else
		print_plan(plan);
	return 0;
}

static int apply_file(const struct wish *w, const char *path)
{
	CLEANUP(json_unrefp) json_t *body = read_file(path);
	CLEANUP(json_unrefp) json_t *plan = NULL;

	if (!body)
		return ASK_FAILED;
	(void)json_object_set_new(body, "reason", json_string(w->reason));
	if (ask(&w->client, "PUT", body, &plan, "/api/policy") != 0)
		return ASK_FAILED;
	if (w->json) {
		ask_print(plan);
		return 0;
	}
	print_plan(plan);
	printf("applied as version %.0f\n", number_of(plan, "version"));
	return 0;
}

static int show(const struct wish *w)
{
	CLEANUP(json_unrefp) json_t *policy = NULL;
	int r = w->version ? ask(&w->client, "GET", NULL, &policy, "/api/policy?version=%ld",
				     strtol(w->version, NULL, 10))
			   : ask(&w->client, "GET", NULL, &policy, "/api/policy");

	if (r != 0)
		return ASK_FAILED;
	if (w->json)
		ask_print(policy);
	else
		fputs(ask_text(policy, "text"), stdout);
	return 0;
}

static int history(const struct wish *w)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	const json_t *v;
	size_t i;

	if (ask(&w->client, "GET", NULL, &list, "/api/policy/history") != 0)
		return ASK_FAILED;
	if (w->json)
		ask_print(list);
	else
		json_array_foreach(list, i, v)
			printf("%5.0f  %s  %-20s %s\n", number_of(v, "version"),
				ask_text(v, "time"), ask_text(v, "by"), ask_text(v, "reason"));
	return 0;
}

int cmd_policy(int argc, char **argv)
{
	struct wish w = {0};
	const char *verb, *path;

	if (!parse(&w, argc, argv))
		return ASK_USAGE;
	verb = optind < argc ? argv[optind] : "";
	path = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (path && !argv[optind + 2] && (!strcmp(verb, "check") || !strcmp(verb, "plan")))
		return plan_file(&w, path, !strcmp(verb, "check"));
	if (path && !argv[optind + 2] && !strcmp(verb, "apply") && w.reason)
		return apply_file(&w, path);
	if (!path && !strcmp(verb, "show"))
		return show(&w);
	if (!path && !strcmp(verb, "history"))
		return history(&w);
	fprintf(stderr, "usage: vitrine policy check FILE | plan FILE | "
			"apply FILE --reason WORDS | show [--version N] | history\n");
	return ASK_USAGE;
}

int cmd_credit(int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *body = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct wish w = {0};
	char account[128], *end = NULL;
	long seconds = 0;

	if (!parse(&w, argc, argv))
		return ASK_USAGE;
	if (optind == argc - 2)
		seconds = strtol(argv[optind + 1], &end, 10);
	if (!end || *end || seconds <= 0 || !w.reason) {
		fprintf(stderr, "usage: vitrine credit NAME SECONDS --reason WORDS [--days N] "
				"[--owner]\n");
		return ASK_USAGE;
	}
	(void)snprintf(
		account, sizeof(account), "%s:%.100s", w.owner ? "owner" : "user", argv[optind]);
	body = json_pack("{s:s, s:I, s:s}", "account", account, "seconds", (json_int_t)seconds,
		"reason", w.reason);
	if (body && w.days)
		(void)json_object_set_new(
			body, "expiresInDays", json_integer(strtol(w.days, NULL, 10)));
	if (!body || ask(&w.client, "POST", body, &answer, "/api/credits") != 0)
		return ASK_FAILED;
	if (w.json)
		ask_print(answer);
	else
		printf("%s has %ld s more\n", account, seconds);
	return 0;
}
