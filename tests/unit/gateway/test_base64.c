#include "base/base64.h"

#include <errno.h>

#include "gateway/adapters/data_url.h"
#include "tests/support/test.h"

/* RFC 4648, 10 */
static const struct {
	const char *bytes, *text;
} vectors[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

TEST(bytes_and_text_stand_for_each_other)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct buf b;

		buf_init(&b, 64);
		CHECK(base64_add(&b, (const uint8_t *)vectors[i].bytes, strlen(vectors[i].bytes)) ==
			0);
		CHECK(!strcmp(buf_str(&b), vectors[i].text));
		buf_clear(&b);
		CHECK(base64_add_decoded(&b, vectors[i].text, strlen(vectors[i].text)) == 0);
		CHECK(b.len == strlen(vectors[i].bytes) && !strcmp(buf_str(&b), vectors[i].bytes));
		buf_done(&b);
	}
}

TEST(what_is_no_base64_adds_nothing)
{
	static const char *const bad[] = {
		"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Z g=", "Zm9\n", "Zm9-", "Zm\xff/"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf b;

		buf_init(&b, 64);
		CHECK(buf_add_str(&b, "x") == 0);
		CHECK(base64_add_decoded(&b, bad[i], strlen(bad[i])) == -EBADMSG);
		CHECK(!strcmp(buf_str(&b), "x"));
		buf_done(&b);
	}
}

static int decode(const char *text, struct buf *b, struct err *e)
{
	buf_init(b, 64);
	*e = (struct err){0};
	return data_url_decode(slice_of(text, strlen(text)), b, e);
}

TEST(a_data_url_gives_its_bytes_and_anything_else_words)
{
	static const char *const bad[] = {"\"data:text/plain,hi\"", "\"data:;base64,Zg\"", "\"x\"",
		"7", "\"data:;base64,Zm9\\u0076\"", "\"data:;base64,Zm9v\\\""};
	struct err e;
	struct buf b;

	CHECK(decode("\"data:image/png;base64,Zm9v\\/w==\"", &b, &e) == 0 && b.len == 4);
	buf_done(&b);
	CHECK(decode("\"data:;base64,\"", &b, &e) == 0 && b.len == 0);
	buf_done(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(decode(bad[i], &b, &e) == -EBADMSG && e.text[0] && b.len == 0);
		buf_done(&b);
	}
}

TEST(a_data_url_that_is_too_large_is_refused)
{
	static char text[400] = "\"data:;base64,";
	struct err e;
	struct buf b;

	memset(text + 14, 'A', 200);
	text[214] = '"';
	CHECK(decode(text, &b, &e) == -EMSGSIZE && strstr(e.text, "too large"));
	buf_done(&b);
}

TEST_MAIN()
