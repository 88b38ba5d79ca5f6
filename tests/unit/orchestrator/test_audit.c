#include "orchestrator/audit/audit.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

#define ROWS 5

/* A log of some rows, as its readers get it. */
static json_t *make_log(struct store **ret_store)
{
	struct err e = {0};
	json_t *list = NULL;

	CHECK(store_open(":memory:", ret_store, &e) == 0);
	for (int i = 0; i < ROWS; i++) {
		CLEANUP(json_unrefp) json_t *detail = json_pack("{s:i}", "i", i);

		CHECK(audit_add(*ret_store, i % 2 ? "ada" : "", "POST /api/tokens", "/api/tokens",
			      detail, &e) == 0);
	}
	CHECK(audit_list(*ret_store, 0, 100, &list, &e) == 0);
	CHECK(json_array_size(list) == ROWS);
	return list;
}

static int walk(json_t *list, struct err *e)
{
	struct audit_walk w;
	int r = 0;

	audit_walk_begin(&w);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		struct audit_row row;

		r = audit_row_read(json_array_get(list, i), &row, e);
		if (r == 0)
			r = audit_walk_step(&w, &row, e);
	}
	return r < 0 ? r : audit_walk_end(&w, e);
}

TEST(rows_that_were_appended_are_a_whole_chain)
{
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(json_unrefp) json_t *list = make_log(&s);
	struct err e = {0};

	CHECK(walk(list, &e) == 0);
}

TEST(a_row_that_was_changed_is_named)
{
	static const char *const fields[] = {
		"who", "action", "subject", "detail", "time", "prev", "hash"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		CLEANUP(store_closep) struct store *s = NULL;
		CLEANUP(json_unrefp) json_t *list = make_log(&s);
		json_t *row = json_array_get(list, 2);
		struct err e = {0};

		CHECK(json_object_set_new(row, fields[i],
			      strcmp(fields[i], "time") ? json_string("x") : json_integer(1)) == 0);
		CHECK(walk(list, &e) == -EBADMSG);
		CHECK(strstr(e.text, "row 3"));
	}
}

TEST(a_changed_row_with_a_new_hash_is_betrayed_by_the_next_one)
{
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(json_unrefp) json_t *list = make_log(&s);
	json_t *o = json_array_get(list, 2);
	char hash[SHA256_HEX + 1];
	struct audit_row row;
	struct err e = {0};

	CHECK(json_object_set_new(o, "who", json_string("mallory")) == 0);
	CHECK(audit_row_read(o, &row, &e) == 0 && audit_hash(&row, hash) == 0);
	CHECK(json_object_set_new(o, "hash", json_string(hash)) == 0);
	CHECK(walk(list, &e) == -EBADMSG);
	CHECK(strstr(e.text, "row 4"));
}

TEST(a_row_that_was_taken_out_or_put_in_is_noticed)
{
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(json_unrefp) json_t *list = make_log(&s);
	CLEANUP(json_unrefp) json_t *again = json_copy(list);
	struct err e = {0};

	CHECK(json_array_remove(list, 1) == 0);
	CHECK(walk(list, &e) == -EBADMSG && strstr(e.text, "missing"));
	CHECK(json_array_insert(again, 1, json_array_get(again, 0)) == 0);
	CHECK(walk(again, &e) == -EBADMSG);
}

TEST(the_hash_is_that_of_the_documented_text)
{
	const struct audit_row row = {.n = 1,
		.at_usec = 1700000000000000,
		.who = "ada",
		.action = "POST /api/tokens",
		.subject = "/api/tokens",
		.detail = "{\"name\":\"ü\"}",
		.prev = AUDIT_NOTHING};
	static const char text[] =
		"{\"n\":1,\"time\":1700000000000000,\"who\":\"ada\",\"action\":\"POST "
		"/api/tokens\","
		"\"subject\":\"/api/tokens\",\"detail\":\"{\\\"name\\\":\\\"ü\\\"}\",\"prev\":"
		"\"" AUDIT_NOTHING "\"}";
	char want[SHA256_HEX + 1], got[SHA256_HEX + 1];

	sha256_hex(text, sizeof(text) - 1, want);
	CHECK(audit_hash(&row, got) == 0 && !strcmp(got, want));
}

TEST(the_last_rows_and_pages_of_them_are_found)
{
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(json_unrefp) json_t *all = make_log(&s);
	CLEANUP(json_unrefp) json_t *last = NULL;
	CLEANUP(json_unrefp) json_t *page = NULL;
	struct err e = {0};

	CHECK(audit_list(s, -2, 2, &last, &e) == 0 && json_array_size(last) == 2);
	CHECK(json_equal(json_array_get(last, 1), json_array_get(all, ROWS - 1)));
	CHECK(audit_list(s, 1, 2, &page, &e) == 0 && json_array_size(page) == 2);
	CHECK(json_equal(json_array_get(page, 0), json_array_get(all, 1)));
}

/* The exported line of a row whose subject has n bytes; 0: such a row is refused. */
static size_t line_of(struct store *s, size_t n)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	CLEANUP(freep) char *subject = calloc(1, n + 1);
	CLEANUP(freep) char *line = NULL;
	struct err e = {0};

	CHECK(subject);
	memset(subject, 'x', n);
	if (audit_add(s, "ada", "POST /api/tokens", subject, NULL, &e) < 0)
		return 0;
	CHECK(audit_list(s, -1, 1, &list, &e) == 0);
	line = json_dumps(json_array_get(list, 0), JSON_COMPACT);
	CHECK(line);
	return strlen(line) + 1;
}

TEST(a_row_that_is_taken_can_be_exported)
{
	CLEANUP(store_closep) struct store *s = NULL;
	size_t n = AUDIT_ROW_MAX - 400, line;

	CHECK(store_open(":memory:", &s, &(struct err){0}) == 0);
	CHECK(line_of(s, n) > 0);
	while ((line = line_of(s, ++n)) > 0)
		CHECK(line <= AUDIT_ROW_MAX);
	CHECK(n < AUDIT_ROW_MAX);
}

TEST_MAIN()
