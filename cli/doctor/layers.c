#include "cli/doctor/layers.h"

#include <stdarg.h>
#include <string.h>

#define BOTH (PROMISE_USER | PROMISE_FULL)

#define CGROUP_REMEDY                                                                              \
	"Start as root where the controller can be written below /sys/fs/cgroup, or, with cgroup " \
	"v2, in a folder that is delegated to this user (systemd: Delegate=memory pids cpu). A "   \
	"kernel may need cgroup_enable=memory, a container a writable cgroup."

static const struct {
	const char *name, *title;
	enum finding_section section;
	unsigned int required; /* PROMISE_… */
	const char *said[2];   /* how boxd's line about it begins; none: boxd says nothing */
	const char *remedy;
} kinds[LAYERS] = {
	[LAYER_BOX] = {"box", "a box", SECTION_BOX, BOTH, {NULL},
		"Nothing runs here until this is put right: without a box there is no Space."},
	[LAYER_NAMESPACES] = {"namespaces", "namespaces", SECTION_BOX, BOTH, {"namespaces"},
		"The kernel needs CONFIG_NAMESPACES and all of its kinds; a container may hide "
		"them."},
	[LAYER_TIME] = {"time", "time namespace", SECTION_BOX, BOTH, {"time namespace"},
		"Linux 5.6 with CONFIG_TIME_NS has it, for a boxd started by root or with user "
		"namespaces."},
	[LAYER_UID] = {"uid", "uid of its own", SECTION_BOX, PROMISE_FULL, {"one host uid per box"},
		"Start Vitrine as root: its services become ordinary users by themselves."},
	[LAYER_ROOT] = {"root", "empty file system", SECTION_BOX, BOTH, {"empty read-only root"},
		NULL},
	[LAYER_FILES] = {"files", "five files", SECTION_BOX, BOTH, {NULL}, NULL},
	[LAYER_PRIVILEGES] = {"privileges", "no privileges", SECTION_BOX, BOTH,
		{"empty read-only root"}, NULL},
	[LAYER_FILTER] = {"filter", "call filter", SECTION_BOX, BOTH, {"call filter"},
		"The kernel needs CONFIG_SECCOMP_FILTER."},
	[LAYER_LANDLOCK] = {"landlock", "Landlock", SECTION_BOX, BOTH, {"Landlock"},
		"Linux 5.13 with CONFIG_SECURITY_LANDLOCK has it; it must stand in the boot option "
		"lsm=, as in lsm=landlock,yama,apparmor."},
	[LAYER_MDWE] = {"mdwe", "no new machine code", SECTION_BOX, 0,
		{"MDWE", "no memory that is or becomes executable"},
		"Linux 6.3 has it. The call filter forbids the same."},
	[LAYER_RLIMITS] = {"rlimits", "resource limits", SECTION_BOX, BOTH, {NULL}, NULL},
	[LAYER_MEMORY] = {"memory", "memory limit", SECTION_BOX, PROMISE_FULL, {"limit on memory"},
		CGROUP_REMEDY},
	[LAYER_PROCESSES] = {"processes", "process limit", SECTION_BOX, PROMISE_FULL,
		{"limit on number of processes"}, CGROUP_REMEDY},
	[LAYER_CPU] = {"cpu", "CPU limit", SECTION_BOX, PROMISE_FULL, {"limit on CPU share"},
		CGROUP_REMEDY},
	[LAYER_BOXD] = {"boxd", "boxd's own rights", SECTION_BOX, BOTH, {NULL}, NULL},
	[LAYER_SEALED_ATTACKS] = {"attacks", "attacks, sealed", SECTION_ATTACKS, BOTH, {NULL},
		"Run no foreign app here, and report what is listed below."},
	[LAYER_EARLY_ATTACKS] = {"early-attacks", "attacks, unsealed", SECTION_ATTACKS, BOTH,
		{NULL}, "No foreign byte is in a box by then. Report what is listed below."},
	[LAYER_WORKER] = {"worker", "worker", SECTION_WORKER, BOTH, {NULL}, NULL},
};

static const struct {
	const char *name;
	enum promise promise;
} promises[] = {{"full", PROMISE_FULL}, {"user", PROMISE_USER}};

void layers_init(struct layer all[LAYERS])
{
	for (int i = 0; i < LAYERS; i++)
		all[i] = (struct layer){.state = FINDING_UNSEEN, .says = "could not be looked at"};
}

void layer_note(struct layer all[LAYERS], enum layer_name name, bool in_force, const char *fmt, ...)
{
	struct layer *l = &all[name];
	va_list ap;

	if (l->state == FINDING_MISSING)
		return;
	l->state = in_force ? FINDING_OK : FINDING_MISSING;
	va_start(ap, fmt);
	(void)vsnprintf(l->says, sizeof(l->says), fmt, ap);
	va_end(ap);
}

/* One line may speak of several layers. */
static void read_line(struct layer all[LAYERS], const char *line, bool in_force)
{
	static const char no_box[] = "anything: ";

	if (strncmp(line, no_box, strlen(no_box)) == 0) {
		layer_note(all, LAYER_BOX, in_force, "%s", line + strlen(no_box));
		return;
	}
	for (int i = 0; i < LAYERS; i++)
		for (size_t k = 0; k < 2 && kinds[i].said[k]; k++) {
			size_t n = strlen(kinds[i].said[k]);

			/* "time namespace: words": the title says the first half. */
			if (strncmp(line, kinds[i].said[k], n) == 0)
				layer_note(all, i, in_force, "%s",
					strncmp(line + n, ": ", 2) == 0 ? line + n + 2 : line);
		}
}

void layers_read_host(struct layer all[LAYERS], const char *host)
{
	static const char force[] = "in force: ", not_force[] = "not enforced: ";
	char line[512];

	for (; *host; host += strcspn(host, "\n"), host += *host == '\n') {
		(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(host, "\n"), host);
		if (strncmp(line, force, strlen(force)) == 0)
			read_line(all, line + strlen(force), true);
		else if (strncmp(line, not_force, strlen(not_force)) == 0)
			read_line(all, line + strlen(not_force), false);
	}
}

const char *promise_name(enum promise promise)
{
	for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
		if (promises[i].promise == promise)
			return promises[i].name;
	return NULL;
}

bool promise_parse(const char *text, enum promise *ret)
{
	for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
		if (strcmp(promises[i].name, text) == 0) {
			*ret = promises[i].promise;
			return true;
		}
	return false;
}

void layers_report(const struct layer all[LAYERS], enum promise promise, struct report *r)
{
	for (int i = 0; i < LAYERS; i++) {
		struct finding *f = report_add(r, kinds[i].section, kinds[i].name, kinds[i].title,
			all[i].state, "%s", all[i].says);

		f->required = kinds[i].required & promise;
		f->remedy = kinds[i].remedy;
	}
}
