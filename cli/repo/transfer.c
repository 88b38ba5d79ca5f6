#include "cli/repo/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STALL_SEC 120 /* without a byte */

struct transfer {
	transfer_fn fn;
	void *data;
	int fd;
	uint64_t at, left; /* bytes */
	struct err *e;
	int code; /* of fn, or of reading */
};

static size_t take(char *bytes, size_t size, size_t n, void *data)
{
	struct transfer *t = data;

	if (size * n > t->left)
		return 0;
	t->left -= size * n;
	t->code = t->fn(bytes, size * n, t->data, t->e);
	return t->code < 0 ? 0 : n;
}

static size_t give(char *bytes, size_t size, size_t n, void *data)
{
	struct transfer *t = data;
	size_t want = size * n < t->left ? size * n : (size_t)t->left;
	ssize_t got = pread(t->fd, bytes, want, (off_t)t->at);

	if (got < 0 || (got == 0 && want)) {
		t->code = err_set(t->e, got < 0 ? -errno : -EIO, "cannot read the file: %s",
			got < 0 ? strerror(errno) : "it became shorter");
		return CURL_READFUNC_ABORT;
	}
	t->at += (uint64_t)got;
	t->left -= (uint64_t)got;
	return (size_t)got;
}

static size_t drop(char *bytes, size_t size, size_t n, void *data)
{
	(void)bytes;
	(void)size;
	(void)data;
	return n;
}

static void curl_cleanp(CURL **curl)
{
	if (*curl)
		curl_easy_cleanup(*curl);
}

static int perform(CURL *curl, const char *url, struct transfer *t, struct err *e)
{
	CURLcode code;
	long status = 0;

	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SEC);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->code < 0)
		return t->code;
	if (status >= 300)
		return err_set(e, -EREMOTEIO, "the platform answers %ld", status);
	if (code != CURLE_OK)
		return err_set(e, -EIO, "%s", curl_easy_strerror(code));
	return t->left ? err_set(e, -EIO, "it ended %llu bytes too early",
				 (unsigned long long)t->left)
		       : 0;
}

int transfer_get(const char *url, uint64_t size, transfer_fn fn, void *data, struct err *e)
{
	CLEANUP(curl_cleanp) CURL *curl = curl_easy_init();
	struct transfer t = {.fn = fn, .data = data, .left = size, .e = e};

	if (!curl)
		return err_set(e, -ENOMEM, "out of memory");
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
	return perform(curl, url, &t, e);
}

int transfer_put(const char *url, int fd, uint64_t at, uint64_t size, struct err *e)
{
	CLEANUP(curl_cleanp) CURL *curl = curl_easy_init();
	struct transfer t = {.fd = fd, .at = at, .left = size, .e = e};

	if (!curl)
		return err_set(e, -ENOMEM, "out of memory");
	(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
	(void)curl_easy_setopt(curl, CURLOPT_READDATA, &t);
	(void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	return perform(curl, url, &t, e);
}
