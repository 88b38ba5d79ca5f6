#include "proto/messages.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

static int read_welcome(const char *text, struct wire_welcome *m, struct err *e)
{
	return wire_welcome_read(m, (const uint8_t *)text, strlen(text), e);
}

TEST(a_message_reads_back_as_it_was_written)
{
	struct wire_welcome in = {.session = "s1",
		.state = "new",
		.bundle = "abc",
		.owner = true,
		.upload_max = 10485760};
	struct wire_welcome out;
	struct buf b;

	buf_init(&b, 8192);
	CHECK(wire_welcome_write(&in, &b) == 0);
	CHECK(strcmp(buf_str(&b), "{\"session\":\"s1\",\"state\":\"new\",\"bundle\":\"abc\","
				  "\"owner\":true,\"upload_max\":10485760}") == 0);
	CHECK(wire_welcome_read(&out, b.data, b.len, NULL) == 0);
	CHECK(strcmp(out.session, "s1") == 0 && strcmp(out.bundle, "abc") == 0);
	CHECK(out.user == NULL && out.owner && out.upload_max == 10485760);
	wire_welcome_done(&out);
	CHECK(out.root == NULL);
	buf_done(&b);
}

TEST(missing_optional_fields_are_null_zero_and_false)
{
	struct wire_welcome m;

	CHECK(read_welcome("{\"session\":\"s\",\"state\":\"new\",\"bundle\":\"b\",\"user\":null}",
		      &m, NULL) == 0);
	CHECK(m.user == NULL && !m.owner && m.upload_max == 0);
	wire_welcome_done(&m);
}

TEST(refusals_name_the_message_and_the_field)
{
	static const struct {
		const char *text, *words;
		int code;
	} bad[] = {
		{"{\"state\":\"new\",\"bundle\":\"b\"}", "wire.WELCOME: session: missing", -EINVAL},
		{"{\"session\":5,\"state\":\"new\",\"bundle\":\"b\"}",
			"wire.WELCOME: session: must be a string", -EINVAL},
		{"{\"session\":\"s\",\"state\":\"12345678901234567\",\"bundle\":\"b\"}",
			"wire.WELCOME: state: 17 bytes, the limit is 16", -EINVAL},
		{"{\"session\":\"s\",\"state\":\"n\",\"bundle\":\"b\",\"owner\":1}",
			"wire.WELCOME: owner: must be true or false", -EINVAL},
		{"{\"session\":\"s\",\"state\":\"n\",\"bundle\":\"b\",\"upload_max\":-1}",
			"wire.WELCOME: upload_max: -1 is outside 0 to 1099511627776", -EINVAL},
		{"{\"session\":\"s\",\"state\":\"n\",\"bundle\":\"b\",\"upload_max\":"
		 "1099511627777}",
			"is outside", -EINVAL},
		{"[]", "wire.WELCOME: must be a JSON object", -EINVAL},
		{"{", "wire.WELCOME: JSON: ", -EBADMSG},
		{"", "wire.WELCOME: JSON: ", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wire_welcome m;
		struct err e = {0};

		CHECK(read_welcome(bad[i].text, &m, &e) == bad[i].code);
		CHECK(strstr(e.text, bad[i].words));
		CHECK(m.root == NULL);
	}
}

TEST(a_value_over_the_maximum_of_its_message_is_refused_before_it_is_parsed)
{
	struct wire_welcome m;
	struct err e = {0};
	char big[8193];

	memset(big, '[', sizeof(big));
	CHECK(wire_welcome_read(&m, (uint8_t *)big, sizeof(big), &e) == -EMSGSIZE);
	CHECK(strstr(e.text, "limit is 8192"));
}

TEST(a_required_json_field_may_hold_null_but_not_be_missing)
{
	static const char with[] = "{\"tree\":null,\"api\":[],\"load_usec\":0}";
	static const char without[] = "{\"api\":[],\"load_usec\":0}";
	struct app_hello m;

	CHECK(app_hello_read(&m, (const uint8_t *)with, strlen(with), NULL) == 0);
	CHECK(json_is_null(m.tree));
	app_hello_done(&m);
	CHECK(app_hello_read(&m, (const uint8_t *)without, strlen(without), NULL) == -EINVAL);
}

TEST(text_that_is_not_utf8_is_refused_when_writing_a_required_field)
{
	struct wire_bye m = {.reason = "\xff\xfe"};
	struct buf b;

	buf_init(&b, 4096);
	CHECK(wire_bye_write(&m, &b) == -EINVAL);
	CHECK(b.len == 0);
	buf_done(&b);
}

TEST(writing_stops_at_the_ceiling_of_the_buffer)
{
	struct wire_bye m = {.reason = "a reason that does not fit"};
	struct buf b;

	buf_init(&b, 10);
	CHECK(wire_bye_write(&m, &b) == -ENOSPC);
	CHECK(b.len == 0);
	buf_done(&b);
}

TEST(unknown_fields_are_ignored_so_that_an_older_side_keeps_working)
{
	static const char text[] = "{\"reason\":\"r\",\"added_later\":[1,2,3]}";
	struct wire_bye m;

	CHECK(wire_bye_read(&m, (const uint8_t *)text, strlen(text), NULL) == 0);
	CHECK(strcmp(m.reason, "r") == 0);
	wire_bye_done(&m);
}

TEST_MAIN()
