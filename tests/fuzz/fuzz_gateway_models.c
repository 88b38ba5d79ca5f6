/* What programs send to call models, and what a model writes: the first byte says for which API, up
 * to a NUL stands the request, behind it inference's value. What is made of them is JSON again. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/openai_answer.h"
#include "gateway/adapters/pipelines.h"
#include "gateway/session/json_text.h"
#include "tests/support/fuzz.h"

static const char *const tasks[] = {"text-classification", "feature-extraction", "fill-mask",
	"text-generation", "question-answering", "chat"};

static void answer_openai(enum openai_kind kind, const json_t *body, const json_t *value)
{
	const struct openai_usage usage = {1, 2};
	char param[OPENAI_PARAM_MAX + 1];
	struct openai_request q;
	struct err e = {0};
	struct buf b;

	if (openai_read(kind, body, &q, param, &e) < 0) {
		MUST(e.text[0] && strlen(param) <= OPENAI_PARAM_MAX);
		return;
	}
	buf_init(&b, 8u << 20);
	if (value && (kind == OPENAI_EMBEDDINGS ? openai_add_embeddings(&q, value, 0, &b) == 0 &&
							  openai_end_embeddings(&usage, &b) == 0
						: openai_write(&q, value, &usage, &b) == 0))
		MUST(json_text_valid_nul(b.data, b.len));
	buf_clear(&b);
	if (kind != OPENAI_EMBEDDINGS) {
		MUST(openai_write_text(&q, "a\"\n\xff", 4, &b) == 0);
		if (value && openai_write_end(&q, value, &usage, &b) == 0)
			MUST(b.len > 14 && !memcmp(b.data + b.len - 14, "data: [DONE]\n\n", 14));
	}
	buf_done(&b);
	openai_done(&q);
}

static void answer_pipeline(const char *task, json_t *body, json_t *value)
{
	struct pipeline_request q;
	struct err e = {0};

	task = pipeline_task(task);
	MUST(task);
	if (pipeline_read(task, body, &q, &e) < 0) {
		MUST(e.text[0]);
		return;
	}
	if (value)
		json_decref(pipeline_answer(&q, value));
	pipeline_done(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n_tasks = sizeof(tasks) / sizeof(*tasks);
	json_t *body = NULL, *value = NULL;
	const uint8_t *split;
	size_t n;
	struct err e;

	if (size < 1)
		return 0;
	split = memchr(data + 1, 0, size - 1);
	n = split ? (size_t)(split - data) : size;
	if (split)
		(void)json_parse(split + 1, size - n - 1, 1u << 20, &value, &e);
	if (json_parse(data + 1, n - 1, 1u << 20, &body, &e) == 0) {
		if (data[0] % 9 < 3)
			answer_openai((enum openai_kind)(data[0] % 9), body, value);
		else
			answer_pipeline(tasks[data[0] % 9 % n_tasks], body, value);
	}
	json_decref(body);
	json_decref(value);
	return 0;
}
