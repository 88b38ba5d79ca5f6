/* A GGUF file from a stranger: tensors lie inside it, and what it says of its model is refused with
 * words or can be read on. */
#include "inference/formats/gguf.h"

#include "inference/formats/gguf_model.h"
#include "inference/tokenizers/tokenizer.h"
#include "tests/support/fuzz.h"

static void look_at(const struct gguf *g, const uint8_t *data, size_t size)
{
	volatile float sum = 0;

	for (size_t i = 0; i < gguf_count(g); i++) {
		const struct tensor *t = &gguf_tensors(g)[i];
		float block[TENSOR_BLOCK_MAX];

		MUST(t->bytes >= data && t->bytes <= data + size);
		MUST(tensor_bytes(t) <= (uint64_t)(data + size - t->bytes));
		if (t->count == 0)
			continue;
		(void)tensor_is_finite(t);
		tensor_read(t, t->count - tensor_block(t->type), tensor_block(t->type), block);
		sum = sum + block[0];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gguf *g;
	struct weights *weights;
	struct tokenizer *tokenizer;
	json_t *root;
	struct err e = {0};

	if (gguf_read(data, size, &g, &e) < 0) {
		MUST(e.code < 0 && e.text[0]);
		return 0;
	}
	look_at(g, data, size);
	if (gguf_config(g, &root, &e) < 0)
		MUST(e.code < 0 && e.text[0]);
	else
		json_decref(root);
	e = (struct err){0};
	if (gguf_tokenizer_config(g, &root, &e) < 0)
		MUST(e.code < 0 && e.text[0]);
	else
		json_decref(root);
	e = (struct err){0};
	if (gguf_tokenizer(g, &root, &e) < 0) {
		MUST(e.code < 0 && e.text[0]);
	} else {
		if (tokenizer_new(root, &tokenizer, &e) < 0)
			MUST(e.code < 0 && e.text[0]);
		else
			tokenizer_free(tokenizer);
		json_decref(root);
	}
	e = (struct err){0};
	if (gguf_weights(g, &weights, &e) < 0)
		MUST(e.code < 0 && e.text[0]);
	else
		weights_free(weights);
	return 0;
}
