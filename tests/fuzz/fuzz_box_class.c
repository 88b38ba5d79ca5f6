/* What an operator typed behind --class or --pool: taken within its ranges, or refused in words. */
#include <string.h>

#include "proto/box_class.h"
#include "tests/support/fuzz.h"

#define LINE_MAX_BYTES 4096

static void take_class(const char *text)
{
	struct box_classes c = box_classes_default, again = box_classes_default;
	struct err e = {0};

	if (box_classes_set(&c, text, &e) < 0) {
		MUST(e.text[0] && memcmp(&c, &box_classes_default, sizeof(c)) == 0);
		return;
	}
	for (unsigned int i = BOX_SMALL; i < BOX_CLASSES; i++) {
		char line[64];

		MUST(c.of[i].memory_bytes >= 16u << 20 && c.of[i].memory_bytes <= 256ull << 30);
		MUST(c.of[i].cpu_percent >= 5 && c.of[i].cpu_percent <= 6400);
		box_class_write(&c, i, line);
		MUST(box_classes_set(&again, line, NULL) == 0);
	}
	MUST(memcmp(&c, &again, sizeof(c)) == 0);
}

static void take_pool(const char *text)
{
	struct box_pool p = box_pool_default;
	struct err e = {0};
	char line[128];

	if (box_pool_set(&p, text, &e) < 0) {
		MUST(e.text[0] && memcmp(&p, &box_pool_default, sizeof(p)) == 0);
		return;
	}
	for (unsigned int i = BOX_SMALL; i < BOX_CLASSES; i++)
		MUST(p.of[i] >= BOX_POOL_AUTO && p.of[i] <= BOX_POOL_MAX);
	box_pool_write(&p, line);
	MUST(box_pool_set(&p, line, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[LINE_MAX_BYTES];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	take_class(text);
	take_pool(text);
	return 0;
}
