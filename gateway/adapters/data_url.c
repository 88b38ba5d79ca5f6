#include "gateway/adapters/data_url.h"

#include <errno.h>
#include <string.h>

#include "base/base64.h"

static const char mark[] = ";base64,";

/* A JSON string may write '/' with a backslash before it. */
static int add_plain(struct buf *plain, const uint8_t *at, const uint8_t *end)
{
	int r = 0;

	while (at < end && r == 0) {
		const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
		const uint8_t *stop = escape ? escape : end;

		r = buf_add(plain, at, (size_t)(stop - at));
		if (escape && (escape + 1 >= end || escape[1] != '/'))
			return -EBADMSG;
		at = escape ? escape + 1 : end;
	}
	return r;
}

int data_url_decode(struct slice text, struct buf *b, struct err *e)
{
	const uint8_t *head, *end = text.at + text.n - 1; /* the closing quote */
	struct buf plain;
	int r;

	if (text.n < 8 || memcmp(text.at, "\"data:", 6))
		return err_set(e, -EBADMSG, "not a data: URL");
	head = memmem(text.at, text.n, mark, sizeof(mark) - 1);
	if (!head)
		return err_set(e, -EBADMSG, "a data: URL must say ;base64,");
	head += sizeof(mark) - 1;
	if ((size_t)(end - head) / 4 * 3 > DATA_URL_BYTES_MAX)
		return err_set(e, -EMSGSIZE,
			"a data: URL holds at most %u bytes; upload the file instead",
			DATA_URL_BYTES_MAX);
	buf_init(&plain, (size_t)(end - head) + 1);
	r = add_plain(&plain, head, end);
	if (r == 0)
		r = base64_add_decoded(b, buf_str(&plain), plain.len);
	buf_done(&plain);
	if (r == -EBADMSG)
		return err_set(e, r, "the data: URL is not base64");
	if (r == -ENOSPC)
		return err_set(e, -EMSGSIZE, "the file is too large for a data: URL");
	return r;
}
