#include "gateway/fail.h"

#include "gateway/session/frames.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

static int find(const struct frame *f, void *data, struct err *e)
{
	struct buf *b = data;

	(void)e;
	return f->type == APP_FAIL ? buf_add(b, f->value, f->length) : 0;
}

static void redact(uint8_t op, const char *json, struct buf *ret)
{
	struct frame fail = {.type = APP_FAIL,
		.op = op,
		.node = 3,
		.value = (const uint8_t *)json,
		.length = strlen(json)};
	struct frame commit = {.type = APP_COMMIT, .op = COMMIT_FINISH, .node = 3, .seq = 8};
	struct buf in, out;

	buf_init(&in, 65536);
	buf_init(&out, 65536);
	buf_init(ret, 65536);
	CHECK(frame_write(&in, &fail) == 0 && frame_write(&in, &commit) == 0);
	CHECK(fail_redact(in.data, in.len, &out) == 0);
	/* The COMMIT stays last and as it was. */
	CHECK(!memcmp(
		out.data + out.len - FRAME_HEADER, in.data + in.len - FRAME_HEADER, FRAME_HEADER));
	CHECK(frames_each(out.data, out.len, 65536, find, ret, NULL) == 0);
	buf_done(&in);
	buf_done(&out);
}

TEST(an_error_becomes_a_reference)
{
	struct buf b;

	redact(FAIL_ERROR,
		"{\"message\":\"secret\",\"file\":\"secret\",\"line\":3,"
		"\"traceback\":\"secret\",\"reference\":\"r1\"}",
		&b);
	CHECK(!strcmp(buf_str(&b),
		"{\"message\":\"Something went wrong in this demo (reference r1)\","
		"\"reference\":\"r1\"}"));
	buf_done(&b);
	redact(FAIL_ERROR, "not json", &b);
	CHECK(!strcmp(buf_str(&b), "{\"message\":\"Something went wrong in this demo\"}"));
	buf_done(&b);
}

TEST(what_is_meant_for_the_visitor_keeps_its_words_and_loses_its_place)
{
	struct buf b;

	redact(FAIL_INVALID, "{\"message\":\"too long\",\"file\":\"app.lua\",\"line\":3}", &b);
	CHECK(!strcmp(buf_str(&b), "{\"message\":\"too long\"}"));
	buf_done(&b);
}

TEST_MAIN()
