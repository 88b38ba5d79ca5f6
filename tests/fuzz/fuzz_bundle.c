/* A bundle that is checked, then walked: nothing the walk yields may lie outside the bytes. */
#include <stdint.h>
#include <string.h>

#include "proto/bundle.h"
#include "proto/constants.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_entry entry, found;
	struct err e = {0};
	size_t at = 0;
	int files = 0;

	if (bundle_check(data, size, &e) < 0) {
		MUST(e.text[0]);
		return 0;
	}
	while (bundle_next(data, size, &at, &entry)) {
		char path[BUNDLE_PATH_MAX + 1] = "";

		MUST(entry.bytes >= data && entry.bytes + entry.size <= data + size);
		MUST(entry.path_len > 0 && entry.path_len <= BUNDLE_PATH_MAX);
		memcpy(path, entry.path, entry.path_len);
		MUST(bundle_find(data, size, path, &found) == 1 && found.bytes == entry.bytes);
		files++;
	}
	MUST(files <= BUNDLE_FILES_MAX && at <= size + 12);
	return 0;
}
