#include "inference/budgets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "inference/engine/engine.h"

#define MIB_MAX (1ull << 30)
#define TEXTS_PART 4                   /* texts get that part at most */
#define GPU_RESERVE_MIN (512ull << 20) /* its driver's, and a step's own numbers */
#define GPU_RESERVE_PART 10
#define GROUP_FILE_MAX 4096

int budgets_read(struct budgets *b, const char *text, struct err *e)
{
	const char *is = strchr(text, '=');
	struct said *s = &b->said[b->n];
	unsigned long long mib;
	char *end;

	if (b->n == RACK_MAX)
		return err_set(e, -EINVAL, "--device: %d of them, the limit", RACK_MAX);
	if (!is || is == text || is - text > RACK_NAME_MAX)
		return err_set(e, -EINVAL, "--device: must be NAME=MIB, not '%.60s'", text);
	errno = 0;
	mib = strtoull(is + 1, &end, 10);
	if (errno || *end || is[1] < '0' || is[1] > '9' || mib < 1 || mib > MIB_MAX)
		return err_set(e, -EINVAL, "--device %.60s: MIB must be a number from 1 to %llu",
			text, MIB_MAX);
	*s = (struct said){.bytes = mib << 20};
	memcpy(s->name, text, (size_t)(is - text));
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->said[i].name, s->name))
			return err_set(e, -EINVAL, "--device %s: said twice", s->name);
	b->n++;
	return 0;
}

/* --- what there is --- */

/* A number of a file of its control group; 0: there is none, or no limit. */
static uint64_t read_limit(const char *path)
{
	CLEANUP(buf_done) struct buf text;
	struct err ignored = {0};

	buf_init(&text, GROUP_FILE_MAX);
	if (fs_read(AT_FDCWD, path, &text, &ignored) < 0)
		return 0;
	return strtoull(buf_str(&text), NULL, 10); /* "max" is 0 */
}

/* The least of its own control group's limit and those above. */
static uint64_t group_limit(void)
{
	CLEANUP(buf_done) struct buf text;
	struct err ignored = {0};
	char path[GROUP_FILE_MAX + 64], *group;
	uint64_t least = 0;

	buf_init(&text, GROUP_FILE_MAX);
	if (fs_read(AT_FDCWD, "/proc/self/cgroup", &text, &ignored) < 0)
		return 0;
	group = strstr((char *)buf_str(&text), "0::");
	if (!group)
		return 0;
	group += 3;
	group[strcspn(group, "\n")] = '\0';
	for (;;) {
		uint64_t limit;
		char *slash = strrchr(group, '/');

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
		limit = read_limit(path);
		if (limit && (!least || limit < least))
			least = limit;
		if (!slash)
			return least;
		*slash = '\0';
	}
}

void budgets_look(struct budgets *b)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t group = group_limit();

	b->host = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 2ull << 30;
	if (group && group < b->host)
		b->host = group;
}

/* --- what may be taken --- */

/* Of the processor's memory others live too: half. A GPU's is for this alone, but for a reserve. */
static uint64_t all_but_a_reserve(uint64_t has, bool host)
{
	uint64_t reserve = has / GPU_RESERVE_PART;

	if (host)
		return has / 2;
	if (reserve < GPU_RESERVE_MIN)
		reserve = GPU_RESERVE_MIN;
	return has > reserve ? has - reserve : has / 2;
}

static const struct said *find_said(const struct budgets *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->said[i].name, name))
			return &b->said[i];
	return NULL;
}

int budget_of(const struct budgets *b, struct device *d, uint64_t weights, struct budget *ret,
	struct err *e)
{
	const struct said *said = find_said(b, d->ops->name);
	bool host = !strcmp(d->ops->name, "cpu");
	uint64_t has = host ? b->host : d->ops->memory(d), all;

	all = said ? said->bytes : all_but_a_reserve(has ? has : b->host / 2, host);
	if (said && has && all > has)
		return err_set(e, -ENOSPC, "--device %s=%llu: it has %llu MiB", said->name,
			(unsigned long long)(all >> 20), (unsigned long long)(has >> 20));
	ret->texts = all / TEXTS_PART < ENGINE_KV_MAX ? all / TEXTS_PART : ENGINE_KV_MAX;
	ret->weights = weights && !said ? weights : all - ret->texts;
	return 0;
}
