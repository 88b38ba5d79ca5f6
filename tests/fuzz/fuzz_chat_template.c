/* A chat template from a stranger: refused with words, or rendered within its limits. */
#include "inference/engine/chat_template.h"

#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *messages = json_pack("[{s:s,s:s},{s:s,s:s}]", "role", "system", "content",
		"Be kind.", "role", "user", "content", " hi ");
	json_t *more = json_pack(
		"{s:[{s:s,s:{s:f,s:n}}]}", "tools", "name", "f", "parameters", "x", 1.5, "y");
	struct chat_template *t;
	struct err e = {0};
	struct buf out;

	buf_init(&out, 4096);
	if (chat_template_new((const char *)data, size, "<s>", "</s>", &t, &e) < 0) {
		MUST(e.code < 0 && e.text[0]);
	} else {
		e = (struct err){0};
		if (chat_template_render(t, messages, more, &out, &e) < 0)
			MUST(e.code < 0 && e.text[0]);
		MUST(out.len <= 4096);
		chat_template_free(t);
	}
	buf_done(&out);
	json_decref(messages);
	json_decref(more);
	return 0;
}
