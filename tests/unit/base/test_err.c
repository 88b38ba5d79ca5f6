#include "base/err.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(the_first_cause_and_its_code_are_kept)
{
	struct err e = {0};

	CHECK(err_set(&e, -ENOENT, "no file '%s'", "x") == -ENOENT);
	CHECK(e.code == -ENOENT && strcmp(e.text, "no file 'x'") == 0);
}

TEST(each_layer_puts_its_words_in_front_and_returns_the_first_code)
{
	struct err e = {0};

	(void)err_set(&e, -EACCES, "inner");
	CHECK(err_wrap(&e, "middle") == -EACCES);
	CHECK(err_wrap(&e, "outer %d", 1) == -EACCES);
	CHECK(strcmp(e.text, "outer 1: middle: inner") == 0);
}

TEST(nobody_has_to_listen)
{
	CHECK(err_set(NULL, -EINVAL, "x") == -EINVAL);
	CHECK(err_wrap(NULL, "x") == -EIO);
}

TEST(words_that_are_too_long_are_cut_and_still_a_string)
{
	struct err e = {0};
	char text[2 * ERR_MAX];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&e, -EINVAL, "%s", text);
	CHECK(strlen(e.text) == ERR_MAX - 1);
	(void)err_wrap(&e, "%s", text);
	CHECK(strlen(e.text) < ERR_MAX);
	CHECK(strstr(e.text, "a: a") != NULL);
}

TEST_MAIN()
