/*
 * What one click costs the worker, and what an idle one holds.
 *
 *	worker_bench [CLICKS [PROGRAM]]
 *
 * µs are CPU time of the worker by /proc/PID/schedstat, so the client's own part and the waiting
 * are not in it; the round trip beside it has both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "tests/peer/worker.h"
#include "tests/support/test.h"

static const char echo[] =
	"local ui = require 'vitrine.ui'\n"
	"return ui.page({ title = 'Echo' }, function()\n"
	"  local text, out = ui.textbox { id = 'text' }, ui.textbox { id = 'out' }\n"
	"  local go = ui.button { 'Go', id = 'go' }\n"
	"  go:on_click { inputs = { text }, fn = function(t) out:set(t) end }\n"
	"  return ui.column { text, out, go }\n"
	"end)\n";

static uint64_t cpu_nsec(pid_t pid)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	f = fopen(path, "re");
	CHECK(f && fscanf(f, "%llu", &ns) == 1);
	fclose(f);
	return ns;
}

static void show_memory(pid_t pid)
{
	char path[64], line[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Rss", 3) || !strncmp(line, "Anonymous", 9) ||
			!strncmp(line, "Private_Dirty", 13))
			fputs(line, stdout);
	if (f)
		fclose(f);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	uint32_t clicks = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 20000;
	uint64_t *spans = calloc(clicks, sizeof(*spans));
	uint32_t node = crc32c(0, "go", 2);
	struct peer p;
	uint64_t load, cpu;

	CHECK(spans && clicks > 0);
	peer_start(&p, argc > 2 ? argv[2] : WORKER_PROGRAM);
	load = peer_load(&p, echo);
	printf("start to SEALED %llu µs, APP to HELLO %llu µs\n", (unsigned long long)p.sealed_usec,
		(unsigned long long)load);
	(void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	printf("idle, loaded:\n");
	show_memory(p.pid);
	peer_open(&p);
	for (uint32_t n = 1; n <= 1000; n++)
		peer_click(&p, node, n);
	cpu = cpu_nsec(p.pid);
	for (uint32_t n = 0; n < clicks; n++) {
		uint64_t began = clock_mono_usec();

		peer_click(&p, node, 1001 + n);
		spans[n] = clock_mono_usec() - began;
	}
	cpu = cpu_nsec(p.pid) - cpu;
	qsort(spans, clicks, sizeof(*spans), compare);
	printf("click: %.1f µs CPU of the worker; round trip p50 %llu µs, p99 %llu µs\n",
		(double)cpu / 1000 / clicks, (unsigned long long)spans[clicks / 2],
		(unsigned long long)spans[clicks - clicks / 100 - 1]);
	printf("after %u clicks:\n", clicks);
	show_memory(p.pid);
	(void)peer_end(&p);
	free(spans);
	return 0;
}
