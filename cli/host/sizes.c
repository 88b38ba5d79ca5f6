#include "cli/host/sizes.h"

#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_USEC USEC_PER_SEC

static const struct {
	const char *name, *path;
} parts[] = {
	{"database", "orchestrator/vitrine.db"},
	{"database", "orchestrator/vitrine.db-wal"},
	{"repos", "orchestrator/repos"},
	{"bundles", "orchestrator/blobs"},
	{"app data", "orchestrator/data"},
	{"logs", "orchestrator/logs"},
	{"events", "orchestrator/events"},
	{"history", "orchestrator/history"},
	{"sessions", "gateway/sessions"},
	{"uploads", "gateway/files"},
	{"routes", "gateway/routes"},
	{"cache", "agent/bundles"},
	{"models", "models"},
	{"served", "served"},
	{"usage not taken yet", "inference"},
	{"a backup under way", "snapshot"},
};

/* false: the time is up */
static bool add_up(const char *path, uint64_t until_usec, uint64_t *ret)
{
	char *paths[] = {(char *)path, NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	bool in_time = true;

	while (tree && in_time && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_F || entry->fts_info == FTS_D)
			*ret += (uint64_t)entry->fts_statp->st_blocks * 512;
		in_time = clock_mono_usec() < until_usec;
	}
	if (tree)
		(void)fts_close(tree);
	return in_time;
}

json_t *sizes_of(const char *data)
{
	uint64_t until = clock_mono_usec() + PATIENCE_USEC;
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[4200];
		uint64_t bytes = (uint64_t)json_integer_value(json_object_get(o, parts[i].name));

		(void)snprintf(path, sizeof(path), "%s/%s", data, parts[i].path);
		if (access(path, R_OK) < 0)
			continue;
		if (!add_up(path, until, &bytes))
			break;
		(void)json_object_set_new(o, parts[i].name, json_integer((json_int_t)bytes));
	}
	return o;
}

uint64_t process_memory(int pid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *f;

	if (pid <= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	(void)fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

const char *size_text(uint64_t bytes, char ret[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes;
	size_t i = 0;

	while (n >= 1000 && i < sizeof(units) / sizeof(units[0]) - 1) {
		n /= 1024;
		i++;
	}
	(void)snprintf(ret, 32, n < 9.95 && i > 0 ? "%.1f %s" : "%.0f %s", n, units[i]);
	return ret;
}
