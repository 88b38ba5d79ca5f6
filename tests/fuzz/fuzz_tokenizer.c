/* A tokenizer.json from a stranger, then text through it: ids stay below its size, places inside
 * the text, and tokens become text again. */
#include "inference/tokenizers/tokenizer.h"

#include <string.h>

#include "base/buf.h"
#include "tests/support/fuzz.h"

static void encode(struct tokenizer *t, const char *text, size_t n, bool framed)
{
	struct tokens out = {.max = 200, .want_at = true};
	struct decoding decoding = {0};
	CLEANUP(buf_done) struct buf back;
	struct err e = {0};

	buf_init(&back, 1 << 16);

	if (tokenizer_encode(t, text, n, framed, &out, &e) < 0)
		MUST(e.text[0]);
	MUST(out.n <= out.max);
	for (size_t i = 0; i < out.n; i++) {
		size_t length;

		MUST(out.ids[i] < tokenizer_size(t));
		MUST(out.at[i].from <= out.at[i].to && out.at[i].to <= n);
		(void)tokenizer_text(t, out.ids[i], &length);
		(void)tokenizer_decode(t, &decoding, out.ids[i], &back);
	}
	tokens_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "It's na\xc3\xafve \xe2\x80\x93 12,345 things!\n\n <|end|>[SEP] "
				   "e\xcc\x81\xe4\xbd\xa0\xf0\x9f\x99\x82";
	CLEANUP(buf_done) struct buf safe;
	struct tokenizer *t;
	struct err e = {0};
	size_t part = size < 40 ? size : 40;

	buf_init(&safe, 4096);
	if (tokenizer_read(data, size, &t, &e) < 0) {
		MUST(e.code < 0 && e.text[0]);
		return 0;
	}
	encode(t, text, sizeof(text) - 1, true);
	encode(t, (const char *)data + size - part, part, false);
	if (tokenizer_defuse(t, text, sizeof(text) - 1, &safe) == 0)
		encode(t, buf_str(&safe), safe.len, false);
	tokenizer_free(t);
	return 0;
}
