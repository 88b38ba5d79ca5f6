/* A list of hosts and a URL by an app: read within limits, and never a host that the list lacks. */
#include <string.h>

#include "fetch/address.h"
#include "fetch/target.h"
#include "tests/support/fuzz.h"

#define LINE_MAX_BYTES 9000

/* The next line of the input as a string; false: none is left. */
static bool line(const uint8_t **data, size_t *size, char *ret)
{
	const uint8_t *end = memchr(*data, '\n', *size);
	size_t n = end ? (size_t)(end - *data) : *size;

	if (*size == 0 || n >= LINE_MAX_BYTES)
		return false;
	memcpy(ret, *data, n);
	ret[n] = '\0';
	n += end != NULL;
	*data += n;
	*size -= n;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char pattern[LINE_MAX_BYTES], url[LINE_MAX_BYTES];
	const struct host_list all = {{"*:*"}, 1}, nobody = {.n = 0};
	struct address_exceptions except = {0};
	struct verdict v = {0};
	struct target t;
	json_t *app;

	if (!line(&data, &size, pattern) || !line(&data, &size, url))
		return 0;
	(void)address_except(&except, pattern, &v.words);
	MUST((http_host_check(pattern, &v.words) == 0) || *v.words.text);
	if (target_read(url, &t, &v) < 0) {
		MUST(v.code && *v.words.text && !t.url);
		return 0;
	}
	MUST(*t.host && t.port > 0 && t.port < 65536 && *t.name && !strchr(t.host, '/'));
	MUST(target_check(&t, NULL, &all, &v) < 0);
	app = json_pack("[s]", "*:*");
	MUST(target_check(&t, app, &all, &v) == 0);
	MUST(target_check(&t, app, &nobody, &v) < 0);
	json_decref(app);
	app = http_host_check(pattern, NULL) == 0 ? json_pack("[s]", pattern) : NULL;
	if (app)
		MUST((target_check(&t, app, &all, &v) == 0) ==
			http_host_covers(pattern, t.host, t.port, t.tls));
	json_decref(app);
	MUST(target_same_origin(&t, &t));
	target_done(&t);
	return 0;
}
