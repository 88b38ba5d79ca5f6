#include "tests/bench/scheduler/traces.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SEC 1e9
#define USERS 10 /* equals, beside whoever wants more */

/* As measured of an encoder and of a writer of some 100 M parameters on two cores. */
static const struct lane_cost reader = {.step_nsec = 1.0e6, .row_nsec = 60e3};
static const struct lane_cost writer = {.step_nsec = 4.0e6, .row_nsec = 150e3};

static uint64_t seed;

static double uniform(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return ((double)(seed >> 11) + 0.5) / (double)(1ull << 53);
}

static void add(struct trace *t, double at, uint32_t payer, uint32_t space, uint32_t lane,
	uint32_t rows, uint32_t tokens)
{
	const struct arrival a = {(uint64_t)(at * SEC) + 1, payer, space, lane, rows, tokens};

	trace_add(t, &a);
}

/* Requests of one, about so many a second, by chance. */
static void ask(struct trace *t, double from, double sec, double rate, uint32_t payer,
	uint32_t space, uint32_t lane, uint32_t rows, uint32_t tokens)
{
	for (double at = from - log(uniform()) / rate; at < sec; at -= log(uniform()) / rate)
		add(t, at, payer, space, lane, rows, tokens);
}

static void equals(struct trace *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		t->ordinary[i] = true;
}

/* What one row costs with its part of a full step. */
static double rows_per_sec(const struct lane_cost *c)
{
	double rows = (1e7 - c->step_nsec) / c->row_nsec;

	return rows / 1e7 * SEC;
}

static void with_lanes(struct trace *t, const struct lane_cost *a, const struct lane_cost *b)
{
	t->lanes[t->n_lanes++] = *a;
	if (b)
		t->lanes[t->n_lanes++] = *b;
}

/* Ten ask for a little more than a tenth each of what the device can do, one for twenty times that.
 */
