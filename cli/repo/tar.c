#include "cli/repo/tar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define BLOCK 512u
#define OCTAL_MAX 077777777777ull /* eleven digits */

/* pax(1), "ustar Interchange Format". */
struct header {
	char name[TAR_NAME_MAX], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type,
		link[100], magic[6], version[2], user[32], group[32], major[8], minor[8],
		prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static unsigned int sum_of(const struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned int sum = 0;

	/* Its own field counts as spaces. */
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= offsetof(struct header, sum) && i < offsetof(struct header, type)
			       ? ' '
			       : bytes[i];
	return sum;
}

static void put_size(struct header *h, uint64_t size)
{
	if (size <= OCTAL_MAX) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%011llo", (unsigned long long)size);
		memcpy(h->size, text, sizeof(h->size));
		return;
	}
	h->size[0] = (char)0x80; /* GNU: the other bytes are the number, big endian */
	for (size_t i = sizeof(h->size) - 1; i > 3; i--, size >>= 8)
		h->size[i] = (char)(size & 0xff);
}

static int put(int fd, const void *bytes, size_t n, struct err *e)
{
	int r = fs_write_all(fd, bytes, n);

	return r < 0 ? err_set(e, r, "cannot write: %s", strerror(-r)) : 0;
}

int tar_write_begin(int fd, const char *name, uint64_t size, struct err *e)
{
	struct header h = {.mode = "0000644",
		.uid = "0000000",
		.gid = "0000000",
		.mtime = "00000000000",
		.type = '0'};
	size_t n = strlen(name);
	char sum[16];

	if (n > TAR_NAME_MAX)
		return err_set(
			e, -ENAMETOOLONG, "%.120s: over %d bytes of a name", name, TAR_NAME_MAX);
	memcpy(h.name, name, n);
	memcpy(h.magic, "ustar", sizeof(h.magic));
	memcpy(h.version, "00", sizeof(h.version));
	put_size(&h, size);
	(void)snprintf(sum, sizeof(sum), "%06o", sum_of(&h) & 0777777);
	memcpy(h.sum, sum, 7);
	h.sum[7] = ' ';
	return put(fd, &h, sizeof(h), e);
}

static size_t padding(uint64_t size)
{
	return (size_t)((BLOCK - size % BLOCK) % BLOCK);
}

int tar_write_end(int fd, uint64_t size, struct err *e)
{
	static const char zeros[BLOCK];

	return put(fd, zeros, padding(size), e);
}

int tar_write_close(int fd, struct err *e)
{
	static const char zeros[2 * BLOCK];

	return put(fd, zeros, sizeof(zeros), e);
}

/* --- reading --- */

static int damaged(uint64_t at, const char *why, struct err *e)
{
	return err_set(e, -EBADMSG, "at byte %llu: %s", (unsigned long long)at, why);
}

/* Octal digits, with spaces or NULs around them. */
static bool get_octal(const char *text, size_t n, uint64_t *ret)
{
	size_t i = 0;

	*ret = 0;
	while (i < n && text[i] == ' ')
		i++;
	if (i == n || text[i] < '0' || text[i] > '7')
		return false;
	for (; i < n && text[i] >= '0' && text[i] <= '7'; i++)
		*ret = *ret << 3 | (uint64_t)(text[i] - '0');
	for (; i < n; i++)
		if (text[i] != ' ' && text[i] != '\0')
			return false;
	return true;
}

static bool get_size(const struct header *h, uint64_t *ret)
{
	if ((unsigned char)h->size[0] != 0x80)
		return get_octal(h->size, sizeof(h->size), ret);
	*ret = 0;
	for (size_t i = 1; i < 4; i++)
		if (h->size[i])
			return false;
	for (size_t i = 4; i < sizeof(h->size); i++)
		*ret = *ret << 8 | (unsigned char)h->size[i];
	return *ret <= INT64_MAX;
}

static bool is_name(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && *p == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++)
			if (p[i] <= ' ' || p[i] > '~')
				return false;
		p += n + (p[n] == '/' && p[n + 1] != '\0');
	}
	return true;
}

static bool is_zero(const struct header *h)
{
	static const struct header zero;

	return !memcmp(h, &zero, sizeof(zero));
}

int tar_read(int fd, uint64_t file_size, uint64_t *at, struct tar_entry *ret, struct err *e)
{
	struct header h;
	uint64_t sum, begin = *at + BLOCK;
	ssize_t n;

	if (*at > file_size || file_size - *at < BLOCK)
		return damaged(*at, "it ends in the middle", e);
	n = pread(fd, &h, sizeof(h), (off_t)*at);
	if (n != (ssize_t)sizeof(h))
		return damaged(*at, n < 0 ? strerror(errno) : "it ends in the middle", e);
	if (is_zero(&h))
		return 0;
	if (memcmp(h.magic, "ustar", 5) != 0 || !get_octal(h.sum, sizeof(h.sum), &sum) ||
		sum != sum_of(&h))
		return damaged(*at, "this is no header of tar's", e);
	if (h.type != '0' || h.prefix[0])
		return damaged(*at, "it holds something else than plain files", e);
	memcpy(ret->name, h.name, TAR_NAME_MAX);
	ret->name[TAR_NAME_MAX] = '\0';
	if (!is_name(ret->name))
		return damaged(*at, "a file's name is none", e);
	if (!get_size(&h, &ret->size) || ret->size > file_size - begin ||
		padding(ret->size) > file_size - begin - ret->size)
		return damaged(*at, "a file is longer than the archive", e);
	ret->at = begin;
	*at = begin + ret->size + padding(ret->size);
	return 1;
}
