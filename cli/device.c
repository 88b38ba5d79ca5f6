/* vitrine device: what models run on, and which of it is in service. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

struct wish {
	struct client_options client;
	const char *reason;
	bool json, yes;
};

static bool parse(struct wish *w, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"yes", no_argument, NULL, 'y'}, {"reason", required_argument, NULL, 'r'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			w->json = true;
		else if (opt == 'y')
			w->yes = true;
		else if (opt == 'r')
			w->reason = optarg;
		else if (!client_option(&w->client, opt, optarg))
			return false;
	}
	return true;
}

static double mib(const json_t *d, const char *key)
{
	return json_number_value(json_object_get(d, key)) / 1048576;
}

static void print_since(const json_t *d)
{
	time_t at = (time_t)json_integer_value(json_object_get(d, "since"));
	struct tm tm;
	char text[32];

	if (at > 0 && localtime_r(&at, &tm) && strftime(text, sizeof(text), "%F %T", &tm) > 0)
		printf(" since %s", text);
}

static void print_hardware(const json_t *d)
{
	if (*ask_text(d, "hardware"))
		printf("%-12s %s\n", "", ask_text(d, "hardware"));
	if (*ask_text(d, "warning"))
		printf("%-12s !! %s\n", "", ask_text(d, "warning"));
}

static void print_device(const json_t *d)
{
	printf("%-12s %-9s %5.0f of %.0f MiB of weights, %.0f of %.0f MiB of keys and values, "
	       "%lld models",
		ask_text(d, "name"), ask_text(d, "state"), mib(d, "memoryBytes"),
		mib(d, "memoryMaxBytes"), mib(d, "keysBytes"), mib(d, "keysMaxBytes"),
		(long long)json_integer_value(json_object_get(d, "models")));
	printf("\n");
	print_hardware(d);
	if (!strcmp(ask_text(d, "state"), "serving"))
		return;
	printf("%-12s %s", "", ask_text(d, "state"));
	print_since(d);
	printf("%s%s\n", *ask_text(d, "reason") ? ": " : "", ask_text(d, "reason"));
}

static const json_t *find_device(const json_t *all, const char *name)
{
	const json_t *d;
	size_t i;

	json_array_foreach(json_object_get(all, "devices"), i,
		d) if (!strcmp(ask_text(d, "name"), name)) return d;
	return NULL;
}

static void print_all(const json_t *all)
{
	const json_t *d;
	size_t i;

	json_array_foreach(json_object_get(all, "devices"), i, d) print_device(d);
	json_array_foreach(json_object_get(all, "gpus"), i, d)
	{
		printf("%-12s no model runs on it\n", "(a GPU)");
		print_hardware(d);
	}
}

/* All of them, or the one called so. */
static int show(const struct wish *w, const char *name)
{
	CLEANUP(json_unrefp) json_t *all = NULL;
	const json_t *one;

	if (ask(&w->client, "GET", NULL, &all, "/api/devices") != 0)
		return ASK_FAILED;
	one = name ? find_device(all, name) : NULL;
	if (name && !one) {
		fprintf(stderr, "vitrine: there is no device '%s'; vitrine device list\n", name);
		return ASK_FAILED;
	}
	if (!json_is_true(json_object_get(all, "connected")))
		fprintf(stderr, "vitrine: inference is not connected; this is what was known "
				"last\n");
	if (w->json)
		ask_print(one ? one : json_object_get(all, "devices"));
	else if (one)
		print_device(one);
	else
		print_all(all);
	return 0;
}

static int order(const struct wish *w, const char *act, const char *name)
{
	CLEANUP(json_unrefp) json_t *d = NULL;
	CLEANUP(json_unrefp)
	json_t *body =
		json_pack("{s:s, s:b}", "reason", w->reason ? w->reason : "", "last", w->yes);
	char path[256];

	if (strpbrk(name, "/?#% ") || strlen(name) > 31) {
		fprintf(stderr, "vitrine: '%s' is not a device's name\n", name);
		return ASK_USAGE;
	}
	(void)snprintf(path, sizeof(path), "/api/devices/%s/%s", name, act);
	if (!body || ask(&w->client, "POST", body, &d, "%s", path) != 0)
		return ASK_FAILED;
	if (w->json)
		ask_print(d);
	else
		print_device(d);
	return 0;
}

int cmd_device(int argc, char **argv)
{
	struct wish w = {0};
	const char *verb, *name;

	if (!parse(&w, argc, argv))
		return ASK_USAGE;
	verb = optind < argc ? argv[optind] : "list";
	name = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (!strcmp(verb, "list") && !name)
		return show(&w, NULL);
	if (name && !argv[optind + 2]) {
		if (!strcmp(verb, "show"))
			return show(&w, name);
		if (!strcmp(verb, "drain") || !strcmp(verb, "return") ||
			(!strcmp(verb, "exclude") && w.reason))
			return order(&w, verb, name);
	}
	fprintf(stderr, "usage: vitrine device list | show NAME | drain NAME [--reason WORDS] "
			"[--yes] | exclude NAME --reason WORDS [--yes] | return NAME\n");
	return ASK_USAGE;
}
