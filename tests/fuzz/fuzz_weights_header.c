/* The header of a stranger's file of weights: counted within its limits, or refused. */
#include "orchestrator/repo/safetensors.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *got = NULL;
	struct err e = {0};

	if (safetensors_parse(data, size, size, 8, &got, &e) < 0) {
		MUST(!got && e.text[0]);
		return 0;
	}
	/* Each element takes half a byte at least, and no two tensors are told apart by place. */
	MUST(json_integer_value(json_object_get(got, "total")) >= 0);
	MUST(json_array_size(json_object_get(got, "tensors")) <= 8);
	json_decref(got);
	return 0;
}
