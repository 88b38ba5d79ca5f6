/* A text of a stranger's: what is found lies in order, on lines that it has. */
#include "orchestrator/repo/secrets.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secrets_cursor c = {.line = 1};
	struct secret s;
	unsigned int lines = 1, last = 1;
	size_t at = 0;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	while (secrets_next((const char *)data, size, &c, &s)) {
		MUST(c.at > at && c.at <= size);
		MUST(s.line >= last && s.line <= lines && s.what);
		at = c.at;
		last = s.line;
	}
	MUST(c.at == size && c.line == lines);
	return 0;
}
