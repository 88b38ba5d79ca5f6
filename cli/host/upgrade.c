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
#define SETTLE_SEC 1 /* who ends within that after its start is not back */
#define PATIENCE_USEC (60 * USEC_PER_SEC)
#define STARTS_MAX 6 /* of one service in its turn */
#define TOGETHER 2

/* Whoever keeps what lasts comes first, the public port last. A box needs both of its keepers, so
 * these end together: its visitors wait once. */
static const char *const turns[][TOGETHER] = {
	{"orchestrator"}, {"inference"}, {"fetch"}, {"boxd", "agent"}, {"gateway"}, {"tls"}};

struct upgrade {
	const char *data;
	struct client *client; /* owned */
	json_t *links;         /* owned; to the orchestrator, as they were before */
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

static bool is_running(const json_t *services, const char *name)
{
	const char *state = json_string_value(json_object_get(find(services, name), "state"));

	return state && !strcmp(state, "running");
}

/* NULL: the platform does not answer. The caller's. */
static json_t *read_links(struct upgrade *u)
{
	CLEANUP(json_unrefp) json_t *status = NULL;
	struct err e = {0};

	if (client_request(u->client, "GET", "/api/status", NULL, &status, &e) < 0)
		return NULL;
	return json_incref(json_object_get(status, "links"));
}

/* Who was connected is connected. What else is wrong with the platform is not of the upgrade. */
static bool is_linked(struct upgrade *u)
{
	CLEANUP(json_unrefp) json_t *now = read_links(u);
	const char *name;
	json_t *was;

	json_object_foreach(u->links, name, was)
	{
		if (json_is_true(was) && !json_is_true(json_object_get(now, name)))
			return false;
	}
	return now != NULL;
}

/* Another one runs than was there before. */
static bool is_replaced(const json_t *before, const json_t *now, const char *name)
{
	return is_running(now, name) &&
	       number_of(now, name, "starts") > number_of(before, name, "starts");
}

static bool is_same(const json_t *then, const json_t *now, const char *name)
{
	return is_running(now, name) &&
	       number_of(now, name, "starts") == number_of(then, name, "starts") &&
	       number_of(now, name, "pid") == number_of(then, name, "pid");
}

/* The first of a turn that is not another one yet; NULL: all are. */
static const char *find_missing(
	const json_t *before, const json_t *now, const char *const names[TOGETHER])
{
	for (size_t i = 0; i < TOGETHER && names[i]; i++)
		if (find(before, names[i]) && !is_replaced(before, now, names[i]))
			return names[i];
	return NULL;
}

/* Looks at the services, and again after a moment: the first that ran before and does not stay;
 * NULL: all do. */
static const char *find_unsteady(struct upgrade *u, const json_t *before)
{
	CLEANUP(json_unrefp) json_t *then = client_read_services(u->data, &(struct err){0});
	CLEANUP(json_unrefp) json_t *now = NULL;
	const struct timespec settle = {.tv_sec = SETTLE_SEC};
	const json_t *one;
	size_t i;

	(void)nanosleep(&settle, NULL);
	now = client_read_services(u->data, &(struct err){0});
	json_array_foreach(before, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "name"));

		if (name && is_running(before, name) && !is_same(then, now, name))
			return name;
	}
	return NULL;
}

/* Whether one of a turn is started again and again. */
static bool is_failing(const json_t *before, const json_t *now, const char *name)
{
	return number_of(now, name, "starts") > number_of(before, name, "starts") + STARTS_MAX;
}

static int end_service(const json_t *before, const char *name, struct err *e)
{
	pid_t pid = (pid_t)number_of(before, name, "pid");

	if (pid > 1 && kill(pid, SIGTERM) < 0 && errno != ESRCH)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	return 0;
}

/* Waits until a turn's services are others, which stay. ret_usec: until they were back. */
static int wait_for_turn(struct upgrade *u, const json_t *before, const char *const names[TOGETHER],
	uint64_t *ret_usec, struct err *e)
{
	const struct timespec look = {.tv_nsec = LOOK_NSEC};
	uint64_t began = clock_mono_usec();

	for (;;) {
		CLEANUP(json_unrefp)
		json_t *now = client_read_services(u->data, &(struct err){0});
		const char *waits = find_missing(before, now, names);

		if (!waits && !is_linked(u))
			waits = names[0];
		*ret_usec = clock_mono_usec() - began;
		if (!waits)
			waits = find_unsteady(u, before);
		if (!waits)
			return 0;
		for (size_t i = 0; i < TOGETHER && names[i]; i++)
			if (is_failing(before, now, names[i]))
				return err_set(e, -EIO,
					"%s ends as soon as it is started, and nothing behind it "
					"was replaced; see its log",
					names[i]);
		if (clock_mono_usec() - began > PATIENCE_USEC)
			return err_set(e, -ETIMEDOUT,
				"%s is not back after %llu s, and nothing behind %s was replaced; "
				"see its log",
				waits, (unsigned long long)(PATIENCE_USEC / USEC_PER_SEC),
				names[0]);
		(void)nanosleep(&look, NULL);
	}
}

static int take_turn(struct upgrade *u, const char *const names[TOGETHER], struct err *e)
{
	CLEANUP(json_unrefp) json_t *before = client_read_services(u->data, e);
	uint64_t took;
	int r;

	if (!before)
		return e->code;
	if (!find(before, names[0])) /* vitrine-tls, where there is none */
		return 0;
	for (size_t i = 0; i < TOGETHER && names[i]; i++)
		if (end_service(before, names[i], e) < 0)
			return e->code;
	r = wait_for_turn(u, before, names, &took, e);
	if (r < 0)
		return r;
	printf("vitrine: %s%s%s replaced, back after %llu ms\n", names[0], names[1] ? " and " : "",
		names[1] ? names[1] : "", (unsigned long long)(took / USEC_PER_MSEC));
	(void)fflush(stdout);
	return 0;
}

static int replace_all(struct upgrade *u, struct err *e)
{
	int r = 0;

	u->links = read_links(u);
	if (!u->links)
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
	json_decref(u.links);
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return r < 0 ? 1 : 0;
}
