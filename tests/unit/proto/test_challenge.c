#include "proto/challenge.h"

#include <string.h>

#include "tests/support/test.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

static bool is_token(const char *text)
{
	return challenge_is_token(text, strlen(text));
}

static bool is_answer(const char *text)
{
	return challenge_is_answer(text, strlen(text));
}

TEST(a_token_is_base64url_that_nobody_guesses_and_no_path)
{
	char long_one[CHALLENGE_TOKEN_MAX + 2];

	CHECK(is_token(TOKEN));
	CHECK(!is_token(""));
	CHECK(!is_token("short"));
	CHECK(!is_token(TOKEN "="));
	CHECK(!is_token(TOKEN "/.."));
	CHECK(!is_token("..%2f" TOKEN));
	CHECK(!is_token(TOKEN "?x"));
	memset(long_one, 'a', sizeof(long_one));
	CHECK(challenge_is_token(long_one, CHALLENGE_TOKEN_MAX));
	CHECK(!challenge_is_token(long_one, CHALLENGE_TOKEN_MAX + 1));
}

TEST(an_answer_is_a_token_and_a_hash_and_nothing_that_a_browser_would_run)
{
	char long_one[CHALLENGE_ANSWER_MAX + 1];

	CHECK(is_answer(TOKEN "." TOKEN));
	CHECK(!is_answer(TOKEN));
	CHECK(!is_answer(TOKEN "."));
	CHECK(!is_answer("." TOKEN));
	CHECK(!is_answer(TOKEN "." TOKEN "." TOKEN));
	CHECK(!is_answer(TOKEN ".<script>"));
	memset(long_one, 'a', sizeof(long_one));
	long_one[50] = '.';
	CHECK(challenge_is_answer(long_one, CHALLENGE_ANSWER_MAX));
	CHECK(!challenge_is_answer(long_one, CHALLENGE_ANSWER_MAX + 1));
}

TEST_MAIN()
