/* Known answers: JSON files, models as the program loads them, and comparing with words. */
#pragma once

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "inference/engine/model.h"
#include "tests/support/test.h"

static inline json_t *known_json(const char *path)
{
	CLEANUP(buf_done) struct buf text;
	json_t *v = NULL;
	struct err e = {0};

	buf_init(&text, 64 << 20);
	/* Not json_parse: these files hold NUL in texts, which the platform refuses. */
	if (fs_read(AT_FDCWD, path, &text, &e) == 0)
		v = json_loadb(buf_str(&text), text.len, JSON_ALLOW_NUL, NULL);
	return v;
}

static inline struct model *known_model(struct device *d, const char *folder)
{
	struct model *m = model_open(AT_FDCWD, folder, "test/model", d);

	if (m->error.code)
		fprintf(stderr, "%s: %s\n", folder, m->error.text);
	CHECK(m->net);
	return m;
}

/* The tokens of text, which must be those of the array. */
static inline void known_ids(struct model *m, const json_t *text, const json_t *ids, bool framed)
{
	struct tokens got = {.max = 100000};
	struct err e = {0};

	CHECK(tokenizer_encode(m->tokenizer, json_string_value(text), json_string_length(text),
		      framed, &got, &e) == 0);
	bool same = got.n == json_array_size(ids);

	for (size_t i = 0; same && i < got.n; i++)
		same = got.ids[i] == (uint32_t)json_integer_value(json_array_get(ids, i));
	if (!same) {
		fprintf(stderr, "text '%s': got", json_string_value(text));
		for (size_t i = 0; i < got.n; i++)
			fprintf(stderr, " %u", got.ids[i]);
		fprintf(stderr, "\n");
	}
	CHECK(same);
	tokens_done(&got);
}

/* A sequence on its own, without the engine. */
struct alone {
	struct model *model;
	struct kv *kv;
	uint32_t *pages; /* owned; the whole pool, backwards */
	uint32_t position;
	float *logits; /* of the last token */
};

static inline void alone_begin(struct alone *a, struct model *m)
{
	struct device *d = m->net->device;

	*a = (struct alone){.model = m};
	uint32_t n = m->net->context / KV_PAGE + 1;

	a->kv = d->ops->kv_new(d, m->net->layers, m->net->kv_width, n);
	a->pages = calloc(n, sizeof(*a->pages));
	for (uint32_t i = 0; a->pages && i < n; i++)
		a->pages[i] = n - 1 - i;
	a->logits = calloc(m->net->vocab, sizeof(float));
	CHECK(a->kv && a->pages && a->logits);
}

/* n_wanted: 1, the last one's logits; 0: none, as of a prompt's first pieces. */
static inline void alone_step(struct alone *a, const uint32_t *ids, size_t n, size_t n_wanted)
{
	struct place places[NET_STEP_ROWS_MAX];
	uint32_t last = (uint32_t)n - 1;

	CHECK(n <= NET_STEP_ROWS_MAX);
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){a->kv, a->pages, a->position++};
	CHECK(a->model->net->family->step(
		      a->model->net, ids, places, n, &last, n_wanted, a->logits) == 0);
}

static inline void alone_read(struct alone *a, const uint32_t *ids, size_t n)
{
	alone_step(a, ids, n, 1);
}

static inline uint32_t alone_best(const struct alone *a)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < a->model->net->vocab; i++)
		if (a->logits[i] > a->logits[best])
			best = i;
	return best;
}

static inline void alone_end(struct alone *a)
{
	struct device *d = a->model->net->device;

	d->ops->kv_free(d, a->kv);
	free(a->pages);
	free(a->logits);
}
