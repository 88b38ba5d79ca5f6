#include "orchestrator/repo/pack_head.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"

#define INDEX_HEAD 8
#define FANOUT_AT(byte) (INDEX_HEAD + 4l * (byte))
#define IDS_AT (INDEX_HEAD + 4l * 256)
#define CHUNK 16384
#define PATH_ROOM 2048

enum { OBJECT_OFS_DELTA = 6, OBJECT_REF_DELTA = 7 };

static uint32_t big(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int read_at(int fd, off_t at, void *bytes, size_t n)
{
	return pread(fd, bytes, n, at) == (ssize_t)n ? 0 : -EBADMSG;
}

static int read_number(int fd, off_t at, uint32_t *ret)
{
	uint8_t bytes[4];
	int r = read_at(fd, at, bytes, sizeof(bytes));

	*ret = r < 0 ? 0 : big(bytes);
	return r;
}

/* The object's place among the sorted ids, of which there are *ret_n. -ENOENT. */
static int find_id(int fd, const git_oid *oid, uint32_t *ret, uint32_t *ret_n)
{
	uint32_t low = 0, high;
	int r = read_number(fd, FANOUT_AT(oid->id[0]), &high);

	if (r == 0 && oid->id[0])
		r = read_number(fd, FANOUT_AT(oid->id[0] - 1), &low);
	if (r == 0)
		r = read_number(fd, FANOUT_AT(255), ret_n);
	while (r == 0 && low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint8_t id[GIT_OID_RAWSZ];
		int order;

		r = read_at(fd, IDS_AT + (off_t)middle * GIT_OID_RAWSZ, id, sizeof(id));
		order = memcmp(oid->id, id, sizeof(id));
		if (r == 0 && order == 0) {
			*ret = middle;
			return 0;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return r < 0 ? r : -ENOENT;
}

static int find_offset(int fd, const git_oid *oid, off_t *ret)
{
	uint32_t place, n, offset;
	uint8_t head[INDEX_HEAD], wide[8];
	off_t offsets;
	int r = read_at(fd, 0, head, sizeof(head));

	if (r < 0 || big(head) != 0xff744f63 || big(head + 4) != 2)
		return -EBADMSG;
	r = find_id(fd, oid, &place, &n);
	if (r < 0)
		return r;
	offsets = IDS_AT + (off_t)n * (GIT_OID_RAWSZ + 4);
	r = read_number(fd, offsets + 4l * place, &offset);
	if (r < 0 || !(offset & 0x80000000)) {
		*ret = (off_t)offset;
		return r;
	}
	r = read_at(fd, offsets + 4l * n + 8l * (offset & 0x7fffffff), wide, sizeof(wide));
	*ret = (off_t)((uint64_t)big(wide) << 32 | big(wide + 4));
	return r;
}

/* Past the object's type and size, to its deflated bytes. */
static int skip_head(int fd, off_t *at)
{
	uint8_t head[16];
	ssize_t n = pread(fd, head, sizeof(head), *at);
	unsigned int type;
	ssize_t i = 0;

	if (n < 1)
		return -EBADMSG;
	type = head[0] >> 4 & 7;
	while (i < n && head[i] & 0x80)
		i++;
	if (type == OBJECT_OFS_DELTA || type == OBJECT_REF_DELTA)
		return -EOPNOTSUPP;
	*at += i + 1;
	return i == n ? -EBADMSG : 0;
}

static ssize_t inflate_head(int fd, off_t at, void *bytes, size_t n)
{
	uint8_t chunk[CHUNK];
	z_stream z = {.next_out = bytes, .avail_out = (uInt)n};
	int rc = inflateInit(&z);
	ssize_t got = 0;

	if (rc != Z_OK)
		return -ENOMEM;
	while (rc == Z_OK && z.avail_out) {
		if (!z.avail_in) {
			got = pread(fd, chunk, sizeof(chunk), at);
			if (got <= 0)
				break;
			at += got;
			z.next_in = chunk;
			z.avail_in = (uInt)got;
		}
		rc = inflate(&z, Z_NO_FLUSH);
	}
	(void)inflateEnd(&z);
	return got <= 0 || (rc != Z_OK && rc != Z_STREAM_END) ? -EBADMSG
							      : (ssize_t)(n - z.avail_out);
}

static ssize_t read_pack(const char *index, const git_oid *oid, void *bytes, size_t n)
{
	CLEANUP(closep) int fd = open(index, O_RDONLY | O_CLOEXEC);
	CLEANUP(closep) int pack = -1;
	char path[PATH_ROOM];
	off_t at = 0;
	int r = fd < 0 ? -errno : find_offset(fd, oid, &at);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%.*s.pack", (int)strlen(index) - 4, index);
	pack = open(path, O_RDONLY | O_CLOEXEC);
	r = pack < 0 ? -errno : skip_head(pack, &at);
	return r < 0 ? r : inflate_head(pack, at, bytes, n);
}

ssize_t pack_head(const char *objects, const git_oid *oid, void *bytes, size_t n)
{
	char path[PATH_ROOM];
	const struct dirent *entry;
	ssize_t r = -ENOENT;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/pack", objects);
	d = opendir(path);
	while (d && r == -ENOENT && (entry = readdir(d))) {
		size_t length = strlen(entry->d_name);

		if (length < 4 || strcmp(entry->d_name + length - 4, ".idx") != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/pack/%s", objects, entry->d_name) <
			(int)sizeof(path))
			r = read_pack(path, oid, bytes, n);
	}
	if (d)
		closedir(d);
	return r;
}
