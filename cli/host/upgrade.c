/*
 * vitrine upgrade: the services of a running vitrine up, one after the other, each by the program
 * that lies on the disk now. Visitors' connections wait in the sockets' rows, which the supervisor
 * keeps.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

#define LOOK_NSEC 20000000
#define PATIENCE_USEC (60 * USEC_PER_SEC)
#define TOGETHER 2

/* Whoever keeps what lasts comes first, the public port last. A box needs both of its keepers, so
 * these end together: its visitors wait once. */
static const char *const turns[][TOGETHER] = {
	{"orchestrator"}, {"inference"}, {"fetch"}, {"boxd", "agent"}, {"gateway"}, {"tls"}};

struct upgrade {
	const char *data;
	struct client *client; /* owned */
	size_t problems;       /* that there were before */
};

static const json_t *find(const json_t *services, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(services, i, one)
	{
		const char *is = json_string_value(json_object_get(one, "name"));

		if (is && !strcmp(is, name))
			return one;
	}
	return NULL;
}

static json_int_t number_of(const json_t *services, const char *name, const char *field)
{
	return json_integer_value(json_object_get(find(services, name), field));
}

/* False: the platform does not answer, or more is wrong with it than before. */
static bool is_well(struct upgrade *u, size_t *ret_problems)
{
	CLEANUP(json_unrefp) json_t *status = NULL;
	struct err e = {0};

	if (client_request(u->client, "GET", "/api/status", NULL, &status, &e) < 0)
		return false;
	*ret_problems = json_array_size(json_object_get(status, "problems"));
	return *ret_problems <= u->problems;
}

/* Another one runs than was there before. */
static bool is_replaced(const struct upgrade *u, const json_t *before, const char *name)
{
	CLEANUP(json_unrefp) json_t *now = client_read_services(u->data, &(struct err){0});
	const char *state = json_string_value(json_object_get(find(now, name), "state"));

	return state && !strcmp(state, "running") &&
	       number_of(now, name, "starts") > number_of(before, name, "starts");
}

static bool are_replaced(struct upgrade *u, const json_t *before, const char *const names[TOGETHER])
{
	size_t problems;

	for (size_t i = 0; i < TOGETHER && names[i]; i++)
		if (find(before, names[i]) && !is_replaced(u, before, names[i]))
			return false;
	return is_well(u, &problems);
}

static int end_service(const json_t *before, const char *name, struct err *e)
{
	pid_t pid = (pid_t)number_of(before, name, "pid");

	if (pid > 1 && kill(pid, SIGTERM) < 0 && errno != ESRCH)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	return 0;
}

static int take_turn(struct upgrade *u, const char *const names[TOGETHER], struct err *e)
{
	CLEANUP(json_unrefp) json_t *before = client_read_services(u->data, e);
	const struct timespec look = {.tv_nsec = LOOK_NSEC};
	uint64_t began = clock_mono_usec();

	if (!before)
		return e->code;
	if (!find(before, names[0])) /* vitrine-tls, where there is none */
		return 0;
	for (size_t i = 0; i < TOGETHER && names[i]; i++)
		if (end_service(before, names[i], e) < 0)
			return e->code;
	while (!are_replaced(u, before, names)) {
		if (clock_mono_usec() - began > PATIENCE_USEC)
			return err_set(e, -ETIMEDOUT,
				"%s is not back after %llu s, and nothing behind it was replaced; "
				"see its log",
				names[0], (unsigned long long)(PATIENCE_USEC / USEC_PER_SEC));
		(void)nanosleep(&look, NULL);
	}
	printf("vitrine: %s%s%s replaced, back after %llu ms\n", names[0], names[1] ? " and " : "",
		names[1] ? names[1] : "",
		(unsigned long long)((clock_mono_usec() - began) / USEC_PER_MSEC));
	(void)fflush(stdout);
	return 0;
}

static int replace_all(struct upgrade *u, struct err *e)
{
	int r = 0;

	u->problems = SIZE_MAX;
	if (!is_well(u, &u->problems))
		return err_set(e, -ENOTCONN,
			"the platform does not answer: start it with vitrine up, or with "
			"systemctl restart vitrine.target");
	for (size_t i = 0; r == 0 && i < sizeof(turns) / sizeof(turns[0]); i++)
		r = take_turn(u, turns[i], e);
	return r;
}

int cmd_upgrade(int argc, char **argv)
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'}, {0}};
	struct client_options o = {.data = default_data_dir()};
	struct upgrade u = {0};
	struct err e = {0};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (opt == 'd')
			o.data = optarg;
		else
			return 2;
	if (optind < argc) {
		fprintf(stderr, "usage: vitrine upgrade [--data DIR]\n");
		return 2;
	}
	u.data = o.data;
	u.client = client_or_complain(&o);
	if (!u.client)
		return 1;
	r = replace_all(&u, &e);
	(void)client_free(u.client);
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return r < 0 ? 1 : 0;
}
