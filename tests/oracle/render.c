/*
 * render: one JSON object a line in, {"template", "messages", "more"}, one out, {"text"} or
 * {"error"}, for what compares us with Jinja.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "inference/engine/chat_template.h"

static json_t *render(const json_t *in)
{
	CLEANUP(chat_template_freep) struct chat_template *t = NULL;
	CLEANUP(buf_done) struct buf out;
	struct err e = {0};
	int r;

	buf_init(&out, 1 << 20);
	r = chat_template_read(json_object_get(in, "template"), "<s>", "</s>", &t, &e);
	if (r == 0)
		r = chat_template_render(
			t, json_object_get(in, "messages"), json_object_get(in, "more"), &out, &e);
	return r < 0 ? json_pack("{s:s}", "error", e.text)
		     : json_pack("{s:s%}", "text", buf_str(&out), out.len);
}

int main(void)
{
	CLEANUP(freep) char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		CLEANUP(json_decrefp) json_t *in = json_loads(line, 0, NULL);
		CLEANUP(json_decrefp) json_t *out = in ? render(in) : NULL;

		if (!out || json_dumpf(out, stdout, JSON_COMPACT) < 0)
			return 1;
		putchar('\n');
	}
	return 0;
}
