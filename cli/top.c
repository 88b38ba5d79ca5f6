/* vitrine top: what each device does now, for whom, and what waits and why. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

#define EVERY_SEC 2

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* busy: of the time between two looks; negative: this is the first. */
static void print_device(const json_t *d, double busy)
{
	printf("%-8s %-9s %5.0f of %.0f MiB of weights, %.0f of %.0f MiB of keys and values",
		ask_text(d, "name"), ask_text(d, "state"), number_of(d, "memoryBytes") / 1048576,
		number_of(d, "memoryMaxBytes") / 1048576, number_of(d, "keysBytes") / 1048576,
		number_of(d, "keysMaxBytes") / 1048576);
	if (busy >= 0)
		printf(", %3.0f %% busy", busy * 100);
	printf("\n");
	if (*ask_text(d, "model"))
		printf("         runs %s\n", ask_text(d, "model"));
	if (*ask_text(d, "reason"))
		printf("         %s: %s\n", ask_text(d, "state"), ask_text(d, "reason"));
}

static void print_pools(const json_t *pools)
{
	const json_t *p;
	size_t i;

	if (json_array_size(pools) == 0)
		return;
	printf("\n  %-20s %6s %6s %6s %9s %6s\n", "POOL", "SHARE", "USED", "LENT", "BORROWED",
		"CALLS");
	json_array_foreach(pools, i, p)
	{
		const char *name = ask_text(p, "name");
		bool lends = json_is_true(json_object_get(p, "lend"));
		bool borrows = json_is_true(json_object_get(p, "borrow"));

		printf("  %-20s %4.0f %% %4.0f %% %4.0f %% %7.0f %% %6.0f%s%s\n",
			*name ? name : "(all others)", number_of(p, "percent"),
			number_of(p, "used") * 100, number_of(p, "lent") * 100,
			number_of(p, "borrowed") * 100, number_of(p, "requests"),
			lends ? "" : "  lends nothing", borrows ? "" : "  borrows nothing");
	}
}

static const char *for_whom(const json_t *row)
{
	return *ask_text(row, "space") ? ask_text(row, "space") : "(over HTTP)";
}

static void print_running(const json_t *top)
{
	const json_t *row;
	size_t i;

	printf("\n%.0f running\n", number_of(top, "runningAll"));
	if (json_array_size(json_object_get(top, "running")) == 0)
		return;
	printf("  %-30s %-24s %-28s %8s %9s %7s\n", "FOR", "PAYER", "MODEL", "SINCE", "DEVICE",
		"TOKENS");
	json_array_foreach(json_object_get(top, "running"), i, row)
	{
		printf("  %-30.30s %-24.24s %-28.28s %6.1f s %7.2f s %7.0f\n", for_whom(row),
			ask_text(row, "payer"), ask_text(row, "model"),
			number_of(row, "ageMs") / 1e3, number_of(row, "deviceMs") / 1e3,
			number_of(row, "tokensOut"));
	}
}

static void print_waiting(const json_t *top)
{
	const json_t *row;
	size_t i;

	printf("\n%.0f waiting\n", number_of(top, "waitingAll"));
	json_array_foreach(json_object_get(top, "waiting"), i, row)
	{
		printf("  %-30.30s %-24.24s %6.1f s  %s", for_whom(row), ask_text(row, "payer"),
			number_of(row, "ageMs") / 1e3, ask_text(row, "reason"));
		if (number_of(row, "expectedMs") > 0)
			printf(", about %.1f s", number_of(row, "expectedMs") / 1e3);
		printf("\n");
	}
}

/* Between two looks, of each device; they keep their order. */
static double busy_between(const json_t *d, const json_t *before, double sec)
{
	return before && sec > 0
		       ? (number_of(d, "busyMs") - number_of(before, "busyMs")) / 1e3 / sec
		       : -1;
}

static void print_top(const json_t *top, const json_t *before, double sec)
{
	const json_t *d;
	size_t i;

	if (!json_is_true(json_object_get(top, "connected")))
		printf("inference is not connected: model calls fail; this is what was known "
		       "last\n");
	json_array_foreach(json_object_get(top, "devices"), i, d) print_device(
		d, busy_between(d, json_array_get(json_object_get(before, "devices"), i), sec));
	print_pools(json_object_get(top, "pools"));
	print_running(top);
	print_waiting(top);
}

static double now_sec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The time that its numbers are of. */
static double told_at(const json_t *top)
{
	return now_sec() - number_of(top, "toldMs") / 1e3;
}

static int look_on(const struct client_options *o)
{
	CLEANUP(json_unrefp) json_t *before = NULL;
	double was = 0;

	for (;;) {
		json_t *top = NULL;
		int r = ask(o, "GET", NULL, &top, "/api/top");

		if (r != 0)
			return r;
		printf("\033[H\033[J"); /* from the top, on an empty screen */
		print_top(top, before, told_at(top) - was);
		(void)fflush(stdout);
		was = told_at(top);
		json_decref(before);
		before = top;
		(void)sleep(EVERY_SEC);
	}
}

int cmd_top(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"once", no_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(json_unrefp) json_t *top = NULL;
	struct client_options o = {0};
	bool once = false, json = false;
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'o')
			once = true;
		else if (opt == 'j')
			json = true;
		else if (!client_option(&o, opt, optarg))
			return ASK_USAGE;
	}
	if (!once && !json && isatty(STDOUT_FILENO))
		return look_on(&o);
	r = ask(&o, "GET", NULL, &top, "/api/top");
	if (r != 0)
		return r;
	if (json)
		ask_print(top);
	else
		print_top(top, NULL, 0);
	return 0;
}
