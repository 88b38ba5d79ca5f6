/* vitrine status */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

static void print_services(const json_t *services)
{
	const json_t *s;
	size_t i;

	printf("%-14s %-10s %8s  %s\n", "SERVICE", "STATE", "PID", "STARTS");
	json_array_foreach(services, i, s)
		printf("%-14s %-10s %8lld  %lld\n", json_string_value(json_object_get(s, "name")),
			json_string_value(json_object_get(s, "state")),
			(long long)json_integer_value(json_object_get(s, "pid")),
			(long long)json_integer_value(json_object_get(s, "starts")));
}

static void print_spaces(const json_t *spaces)
{
	const json_t *s;
	size_t i;

	printf("\n%-40s %-10s %8s\n", "SPACE", "STATE", "SESSIONS");
	json_array_foreach(spaces, i, s)
	{
		const char *id = json_string_value(json_object_get(s, "id"));
		const char *state = json_string_value(json_object_get(s, "state"));

		printf("%-40s %-10s %8lld\n", id ? id : "", state ? state : "",
			(long long)json_integer_value(json_object_get(s, "sessions")));
	}
}

int cmd_status(int argc, char **argv)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *status = NULL;
	json_t *services = NULL;
	struct client_options o = {0};
	struct err e = {0};
	bool json = false;
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	r = client_request(c, "GET", "/api/status", NULL, &status, &e);
	if (!status)
		status = json_object();
	if (!o.url)
		services = client_read_services(o.data ? o.data : default_data_dir(), NULL);
	if (services)
		(void)json_object_set_new(status, "services", services);
	if (json) {
		(void)json_dumpf(status, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		if (services)
			print_services(services);
		print_spaces(json_object_get(status, "spaces"));
	}
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return r < 0;
}
