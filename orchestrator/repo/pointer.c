#include "orchestrator/repo/pointer.h"

#include <stdio.h>
#include <string.h>

static const char head[] = "version https://git-lfs.github.com/spec/v1\noid sha256:";
static const char middle[] = "\nsize ";

struct cursor {
	const char *at, *end;
};

static bool take(struct cursor *c, const char *words, size_t n)
{
	if ((size_t)(c->end - c->at) < n || memcmp(c->at, words, n) != 0)
		return false;
	c->at += n;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool take_oid(struct cursor *c, char ret[SHA256_HEX + 1])
{
	if (c->end - c->at < SHA256_HEX)
		return false;
	for (int i = 0; i < SHA256_HEX; i++)
		if (!is_hex(c->at[i]))
			return false;
	memcpy(ret, c->at, SHA256_HEX);
	ret[SHA256_HEX] = '\0';
	c->at += SHA256_HEX;
	return true;
}

/* As git-lfs prints it: no sign, no zero in front. */
static bool take_size(struct cursor *c, uint64_t *ret)
{
	const char *first = c->at;
	uint64_t n = 0;

	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
		uint64_t digit = (uint64_t)(*c->at - '0');

		if (n > ((uint64_t)LFS_SIZE_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (c->at == first || (*first == '0' && c->at - first > 1))
		return false;
	*ret = n;
	return true;
}

bool pointer_parse(const void *bytes, size_t n, struct pointer *ret)
{
	struct cursor c = {bytes, (const char *)bytes + n};
	struct pointer p;

	if (n >= POINTER_MAX || !take(&c, head, sizeof(head) - 1) || !take_oid(&c, p.oid) ||
		!take(&c, middle, sizeof(middle) - 1) || !take_size(&c, &p.size) ||
		!take(&c, "\n", 1) || c.at != c.end)
		return false;
	*ret = p;
	return true;
}

bool pointer_next_name(const char *bytes, size_t n, size_t *at, char ret[SHA256_HEX + 1])
{
	static const char key[] = "\noid sha256:";

	while (*at < n) {
		struct cursor c = {bytes + *at, bytes + n};

		(*at)++;
		if (take(&c, key, sizeof(key) - 1) && take_oid(&c, ret))
			return true;
	}
	return false;
}

size_t pointer_format(const struct pointer *p, char ret[POINTER_MAX])
{
	int n = snprintf(ret, POINTER_MAX, "%s%.*s%s%llu\n", head, SHA256_HEX, p->oid, middle,
		(unsigned long long)p->size);

	return (size_t)n;
}

bool oid_is_valid(const char *oid)
{
	size_t n = 0;

	while (n < SHA256_HEX && is_hex(oid[n]))
		n++;
	return n == SHA256_HEX && !oid[n];
}
