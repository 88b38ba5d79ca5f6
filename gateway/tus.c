#include "gateway/tus.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/cleanup.h"

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

static bool key_is(const char *key, size_t n, const char *name)
{
	return n == strlen(name) && !memcmp(key, name, n);
}

int tus_file_name(const char *metadata, char ret[FILE_NAME_MAX + 1], struct err *e)
{
	const char *at = metadata ? metadata : "";
	CLEANUP(buf_done) struct buf name;

	buf_init(&name, TUS_METADATA_MAX);
	memcpy(ret, "file", 5);
	if (strlen(at) > TUS_METADATA_MAX)
		return err_set(e, -EINVAL, "Upload-Metadata: is over the limit of %d bytes",
			TUS_METADATA_MAX);
	while (*at) {
		size_t pair = strcspn(at, ",");
		size_t key = strcspn(at, " ,");
		size_t skip = key < pair ? 1 : 0;

		buf_clear(&name);
		if (key == 0 || base64_add_decoded(&name, at + key + skip, pair - key - skip) < 0)
			return err_set(e, -EINVAL,
				"Upload-Metadata: takes keys with their values in base 64");
		if (key_is(at, key, "filename") || key_is(at, key, "name"))
			file_clean_name(buf_str(&name), ret);
		at += pair;
		at += *at == ',';
		at += strspn(at, " ");
	}
	return 0;
}
