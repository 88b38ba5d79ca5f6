/* vitrine usage: what models have cost, and whom. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void print_groups(const json_t *usage, const char *field, const char *name, const char *head)
{
	const json_t *list = json_object_get(usage, field), *g;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	printf("\n%-44s %8s %12s %10s %10s\n", head, "CALLS", "SECONDS", "TOKENS IN", "OUT");
	json_array_foreach(list, i, g)
	{
		const char *what = text_of(g, name);

		printf("%-44.44s %8.0f %12.3f %10.0f %10.0f\n", *what ? what : "(no Space)",
			number_of(g, "calls"), number_of(g, "deviceSeconds"),
			number_of(g, "tokensIn"), number_of(g, "tokensOut"));
	}
}

static void print_credits(const json_t *credits)
{
	const json_t *c;
	size_t i;

	json_array_foreach(credits, i, c)
	{
		const char *expires = text_of(c, "expires");

		printf("    credit of %.0f s, %.1f used, %s%.10s: %s (%s)\n",
			number_of(c, "seconds"), number_of(c, "usedSeconds"),
			*expires ? "until " : "does not expire", expires, text_of(c, "reason"),
			text_of(c, "by"));
	}
}

static void print_budgets(const json_t *usage)
{
	const json_t *b;
	size_t i;

	json_array_foreach(json_object_get(usage, "budgets"), i, b)
	{
		printf("%-36.44s %10.1f s left of %.0f in 24 hours (%s)\n", text_of(b, "account"),
			number_of(b, "secondsLeft"), number_of(b, "secondsPerDay"),
			text_of(json_object_get(b, "tier"), "name"));
		if (*text_of(b, "returns"))
			printf("    %.1f s used; %s\n", number_of(b, "secondsUsed"),
				text_of(b, "returns"));
		print_credits(json_object_get(b, "credits"));
		if (*text_of(b, "refusal"))
			printf("    %s\n", text_of(b, "refusal"));
	}
}

int cmd_usage(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"all", no_argument, NULL, 'a'},
		{"days", required_argument, NULL, 'd'}, {"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *usage = NULL;
	struct client_options o = {0};
	bool all = false, json = false;
	struct err e = {0};
	long days = 1;
	char path[64];
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'a')
			all = true;
		else if (opt == 'j')
			json = true;
		else if (opt == 'd')
			days = strtol(optarg, NULL, 10);
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	(void)snprintf(path, sizeof(path), "/api/usage?days=%ld%s", days, all ? "&all=1" : "");
	if (client_request(c, "GET", path, NULL, &usage, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	if (json) {
		(void)json_dumpf(usage, stdout, JSON_INDENT(2));
		putchar('\n');
		return 0;
	}
	print_budgets(usage);
	print_groups(usage, "accounts", "account", "ACCOUNT");
	print_groups(usage, "spaces", "space", "SPACE");
	print_groups(usage, "models", "model", "MODEL");
	return 0;
}
