#include "cli/doctor/platform.h"

#include <errno.h>
#include <string.h>

#include "cli/client.h"
#include "cli/doctor/look.h"

struct counted {
	size_t all, confined;
	char words[256]; /* who is not, and why */
};

static void count(struct counted *c, const json_t *process, const char *name_key)
{
	const char *name = json_string_value(json_object_get(process, name_key));
	pid_t pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
	size_t at = strlen(c->words);
	char why[64];
	int r = pid > 0 ? look_is_confined(pid, why, sizeof(why)) : -ESRCH;

	/* One that has just ended is nobody's danger. */
	if (r < 0)
		return;
	c->all++;
	c->confined += r;
	if (r == 0)
		(void)snprintf(
			c->words + at, sizeof(c->words) - at, "; %.80s %s", name ? name : "?", why);
}

static void report_counted(struct report *r, const struct counted *c, const char *name)
{
	struct finding *f;

	if (c->all == 0)
		f = report_add(r, SECTION_PLATFORM, name, name, FINDING_OK, "none runs");
	else
		f = report_add(r, SECTION_PLATFORM, name, name,
			c->confined == c->all ? FINDING_OK : FINDING_MISSING,
			"%zu of %zu under a call filter and without privileges%s", c->confined,
			c->all, c->words);
	f->required = true;
}

/* boxd keeps three capabilities, and no filter of its own. */
static void report_services(struct report *r, const json_t *services)
{
	struct counted counted = {0};
	const json_t *s;
	char words[64];
	size_t i;

	json_array_foreach(services, i, s)
	{
		const char *name = json_string_value(json_object_get(s, "name"));
		pid_t pid = (pid_t)json_integer_value(json_object_get(s, "pid"));
		int fine;

		if (!name || strcmp(name, "boxd") != 0) {
			count(&counted, s, "name");
			continue;
		}
		fine = pid > 0 ? look_at_boxd(pid, words, sizeof(words)) : -ESRCH;
		if (fine >= 0)
			report_add(r, SECTION_PLATFORM, "boxd", "boxd",
				fine ? FINDING_OK : FINDING_MISSING, "%s", words)
				->required = true;
	}
	report_counted(r, &counted, "services");
}

static void report_workers(struct report *r, const json_t *workers)
{
	struct counted counted = {0};
	const json_t *w;
	size_t i;

	json_array_foreach(workers, i, w) count(&counted, w, "space");
	report_counted(r, &counted, "workers");
}

void platform_report(struct report *r, const char *data)
{
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *status = NULL;
	CLEANUP(json_unrefp) json_t *services = client_read_services(data, NULL);
	const struct client_options o = {.data = data};
	struct err e = {0};

	if (!services)
		return;
	if (client_new(&o, &c, &e) < 0 ||
		client_request(c, "GET", "/api/status", NULL, &status, &e) < 0) {
		report_add(r, SECTION_PLATFORM, "answers", "answers", FINDING_NOTE, "%s", e.text);
		return;
	}
	report_add(r, SECTION_PLATFORM, "answers", "answers", FINDING_OK, "in %s", data);
	report_services(r, services);
	report_workers(r, json_object_get(status, "workers"));
}
