/* Headers of uploads and downloads from anywhere: what they say stays inside the file. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/range.h"
#include "gateway/tus.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = {0, 1, 1000, (uint64_t)1 << 40, INT64_MAX};
	char name[FILE_NAME_MAX + 1];
	struct err e = {0};
	struct range range;
	uint64_t n;
	char *text = strndup((const char *)data, size);

	MUST(text);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int r = range_parse(text, sizes[i], &range);

		MUST(r == 0 || r == -ERANGE);
		if (r == 0) {
			MUST(range.first <= sizes[i] && range.length <= sizes[i] - range.first);
			MUST(range.partial ? range.length > 0 : range.length == sizes[i]);
		}
	}
	if (tus_number("Upload-Length", text, &n, &e) == 0)
		MUST(n <= INT64_MAX);
	else
		MUST(e.text[0]);
	if (tus_file_name(text, name, &e) == 0)
		MUST(name[0] && strlen(name) <= FILE_NAME_MAX && !strchr(name, '/'));
	free(text);
	return 0;
}
