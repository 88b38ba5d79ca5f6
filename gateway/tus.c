#include "gateway/tus.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

int tus_number(const char *field, const char *text, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;

	if (!text || !*text)
		return err_set(e, -EINVAL, "%s: is missing", field);
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || n > (uint64_t)INT64_MAX / 10 - 1)
			return err_set(
				e, -EINVAL, "%s: '%.40s' is no number of bytes", field, text);
		n = n * 10 + (uint64_t)(*c - '0');
	}
	*ret = n;
	return 0;
}

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, 4, padded; what room has no place for is left out. -EINVAL. */
static int decode(const char *text, size_t n, char *room, size_t room_n, size_t *ret)
{
	size_t pad = n && text[n - 1] == '=' ? (n > 1 && text[n - 2] == '=' ? 2 : 1) : 0;
	uint32_t bits = 0;
	size_t got = 0;

	if (n % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < n - pad; i++) {
		int v = sextet(text[i]);

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 0 && got < room_n)
			room[got++] = (char)(bits >> (6 - i % 4 * 2) & 0xff);
	}
	*ret = got;
	return 0;
}

static bool key_is(const char *key, size_t n, const char *name)
{
	return n == strlen(name) && !memcmp(key, name, n);
}

int tus_file_name(const char *metadata, char ret[FILE_NAME_MAX + 1], struct err *e)
{
	char name[FILE_NAME_MAX * 4 + 1];
	const char *at = metadata ? metadata : "";
	size_t n;

	memcpy(ret, "file", 5);
	if (strlen(at) > TUS_METADATA_MAX)
		return err_set(e, -EINVAL, "Upload-Metadata: is over the limit of %d bytes",
			TUS_METADATA_MAX);
	while (*at) {
		size_t pair = strcspn(at, ",");
		size_t key = strcspn(at, " ,");
		size_t skip = key < pair ? 1 : 0;

		if (key == 0 ||
			decode(at + key + skip, pair - key - skip, name, sizeof(name) - 1, &n) < 0)
			return err_set(e, -EINVAL,
				"Upload-Metadata: takes keys with their values in base 64");
		name[n] = '\0';
		if (key_is(at, key, "filename") || key_is(at, key, "name"))
			file_clean_name(name, ret);
		at += pair;
		at += *at == ',';
		at += strspn(at, " ");
	}
	return 0;
}
