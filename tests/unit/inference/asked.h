/* Requests that tests make, and what came of them. */
#pragma once

#include "inference/engine/engine.h"
#include "tests/unit/inference/known.h"

static struct model *writer; /* who is asked for texts */

struct watch {
	struct request *request;
	char text[4096];
	size_t n;
	float rows[256]; /* of what was read; logits of labels, one text after the other */
	size_t n_rows;
	struct outcome o;
	bool done;
	int pieces;
	int cancel_at;        /* pieces after which it cancels itself; 0: never */
	struct watch *victim; /* cancelled at the first piece */
};

static inline void on_text(const char *text, size_t n, void *data)
{
	struct watch *w = data;

	CHECK(!w->done && w->n + n < sizeof(w->text));
	memcpy(w->text + w->n, text, n);
	w->text[w->n += n] = '\0';
	w->pieces++;
	if (w->victim && w->victim->request) {
		request_cancel(w->victim->request);
		w->victim->request = NULL;
		w->victim = NULL;
	}
	if (w->pieces == w->cancel_at) {
		request_cancel(w->request);
		w->request = NULL;
	}
}

static inline void on_end(const struct outcome *o, void *data)
{
	struct watch *w = data;

	CHECK(!w->done && w->request);
	w->done = true;
	w->request = NULL;
	w->o = *o;
	if (o->text) {
		CHECK(o->text_n == w->n && !memcmp(o->text, w->text, w->n));
	}
}

static const struct request_ops ops = {on_text, on_end};

static inline int take_rows(const struct rows *rows, void *to)
{
	struct watch *w = to;

	CHECK(rows->n == 1 && rows->sequence == w->n_rows);
	CHECK((w->n_rows + 1) * rows->width <= sizeof(w->rows) / sizeof(w->rows[0]));
	memcpy(w->rows + w->n_rows++ * rows->width, rows->x, rows->width * sizeof(float));
	return 0;
}

/* Has the texts' first rows read. */
static inline int read_texts(struct engine *e, struct model *m, const struct text *texts, size_t n,
	struct watch *w, struct err *why)
{
	CLEANUP(sequences_done) struct sequences s = {.ids.max = 1 << 20, .wanted.max = 1 << 20};
	const struct reader reader = {take_rows, w};

	for (size_t i = 0; i < n; i++) {
		CHECK(tokens_add(&s.wanted, (uint32_t)s.ids.n) == 0);
		CHECK(tokenizer_encode(m->tokenizer, texts[i].s, texts[i].n, true, &s.ids, NULL) ==
			0);
		s.starts[++s.n] = (uint32_t)s.ids.n;
		s.wants[s.n] = (uint32_t)s.wanted.n;
	}
	return engine_encode(e, m, &s, &reader, &ops, w, &w->request, why);
}

static inline int ask(
	struct engine *e, struct watch *w, const char *text, struct sampling how, struct err *why)
{
	struct prompt p = {.text = {text, strlen(text)}, .framed = true, .sampling = how};

	return engine_write(e, writer, &p, &ops, w, &w->request, why);
}

#define CHAT(text) "<|im_start|>user\n" text "<|im_end|>\n<|im_start|>assistant\n"

static inline char *long_text(size_t words)
{
	char *text = malloc(words * 4 + 1);

	for (size_t i = 0; i < words; i++)
		memcpy(text + 4 * i, "sea ", 4);
	text[words * 4] = '\0';
	return text;
}
