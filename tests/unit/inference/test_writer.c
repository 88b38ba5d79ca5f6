#include "inference/engine/writer.h"

#include <errno.h>

#include "inference/tokenizers/unicode.h"
#include "tests/support/test.h"

static void check_take(struct writer *w, bool at_end, const char *want)
{
	size_t n;
	const char *s = writer_take(w, at_end, &n);

	CHECK(utf8_valid(s, n));
	if (n != strlen(want) || memcmp(s, want, n) != 0)
		fprintf(stderr, "got '%.*s', not '%s'\n", (int)n, s, want);
	CHECK(n == strlen(want) && !memcmp(s, want, n));
}

TEST(half_a_character_waits_for_its_rest)
{
	struct writer w;

	writer_init(&w);
	CHECK(writer_add(&w, "a\xf0\x9f", 3) == 0);
	check_take(&w, false, "a");
	CHECK(writer_add(&w, "\x98", 1) == 0);
	check_take(&w, false, "");
	CHECK(writer_add(&w, "\x80!", 2) == 0);
	check_take(&w, false, "\xf0\x9f\x98\x80!");
	CHECK(writer_add(&w, "\xc3", 1) == 0);
	check_take(&w, true, ""); /* what never became a character is not shown */
	writer_done(&w);
}

TEST(bytes_that_are_no_text_become_the_replacement_character)
{
	struct writer w;

	writer_init(&w);
	CHECK(writer_add(&w, "\xff", 1) == 0 && writer_add(&w, "\xc3(", 2) == 0 &&
		writer_add(&w, "\0", 1) == 0);
	check_take(&w, false, "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd");
	writer_done(&w);
}

TEST(a_stop_string_is_never_shown_not_even_its_beginning)
{
	struct writer w;

	writer_init(&w);
	CHECK(writer_add_stop(&w, "END", 3) == 0);
	CHECK(writer_add(&w, "one E", 5) == 0);
	check_take(&w, false, "one ");
	CHECK(writer_add(&w, "N", 1) == 0);
	check_take(&w, false, "");
	CHECK(writer_add(&w, "ough E", 6) == 0);
	check_take(&w, false, "ENough ");
	CHECK(writer_add(&w, "ND more", 7) == 0);
	CHECK(w.stopped);
	check_take(&w, true, "");
	CHECK(!strcmp(buf_str(&w.text), "one ENough "));
	writer_done(&w);
}

TEST(what_only_could_have_been_a_stop_string_is_shown_at_the_end)
{
	struct writer w;

	writer_init(&w);
	CHECK(writer_add_stop(&w, "\n\n", 2) == 0 && writer_add_stop(&w, "###", 3) == 0);
	CHECK(writer_add(&w, "x##", 3) == 0);
	check_take(&w, false, "x");
	check_take(&w, true, "##");
	writer_done(&w);
}

TEST(limits)
{
	struct writer w;
	char big[1000];

	memset(big, 'x', sizeof(big));
	writer_init(&w);
	CHECK(writer_add_stop(&w, "", 0) == -EMSGSIZE);
	CHECK(writer_add_stop(&w, big, WRITER_STOP_MAX + 1) == -EMSGSIZE);
	for (int i = 0; i < WRITER_STOPS_MAX; i++)
		CHECK(writer_add_stop(&w, "zz", 2) == 0);
	CHECK(writer_add_stop(&w, "zz", 2) == -ENOSPC);
	int r = 0;

	for (int i = 0; i < 1000 && r == 0; i++)
		r = writer_add(&w, big, sizeof(big));
	CHECK(r == -ENOSPC && w.text.len <= WRITER_TEXT_MAX);
	writer_done(&w);
}

TEST_MAIN()
