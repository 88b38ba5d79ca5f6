/* What a page sends as JSON: whatever the gateway lets pass, the worker's parser must take. */
#include <stdint.h>

#include <string.h>

#include "base/json.h"
#include "gateway/session/json_text.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *v = NULL;
	struct err e = {0};
	struct buf b;

	if (json_text_valid(data, size) && json_parse(data, size, size, &v, &e) < 0)
		/* Repeated keys and numbers out of range are well formed and refused later. */
		MUST(strstr(e.text, "duplicate") || strstr(e.text, "overflow") ||
			strstr(e.text, "too big") || strstr(e.text, "too large"));
	json_decref(v);
	buf_init(&b, size * 6 + 16);
	if (json_text_quote(&b, data, size) == 0)
		MUST(json_text_valid(b.data, b.len));
	buf_done(&b);
	return 0;
}
