/* vitrine status: what is well and what is not, on one screen. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/host/sizes.h"

#define SPACES_SHOWN 15
#define WIDTH 80
#define SOMETHING_IS_WRONG 3

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static long long number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* Prints words, broken at spaces; later lines begin with so many spaces. */
static void print_wrapped(const char *words, int indent)
{
	int room = WIDTH - indent;

	while (*words) {
		int n = (int)strlen(words);

		if (n > room) {
			n = room;
			while (n > 0 && words[n] != ' ')
				n--;
			if (n == 0)
				n = room;
		}
		printf("%.*s\n", n, words);
		words += n;
		words += strspn(words, " ");
		if (*words)
			printf("%*s", indent, "");
	}
}

static void print_age(const char *since)
{
	struct tm t = {0};
	time_t began;
	long long sec;

	if (!strptime(since, "%Y-%m-%dT%H:%M:%S", &t))
		return;
	began = timegm(&t);
	sec = (long long)(clock_wall_usec() / USEC_PER_SEC) - (long long)began;
	if (sec < 120)
		printf(", up %lld s", sec < 0 ? 0 : sec);
	else if (sec < 7200)
		printf(", up %lld min", sec / 60);
	else if (sec < 172800)
		printf(", up %lld h", sec / 3600);
	else
		printf(", up %lld days", sec / 86400);
}

static void print_head(const json_t *status)
{
	const json_t *problems = json_object_get(status, "problems"), *p;
	size_t i;

	if (*text_of(status, "version")) {
		printf("Vitrine %s at %s", text_of(status, "version"), text_of(status, "url"));
		print_age(text_of(status, "startedAt"));
		printf("\n");
	}
	if (json_array_size(problems) == 0)
		printf("All is well.\n");
	json_array_foreach(problems, i, p)
	{
		printf("!! ");
		print_wrapped(json_string_value(p), 3);
	}
	printf("\n");
}

static void print_services(const json_t *services)
{
	const json_t *s;
	size_t i;

	printf("%-14s %-10s %8s  %-7s %10s\n", "SERVICE", "STATE", "PID", "STARTS", "MEMORY");
	json_array_foreach(services, i, s)
	{
		char memory[32] = "";
		uint64_t bytes = process_memory((int)number_of(s, "pid"));

		if (bytes)
			(void)size_text(bytes, memory);
		printf("%-14s %-10s %8lld  %-7lld %10s\n", text_of(s, "name"), text_of(s, "state"),
			number_of(s, "pid"), number_of(s, "starts"), memory);
	}
	printf("\n");
}

static void print_numbers(const json_t *status)
{
	const json_t *n = json_object_get(status, "numbers");

	printf("Spaces    %lld registered, %lld awake\n", number_of(n, "spaces"),
		number_of(n, "awake"));
	printf("Sessions  %lld with a visitor, %lld kept\n", number_of(status, "sessions"),
		number_of(n, "sessionsKept"));
	printf("Events    %lld taken since the gateway's start, %lld failed, %lld interrupted\n",
		number_of(n, "eventsAccepted"), number_of(n, "eventsFailed"),
		number_of(n, "eventsInterrupted"));
	printf("Waiting   %lld for a handler, %lld model calls queued or running\n",
		number_of(n, "eventsWaiting"), number_of(n, "modelCallsOpen"));
	printf("Workers   %lld running, %lld boxes waiting, %lld slots; %lld crashed\n",
		number_of(n, "boxesRunning"), number_of(n, "boxesWaiting"),
		number_of(n, "boxSlots"), number_of(n, "workersCrashed"));
	printf("Models    %zu served, %lld calls done\n",
		json_array_size(json_object_get(status, "models")), number_of(n, "modelCalls"));
}

