/* A file of a stranger's repo: a pointer to a large file, to the byte, or an ordinary file. */
#include <string.h>

#include "orchestrator/repo/pointer.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char again[POINTER_MAX];
	struct pointer p;

	if (!pointer_parse(data, size, &p))
		return 0;
	MUST(size < POINTER_MAX);
	MUST(oid_is_valid(p.oid));
	MUST(p.size <= LFS_SIZE_MAX);
	MUST(pointer_format(&p, again) == size && !memcmp(again, data, size));
	return 0;
}
