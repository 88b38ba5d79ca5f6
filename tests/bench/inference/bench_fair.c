/*
 * Waits of ten who ask now and then: alone, beside one who floods, and beside the same flood in
 * one plain queue; and how soon a prompt of some 500 tokens is answered, new and seen before.
 * Prints one JSON object of milliseconds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/engine/engine.h"

#define ASKERS 10
#define PAUSE_MSEC 500.0 /* from one question of an asker to its next */
#define PHASE_MSEC 8000.0
#define FLOOD 64 /* requests of the flooding one at a time */
#define WAITS_MAX 4096

struct bench {
	struct engine *engine;
	struct model *model;
	bool plain; /* all are one group: a plain queue */
	double waits[WAITS_MAX];
	size_t n_waits;
	char flood[2048];
};

struct question {
	struct bench *bench;
	double asked;
	bool flood, answered;
	struct question **of; /* cleared when it ends */
};

static double now_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void on_text(const char *text, size_t n, void *data)
{
	struct question *q = data;
	struct bench *b = q->bench;

	(void)text;
	(void)n;
	if (!q->flood && !q->answered && b->n_waits < WAITS_MAX)
		b->waits[b->n_waits++] = now_msec() - q->asked;
	q->answered = true;
}

static void on_end(const struct outcome *o, void *data)
{
	struct question *q = data;

	if (o->r < 0) {
		(void)fprintf(stderr, "bench_fair: %s\n", o->error.text);
		exit(1);
	}
	*q->of = NULL;
	free(q);
}

static void ask(struct bench *b, const char *text, uint32_t max_tokens, uint32_t group,
	struct question **of)
{
	static const struct request_ops ops = {on_text, on_end};
	static uint64_t seed;
	const struct prompt p = {.text = {text, strlen(text)},
		.framed = true,
		.sampling = {
			.temperature = 1, .top_p = 1, .seed = ++seed, .max_tokens = max_tokens}};
	struct question *q = calloc(1, sizeof(*q));
	struct request *request;
	struct err e = {0};

	if (!q)
		abort();
	*q = (struct question){.bench = b, .asked = now_msec(), .flood = group == 0, .of = of};
	*of = q;
	if (engine_write(b->engine, b->model, &p, &ops, q, &request, &e) < 0) {
		(void)fprintf(stderr, "bench_fair: %s\n", e.text);
		exit(1);
	}
	request_set_group(request, b->plain ? 1 : group + 1);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The 95th of 100 waits. */
static double run_phase(struct bench *b, bool flood, bool plain)
{
	struct question *asked[ASKERS] = {0}, *flooding[FLOOD] = {0};
	double from = now_msec(), next[ASKERS], now;

	if (engine_new(&b->engine) < 0)
		abort();
	b->plain = plain;
	b->n_waits = 0;
	for (int i = 0; i < ASKERS; i++)
		next[i] = from + i * PAUSE_MSEC / ASKERS;
	while ((now = now_msec()) - from < PHASE_MSEC) {
		for (int i = 0; flood && i < FLOOD; i++)
			if (!flooding[i])
				ask(b, b->flood, 60, 0, &flooding[i]);
		for (uint32_t i = 0; i < ASKERS; i++)
			if (!asked[i] && now >= next[i]) {
				ask(b, "Write a story about the sea and a small boat", 20, i + 1,
					&asked[i]);
				next[i] = now + PAUSE_MSEC;
			}
		(void)engine_step(b->engine);
	}
	/* Who still waits has waited so long at least. */
	for (int i = 0; i < ASKERS; i++)
		if (asked[i] && !asked[i]->answered && b->n_waits < WAITS_MAX)
			b->waits[b->n_waits++] = now - asked[i]->asked;
	b->engine = engine_free(b->engine);
	for (int i = 0; i < ASKERS; i++)
		free(asked[i]);
	for (int i = 0; i < FLOOD; i++)
		free(flooding[i]);
	qsort(b->waits, b->n_waits, sizeof(b->waits[0]), compare);
	return b->n_waits ? b->waits[b->n_waits * 95 / 100] : 0;
}

/* A long prompt, and the same again: best of five each. */
static void first_tokens(struct bench *b, double *ret_new, double *ret_seen)
{
	double *of[] = {ret_new, ret_seen};

	*ret_new = *ret_seen = 1e9;
	for (uint32_t i = 0; i < 5; i++) {
		if (engine_new(&b->engine) < 0)
			abort();
		for (int seen = 0; seen < 2; seen++) {
			struct question *q;

			b->n_waits = 0;
			ask(b, b->flood, 2, 1, &q);
			while (engine_step(b->engine))
				;
			if (b->n_waits == 1 && b->waits[0] < *of[seen])
				*of[seen] = b->waits[0];
		}
		b->engine = engine_free(b->engine);
	}
}

int main(int argc, char **argv)
{
	struct device *device = NULL;
	struct bench b = {0};
	struct err e = {0};
	double calm, fair, fifo, fresh, seen;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: bench_fair FOLDER\n");
		return 2;
	}
	if (device_open("cpu", NULL, &device, &e) == 0)
		b.model = model_open(AT_FDCWD, argv[1], "bench/model", device);
	if (!b.model || !b.model->net) {
		(void)fprintf(stderr, "bench_fair: %s\n", b.model ? b.model->error.text : e.text);
		return 1;
	}
	for (size_t i = 0; i < 490; i++)
		memcpy(b.flood + 4 * i, "sea ", 5);
	first_tokens(&b, &fresh, &seen);
	b.flood[4 * 200] = '\0';
	calm = run_phase(&b, false, false);
	fair = run_phase(&b, true, false);
	fifo = run_phase(&b, true, true);
	printf("{\"calm\":%.3f,\"fair\":%.3f,\"fifo\":%.3f,\"first_new\":%.3f,\"first_seen\":%.3f}"
	       "\n",
		calm, fair, fifo, fresh, seen);
	(void)model_free(b.model);
	(void)device_close(device);
	return 0;
}
