#include "proto/challenge.h"

#include <ctype.h>
#include <string.h>

#define TOKEN_MIN 22

static bool is_base64url(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	return n > 0;
}

bool challenge_is_token(const char *text, size_t n)
{
	return n >= TOKEN_MIN && n <= CHALLENGE_TOKEN_MAX && is_base64url(text, n);
}

bool challenge_is_answer(const char *text, size_t n)
{
	const char *dot = n <= CHALLENGE_ANSWER_MAX ? memchr(text, '.', n) : NULL;
	size_t before = dot ? (size_t)(dot - text) : 0;

	return dot && challenge_is_token(text, before) && is_base64url(dot + 1, n - before - 1);
}
