#include "agent/variables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"

#define FILE_MAX (2u << 20) /* agent.SETTINGS and the variables below are far less */

void app_place_init(struct app_place *p, const char *url, const struct box_classes *classes)
{
	const char *host = url ? strstr(url, "://") : NULL;

	*p = (struct app_place){.classes = *classes};
	host = host ? host + 3 : "";
	(void)snprintf(p->host, sizeof(p->host), "%.*s", (int)strcspn(host, "/"), host);
}

static void set(json_t *all, const char *name, const char *value)
{
	if (*value)
		(void)json_object_set_new(all, name, json_string(value));
}

/* As written for people: "0.5", "2"; "64Mi". */
static void set_size(json_t *all, const struct box_class *c)
{
	char cores[16], memory[24];

	if (c->cpu_percent % 100)
		(void)snprintf(cores, sizeof(cores), "%g", c->cpu_percent / 100.0);
	else
		(void)snprintf(cores, sizeof(cores), "%u", c->cpu_percent / 100);
	(void)snprintf(
		memory, sizeof(memory), "%lluMi", (unsigned long long)(c->memory_bytes >> 20));
	set(all, "CPU_CORES", cores);
	set(all, "MEMORY", memory);
}

/* A Space cannot set these (orchestrator/space/settings.c). */
static void set_platforms(json_t *all, const struct app_place *p, const struct job *j)
{
	char id[160];

	(void)snprintf(id, sizeof(id), "%s/%s", j->owner, j->name);
	set(all, "SPACE_ID", id);
	set(all, "SPACE_AUTHOR_NAME", j->owner);
	set(all, "SPACE_REPO_NAME", j->name);
	set(all, "SPACE_TITLE", *j->title ? j->title : j->name);
	set(all, "SPACE_HOST", p->host);
	set(all, "ACCELERATOR", "none");
	set_size(all, &p->classes.of[j->class]);
}

int app_settings_file(
	const struct app_place *p, const struct job *j, const struct settings *s, struct err *e)
{
	CLEANUP(json_unrefp) json_t *all = json_object();
	json_t *variables = s ? json_copy(s->variables) : json_object();
	struct buf text;
	int r;

	if (!all || !variables || json_object_set_new(all, "variables", variables) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	if (s)
		(void)json_object_set(all, "secrets", s->secrets);
	set_platforms(variables, p, j);
	buf_init(&text, FILE_MAX);
	r = json_write(&text, all);
	r = r < 0 ? err_set(e, r, "the Space's settings cannot be written")
		  : fs_memfd_sealed("settings", text.data, text.len, e);
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_done(&text);
	return r;
}
