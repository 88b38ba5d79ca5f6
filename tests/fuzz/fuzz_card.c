/* A README.md from a stranger as JSON: within its limits, or refused with a line of README.md. */
#include <string.h>

#include "base/json.h"
#include "orchestrator/repo/card.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *card = NULL;
	struct err e = {0};
	struct buf b;
	int r = card_read((const char *)data, size, &card, &e);

	if (r < 0) {
		MUST(!strncmp(e.text, "README.md:", 10) || !strcmp(e.text, "out of memory"));
		return 0;
	}
	MUST(json_is_object(card));
	buf_init(&b, 16u << 20);
	MUST(json_write(&b, card) == 0);
	buf_done(&b);
	json_decref(card);
	return 0;
}
