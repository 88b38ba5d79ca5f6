/* A file of a stranger's: a pickle or none, by reads that stay inside what they ask for. */
#include <string.h>

#include "orchestrator/repo/pickle.h"
#include "tests/support/fuzz.h"

struct bytes {
	const uint8_t *data;
	size_t n;
};

static ssize_t read_bytes(void *data, uint64_t at, void *ret, size_t n)
{
	const struct bytes *b = data;

	if (at >= b->n)
		return 0;
	n = n < b->n - at ? n : b->n - (size_t)at;
	memcpy(ret, b->data + at, n);
	return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {data, size};
	const struct pickle_source s = {.size = size, .read = read_bytes, .data = &b};

	/* An ending can only make more files count. */
	MUST(!pickle_is(&s, "a") || pickle_is(&s, "a.pt"));
	MUST(size > 2 || !pickle_is(&s, "a"));
	return 0;
}
