/* Requests for models while inference works on them: what of them is still in memory. */
#include <errno.h>

#include "gateway/adapters/openai_answer.h"
#include "gateway/adapters/pipelines.h"
#include "tests/support/test.h"

static struct openai_request read_request(enum openai_kind kind, json_t *body)
{
	char param[OPENAI_PARAM_MAX + 1];
	struct openai_request q;
	struct err e = {0};

	CHECK(body);
	if (openai_read(kind, body, &q, param, &e) < 0)
		fprintf(stderr, "%s: %s\n", param, e.text);
	CHECK(!e.code);
	json_decref(body);
	return q;
}

static void check_text(const struct buf *b, const char *part)
{
	if (!strstr(buf_str(b), part))
		fprintf(stderr, "%s\n", buf_str(b));
	CHECK(strstr(buf_str(b), part));
}

TEST(a_conversation_is_not_kept_while_its_answer_is_written)
{
	struct openai_request q = read_request(
		OPENAI_CHAT, json_pack("{s:s, s:[{s:s, s:s}], s:i}", "model", "a/b", "messages",
				     "role", "user", "content", "long", "max_tokens", 7));
	json_t *value = json_pack("{s:s, s:s}", "text", "yes", "finish_reason", "stop");
	const struct openai_usage usage = {3, 1};
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	CHECK(json_array_size(q.inputs) == 1 && json_object_size(q.options) > 0);
	openai_called(&q, 0);
	CHECK(!q.inputs && !q.options);
	CHECK(openai_write(&q, value, &usage, &b) == 0);
	check_text(&b, "\"content\":\"yes\"");
	json_decref(value);
	openai_done(&q);
}

TEST(texts_to_embed_go_as_they_are_asked_for)
{
	struct openai_request q = read_request(OPENAI_EMBEDDINGS,
		json_pack("{s:s, s:[s, s, s]}", "model", "a/b", "input", "one", "two", "three"));
	json_t *value = json_pack("[[f], [f]]", 1.0, 2.0);
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	openai_called(&q, 2);
	CHECK(q.n_inputs == 3 && json_is_null(json_array_get(q.inputs, 1)));
	CHECK(!strcmp(json_string_value(json_array_get(q.inputs, 2)), "three") && q.options);
	CHECK(openai_add_embeddings(&q, value, 0, &b) == 0);
	openai_called(&q, 3);
	CHECK(!q.inputs && !q.options);
	CHECK(openai_add_embeddings(&q, value, 2, &b) == -EBADMSG); /* four for three */
	(void)json_array_remove(value, 1);
	CHECK(openai_add_embeddings(&q, value, 2, &b) == 0);
	check_text(&b, "\"index\":2");
	json_decref(value);
	openai_done(&q);
}

static void check_pipeline(
	const char *task, json_t *body, bool kept, const char *given, const char *wanted)
{
	struct pipeline_request q = {0};
	json_t *value = json_loads(given, 0, NULL), *want = json_loads(wanted, 0, NULL), *got;
	struct err e = {0};

	CHECK(body && value && want);
	CHECK(pipeline_read(task, body, &q, &e) == 0);
	json_decref(body);
	pipeline_called(&q);
	CHECK(!q.options && kept == json_is_string(q.inputs) && json_array_size(q.inputs) == 0);
	got = pipeline_answer(&q, value);
	CHECK(got && json_equal(got, want));
	json_decref(got);
	json_decref(value);
	json_decref(want);
	pipeline_done(&q);
}

TEST(a_pipeline_keeps_what_its_answer_repeats)
{
	check_pipeline("text-generation", json_pack("{s:s}", "inputs", "Once"), true,
		"{\"text\":\" more\"}", "[{\"generated_text\":\"Once more\"}]");
	check_pipeline("text-generation",
		json_pack("{s:s, s:{s:b}}", "inputs", "Once", "parameters", "return_full_text", 0),
		false, "{\"text\":\" more\"}", "[{\"generated_text\":\" more\"}]");
	check_pipeline("text-classification", json_pack("{s:[s, s]}", "inputs", "a", "b"), false,
		"[[],[]]", "[[],[]]");
	check_pipeline(
		"text-classification", json_pack("{s:s}", "inputs", "a"), false, "[]", "[[]]");
}

TEST_MAIN()
