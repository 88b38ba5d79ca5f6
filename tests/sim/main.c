/*
 * session_simulation: plays seeds, many in one process, several processes at a time.
 *
 *	--count N      this many seeds (3000), and those in tests/sim/seeds.txt
 *	--from N       the first of them (1)
 *	--full         100 times as many
 *	--seed N       one, telling what happens in it
 *	--without WHAT the product with a hole (leave_out.h): 0 when a seed finds it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/leave_out.h"
#include "tests/sim/sim.h"

#define COUNT 3000
#define BATCH 50 /* a killed gateway leaves its memory behind; a process holds that many */
#define PROCESSES_MAX 16
#define SEEDS_MAX 4096

static uint32_t seeds[SEEDS_MAX];
static size_t n_seeds;

/* What a child plays now, for the parent to name it when the child ends badly. */
static uint32_t *playing;

static void load_seeds(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		char *end;
		unsigned long n = strtoul(line, &end, 10);

		if (end != line && n_seeds < SEEDS_MAX)
			seeds[n_seeds++] = (uint32_t)n;
	}
	if (f)
		(void)fclose(f);
}

/* The i-th seed: first those that once failed. */
static uint32_t seed_at(uint32_t i, uint32_t from)
{
	return i < n_seeds ? seeds[i] : from + i - (uint32_t)n_seeds;
}

static pid_t start_batch(unsigned slot, uint32_t first, uint32_t end, uint32_t from, bool quiet)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	if (quiet && !freopen("/dev/null", "we", stderr))
		_exit(2);
	for (uint32_t i = first; i < end; i++) {
		playing[slot] = seed_at(i, from);
		world_play(playing[slot]);
	}
	_exit(0);
}

/* Returns how many batches failed; stops at the first. */
static unsigned play_all(uint32_t from, uint32_t count, bool quiet)
{
	long wanted = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned slots = wanted < 1 ? 1 : wanted > PROCESSES_MAX ? PROCESSES_MAX : (unsigned)wanted;
	uint32_t total = count + (uint32_t)n_seeds, next = 0;
	pid_t running[PROCESSES_MAX] = {0};
	unsigned alive = 0, failed = 0;

	for (;;) {
		int status;
		pid_t pid;
		unsigned k = 0;

		while (k < slots && !failed && next < total) {
			if (running[k] == 0) {
				uint32_t end = next + BATCH < total ? next + BATCH : total;

				running[k] = start_batch(k, next, end, from, quiet);
				next = end;
				alive++;
			}
			k++;
		}
		if (alive == 0)
			return failed;
		pid = waitpid(-1, &status, 0);
		for (k = 0; k < slots && running[k] != pid; k++)
			;
		if (k == slots)
			continue;
		running[k] = 0;
		alive--;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		failed++;
		printf("seed %u: %s\n", playing[k],
			WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "a promise was broken");
		if (!quiet)
			printf("  session_simulation --seed %u tells it; add it to "
			       "tests/sim/seeds.txt\n",
				playing[k]);
	}
}

struct options {
	uint32_t count, from, seed;
	bool one;
	const char *without;
};

static int read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--full")) {
			o->count = COUNT * 100;
			continue;
		}
		if (!strcmp(argv[i], "--count"))
			o->count = (uint32_t)strtoul(value, NULL, 10);
		else if (!strcmp(argv[i], "--from"))
			o->from = (uint32_t)strtoul(value, NULL, 10);
		else if (!strcmp(argv[i], "--without"))
			o->without = value;
		else if (!strcmp(argv[i], "--seed"))
			o->seed = (uint32_t)strtoul(value, NULL, 10), o->one = true;
		else
			return -1;
		i++;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.count = COUNT, .from = 1};
	unsigned failed;

	if (read_options(argc, argv, &o) < 0 || (o.without && leave_out(o.without) < 0)) {
		fprintf(stderr, "session_simulation [--count N] [--from N] [--full] [--seed N] "
				"[--without WHAT]\n");
		return 2;
	}
	json_object_seed(1);
	if (o.one) {
		sim_traces = true;
		world_play(o.seed);
		printf("seed %u: every promise was kept\n", o.seed);
		return 0;
	}
	playing = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (playing == MAP_FAILED)
		return 2;
	load_seeds("tests/sim/seeds.txt");
	failed = play_all(o.from, o.count, o.without != NULL);
	if (o.without) {
		printf("%s is %s\n", o.without, failed ? "found" : "NOT found");
		return failed ? 0 : 1;
	}
	if (!failed)
		printf("%u seeds and %zu that once failed: every promise was kept\n", o.count,
			n_seeds);
	return failed ? 1 : 0;
}
