/* A weights file from a stranger: every tensor that is handed out lies inside it. */
#include "inference/formats/safetensors.h"

#include <math.h>

#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a", "b", "x", "model.norm.weight"};
	struct safetensors *s;
	struct err e = {0};
	volatile float sum = 0;

	if (safetensors_read(data, size, &s, &e) < 0) {
		MUST(e.code < 0 && e.text[0]);
		return 0;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct tensor *t = safetensors_find(s, names[i]);

		if (!t || t->type == TENSOR_OTHER)
			continue;
		MUST(t->bytes >= data && t->bytes <= data + size);
		for (uint64_t j = 0; j < t->count; j++)
			sum = sum + tensor_at(t, j);
	}
	safetensors_free(s);
	return 0;
}