static void flood_texts_read(struct trace *t, double sec)
{
	double rate = 1.2 * rows_per_sec(&reader) / (USERS + 1) / 40;

	with_lanes(t, &reader, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
	for (uint32_t i = 0; i < 4; i++)
		ask(t, 0, sec, 5 * rate, USERS, USERS + i, 0, 40, 0);
}

static void flood_texts_written(struct trace *t, double sec)
{
	double rate = 1.2 * WORLD_SEATS / 9e-3 / (USERS + 1) / 120;

	with_lanes(t, &writer, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 60, 60);
	for (uint32_t i = 0; i < 4; i++)
		ask(t, 0, sec, 5 * rate, USERS, USERS + i, 0, 60, 60);
}

/* One comes with thirty at once, and again when the others have been even for a moment. */
static void bursts(struct trace *t, double sec)
{
	double rate = 1.2 * rows_per_sec(&reader) / (USERS + 1) / 40;

	with_lanes(t, &reader, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
	for (double at = 0.2; at < sec; at += 0.25)
		for (int i = 0; i < 30; i++)
			add(t, at, USERS, USERS, 0, 40, 0);
}

/* The same, each burst by a name that nobody has heard of. */
static void new_names(struct trace *t, double sec)
{
	double rate = 1.2 * rows_per_sec(&reader) / (USERS + 1) / 40;
	uint32_t name = USERS;

	with_lanes(t, &reader, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
	for (double at = 0.2; at < sec && name < WORLD_PAYERS_MAX; at += 0.25, name++)
		for (int i = 0; i < 30; i++)
			add(t, at, name, name, 0, 40, 0);
}

/* One has fifty Spaces, and asks in all of them. */
static void many_spaces(struct trace *t, double sec)
{
	double rate = 1.2 * rows_per_sec(&reader) / (USERS + 1) / 40;

	with_lanes(t, &reader, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
	for (uint32_t i = 0; i < 50; i++)
		ask(t, 0, sec, rate, USERS, 100 + i, 0, 40, 0);
}

/* One brings prompts of 2,000 tokens, ten of 20; all want answers of 20. */
static void long_prompts(struct trace *t, double sec)
{
	with_lanes(t, &writer, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, 2, i, i, 0, 20, 20);
	ask(t, 0, sec, 10, USERS, USERS, 0, 2000, 20);
}

/* Eleven use one model and one uses another; all want more than there is. */
static void two_models(struct trace *t, double sec)
{
	double rate = 2.0 * rows_per_sec(&reader) / (USERS + 1) / 40;

	with_lanes(t, &reader, &reader);
	equals(t, USERS + 1);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
	ask(t, 0, sec, 10 * rate, USERS, USERS, 1, 40, 0);
}

/* Each second one more comes, and asks for as much as there is. */
static void newcomers(struct trace *t, double sec)
{
	double rate = rows_per_sec(&reader) / 40;

	with_lanes(t, &reader, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, i * sec / 2 / USERS, sec, rate, i, i, 0, 40, 0);
}

/* More people than places, with long texts. */
static void crowd(struct trace *t, double sec)
{
	with_lanes(t, &writer, NULL);
	equals(t, 100);
	for (uint32_t i = 0; i < 100; i++)
		for (int k = 0; k < 4; k++)
			add(t, uniform(), i, i, 0, 60, (uint32_t)(20 * sec));
}

/* Weights 1, 2, 3 and 4; all want all of it. */
static void weights(struct trace *t, double sec)
{
	double rate = rows_per_sec(&reader) / 40;

	with_lanes(t, &reader, &writer);
	equals(t, 4);
	for (uint32_t i = 0; i < 4; i++) {
		t->weights[i] = i + 1;
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
	}
}

/* Memory for 16,000 tokens. Ten bring short texts, and use half of the device; one floods with
 * texts of 4,000 and more, two of which take half of it. */
static void flood_memory(struct trace *t, double sec)
{
	double rate = 1.2 * WORLD_SEATS / 9e-3 / (USERS + 1) / 120;

	with_lanes(t, &writer, NULL);
	t->memory_pages = 500;
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 60, 60);
	for (uint32_t i = 0; i < 4; i++)
		ask(t, 0, sec, 1, USERS, USERS + i, 0, 3000, 1500);
}

/* Short texts of ten keep the memory full, and one wants to bring one that takes most of it, each
 * six seconds or so. */
static void large_among_small(struct trace *t, double sec)
{
	with_lanes(t, &writer, NULL);
	t->memory_pages = 100;
	equals(t, USERS + 1);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, 20, i, i, 0, 60, 60);
	ask(t, 0.5, sec, 0.16, USERS, USERS, 0, 2000, 200);
}

/* Ten ask now and then, and there is enough for all. */
static void calm(struct trace *t, double sec)
{
	double rate = 0.5 * rows_per_sec(&reader) / USERS / 40;

	with_lanes(t, &reader, NULL);
	equals(t, USERS);
	for (uint32_t i = 0; i < USERS; i++)
		ask(t, 0, sec, rate, i, i, 0, 40, 0);
}

const struct trace_maker trace_makers[] = {
	{"calm", "ten ask now and then", calm},
	{"flood-read", "ten want their share of an encoder, one twenty times that",
		flood_texts_read},
	{"flood-write", "ten want their share of a writer, one twenty times that",
		flood_texts_written},
	{"bursts", "one comes with thirty texts at once, four times a second", bursts},
	{"new-names", "the same, each burst under a new name", new_names},
	{"many-spaces", "one asks in fifty Spaces of its own", many_spaces},
	{"long-prompts", "one brings prompts of 2,000 tokens, ten of 20", long_prompts},
	{"flood-memory", "ten bring short texts, one floods the memory with long ones",
		flood_memory},
	{"large-among-small", "ten keep the memory full, one brings texts that take most of it",
		large_among_small},
	{"two-models", "ten use one model, one another, all want more than there is", two_models},
	{"newcomers", "one after the other comes and wants all there is", newcomers},
	{"crowd", "a hundred, with long texts, for thirty-two places", crowd},
	{"weights", "weights 1 to 4, each wants all there is", weights},
};
const size_t n_trace_makers = sizeof(trace_makers) / sizeof(trace_makers[0]);

const struct trace_maker *trace_find(const char *name)
{
	for (size_t i = 0; i < n_trace_makers; i++)
		if (!strcmp(trace_makers[i].name, name))
			return &trace_makers[i];
	abort();
}

void trace_make(struct trace *t, const char *name, double sec)
{
	const struct trace_maker *m = trace_find(name);

	seed = 1;
	*t = (struct trace){.name = m->name, .until_nsec = (uint64_t)(sec * SEC)};
	m->make(t, sec);
	trace_sort(t);
}

int trace_read(struct trace *t, const char *file, struct err *e)
{
	CLEANUP(fclosep) FILE *f = fopen(file, "re");
	char line[256];
	size_t n = 0;

	if (!f)
		return err_set(e, -errno, "%s: %s", file, strerror(errno));
	*t = (struct trace){.name = "recorded"};
	with_lanes(t, &reader, &writer);
	while (fgets(line, sizeof(line), f)) {
		double msec;
		uint32_t payer, space, lane, rows, tokens;

		n++;
		if (line[0] == '#')
			continue;
		if (sscanf(line, "%lf,%u,%u,%u,%u,%u", &msec, &payer, &space, &lane, &rows,
			    &tokens) != 6 ||
			payer >= WORLD_PAYERS_MAX || lane >= t->n_lanes || rows == 0)
			return err_set(e, -EBADMSG, "%s:%zu: must be six numbers", file, n);
		add(t, msec / 1e3, payer, space, lane, rows, tokens);
		t->ordinary[payer] = true;
	}
	trace_sort(t);
	t->until_nsec = t->n ? t->of[t->n - 1].at_nsec + (uint64_t)(60 * SEC) : 1;
	return 0;
}
