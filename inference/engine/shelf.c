#include "inference/engine/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inference/formats/folder.h"

struct shelf {
	struct model *models[SHELF_MODELS_MAX]; /* owned */
	size_t n;
};

static int put(struct shelf *s, int dirfd, const char *folder, const char *owner, const char *name,
	struct device *d)
{
	char id[MODEL_ID_MAX + 1];
	struct model *m;

	if ((size_t)snprintf(id, sizeof(id), "%s/%s", owner, name) >= sizeof(id))
		return 0; /* nobody could name it */
	if (s->n == SHELF_MODELS_MAX || shelf_find(s, id))
		return 0;
	m = model_open(dirfd, folder, id, d);
	if (!m)
		return -ENOMEM;
	s->models[s->n++] = m;
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int put_owner(struct shelf *s, int dirfd, const char *owner, struct device *d)
{
	struct dirent **list;
	int n = scandirat(dirfd, owner, &list, is_visible, by_name), r = 0;

	for (int i = 0; i < n; i++) {
		char folder[600];

		if (r == 0 &&
			snprintf(folder, sizeof(folder), "%s/%s", owner, list[i]->d_name) <
				(int)sizeof(folder) &&
			folder_is_model(dirfd, folder))
			r = put(s, dirfd, folder, owner, list[i]->d_name, d);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return r;
}

static int put_dir(struct shelf *s, const char *dir, struct device *d, struct err *e)
{
	CLEANUP(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list;
	int n, r = 0;

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	n = scandirat(fd, ".", &list, is_visible, by_name);
	if (n < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (r == 0)
			r = folder_is_model(fd, name) ? put(s, fd, name, "vitrine", name, d)
						      : put_owner(s, fd, name, d);
		free(list[i]);
	}
	free(list);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

int shelf_open(
	const char *const *dirs, size_t n, struct device *d, struct shelf **ret, struct err *e)
{
	CLEANUP(shelf_freep) struct shelf *s = calloc(1, sizeof(*s));
	size_t failed = 0;
	struct err first = {0};

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		int r = put_dir(s, dirs[i], d, &first);

		if (r == -ENOMEM)
			return err_set(e, r, "%s", first.text);
		failed += r < 0;
	}
	if (n > 0 && failed == n)
		return err_set(e, first.code, "%s", first.text);
	*ret = TAKE_PTR(s);
	return 0;
}

struct shelf *shelf_free(struct shelf *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		(void)model_free(s->models[i]);
	free(s);
	return NULL;
}

struct model *shelf_find(const struct shelf *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->models[i]->id, id))
			return s->models[i];
	return NULL;
}

size_t shelf_count(const struct shelf *s)
{
	return s->n;
}

struct model *shelf_at(const struct shelf *s, size_t i)
{
	return s->models[i];
}

json_t *shelf_list(const struct shelf *s)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < s->n; i++) {
		const struct model *m = s->models[i];
		json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s}", "id", m->id, "task",
			model_task(m), "architecture", m->architecture, "parameters",
			(json_int_t)m->parameters, "bytes", (json_int_t)m->bytes, "loaded",
			m->net != NULL, "error",
			m->error.code ? m->error.text
				      : (m->net && m->net->family->decoder && !m->template
							? m->template_error.text
							: ""));

		/* A folder whose name is not UTF-8 has no place in JSON. */
		if (row && json_array_append_new(list, row) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