static void print_disk(const json_t *status)
{
	const json_t *disk = json_object_get(status, "disk"), *part;
	char free_text[32], total[32], kept[32], bytes[32];
	const char *name;
	char line[1024] = "";
	size_t n = 0;

	printf("Disk      %s free of %s; %s are kept back\n",
		size_text((uint64_t)number_of(disk, "freeBytes"), free_text),
		size_text((uint64_t)number_of(disk, "totalBytes"), total),
		size_text((uint64_t)number_of(disk, "reserveBytes"), kept));
	printf("%10s%s\n", "", text_of(disk, "lasts"));
	json_object_foreach(json_object_get(status, "sizes"), name, part) n +=
		(size_t)snprintf(line + n, sizeof(line) - n, "%s%s %s", n ? ", " : "", name,
			size_text((uint64_t)json_integer_value(part), bytes));
	if (n) {
		printf("%10s", "");
		print_wrapped(line, 10);
	}
}

static void print_warnings(const json_t *status)
{
	const json_t *list = json_object_get(status, "warnings"), *w;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	printf("\nLAST WARNINGS (UTC)\n");
	json_array_foreach(list, i, w)
	{
		if (i == 5)
			break;
		printf("%.8s  %-12s  ", text_of(w, "time") + 11, text_of(w, "service"));
		print_wrapped(text_of(w, "words"), 24);
	}
}

static bool is_quiet(const json_t *space)
{
	const char *state = text_of(space, "state");

	return (!strcmp(state, "asleep") || !strcmp(state, "empty")) &&
	       number_of(space, "sessions") == 0;
}

static void print_space(const json_t *s)
{
	printf("%-50.50s %-10s %8lld\n", text_of(s, "id"), text_of(s, "state"),
		number_of(s, "sessions"));
}

/* Those that do something first; of the others as many as there is room for. */
static void print_spaces(const json_t *status)
{
	const json_t *spaces = json_object_get(status, "spaces"), *s;
	size_t i, shown = 0;
	long long all = number_of(json_object_get(status, "numbers"), "spaces");

	printf("\n%-50s %-10s %8s\n", "SPACE", "STATE", "SESSIONS");
	for (int quiet = 0; quiet < 2; quiet++)
		json_array_foreach(spaces, i, s) if (is_quiet(s) == quiet && shown < SPACES_SHOWN)
		{
			print_space(s);
			shown++;
		}
	if (all > (long long)shown)
		printf("and %lld more\n", all - (long long)shown);
}

/* --- what only this side sees --- */

static void add_problem(json_t *status, const char *words)
{
	json_t *problems = json_object_get(status, "problems");

	if (!problems) {
		problems = json_array();
		(void)json_object_set_new(status, "problems", problems);
	}
	(void)json_array_append_new(problems, json_string(words));
}

static void judge_services(json_t *status)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(status, "services"), i, s)
	{
		char words[128];

		if (!strcmp(text_of(s, "state"), "running"))
			continue;
		(void)snprintf(words, sizeof(words), "the service %.32s is %.32s",
			text_of(s, "name"), text_of(s, "state"));
		add_problem(status, words);
	}
}

static json_t *ask(const struct client_options *o, int *ret_code)
{
	CLEANUP(client_freep) struct client *c = client_or_complain(o);
	const char *data = o->data ? o->data : default_data_dir();
	json_t *status = NULL, *services;
	struct err e = {0};

	if (!c)
		return NULL;
	*ret_code = client_request(c, "GET", "/api/status", NULL, &status, &e);
	if (!status)
		status = json_object();
	services = *client_url(c) ? NULL : client_read_services(data, NULL);
	if (services)
		(void)json_object_set_new(status, "services", services);
	if (!*client_url(c))
		(void)json_object_set_new(status, "sizes", sizes_of(data));
	if (*ret_code < 0)
		add_problem(status, e.text);
	judge_services(status);
	return status;
}

int cmd_status(int argc, char **argv)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(json_unrefp) json_t *status = NULL;
	struct client_options o = {0};
	bool json = false;
	int opt, r = 0;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	status = ask(&o, &r);
	if (!status)
		return 1;
	if (json) {
		(void)json_dumpf(status, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_head(status);
		if (json_object_get(status, "services"))
			print_services(json_object_get(status, "services"));
		if (r == 0) {
			print_numbers(status);
			print_disk(status);
			print_warnings(status);
			print_spaces(status);
		}
	}
	if (r < 0)
		return 1;
	return json_array_size(json_object_get(status, "problems")) ? SOMETHING_IS_WRONG : 0;
}
