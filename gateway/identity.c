#include "gateway/identity.h"

#include <string.h>

static bool is_word(const char *word, size_t n, const char *owner, const char *space)
{
	if (*word == '#')
		return strlen(space) == n - 1 && !memcmp(word + 1, space, n - 1);
	return strlen(owner) == n && !memcmp(word, owner, n);
}

bool identity_knows(const struct identity *who, const char *owner, const char *space)
{
	if (!who->known || !who->user[0])
		return false;
	if (who->admin)
		return true;
	for (const char *word = who->knows; *word;) {
		size_t n = strcspn(word, " ");

		if (n && is_word(word, n, owner, space))
			return true;
		word += n + (word[n] == ' ');
	}
	return false;
}
