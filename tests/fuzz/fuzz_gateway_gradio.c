/* What a program sends as arguments: pieces stay inside the text, and what is passed on is JSON. */
#include <stdint.h>
#include <string.h>

#include "gateway/adapters/gradio/value.h"
#include "gateway/session/json_text.h"
#include "tests/support/fuzz.h"

static bool find(const char *id, struct file_info *ret, void *data)
{
	(void)data;
	*ret = (struct file_info){.size = 1, .name = "a \"b\".png", .type = "image/png"};
	memcpy(ret->id, id, sizeof(ret->id));
	return id[0] != '0';
}

static void walk(struct slice value, const uint8_t *text, size_t size, int depth)
{
	struct slice_walk w;
	struct slice key = {NULL, 0}, v;
	uint64_t n;
	char some[32];

	MUST(value.n == 0 || (value.at >= text && value.at + value.n <= text + size));
	(void)slice_number(value, UINT32_MAX, &n);
	(void)slice_text(value, some, sizeof(some));
	if (depth > 70 || !slice_walk_begin(value, &w))
		return;
	while (slice_walk_next(&w, w.object ? &key : NULL, &v))
		walk(v, text, size, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = slice_of(data, size);
	struct err e = {0};
	struct buf b, d;

	walk(value, data, size, 0);
	if (!json_text_valid_nul(data, size))
		return 0;
	buf_init(&b, size * 8 + 4096);
	buf_init(&d, size * 8 + 4096);
	if (gradio_read_value(&b, value, find, NULL, &e) == 0)
		MUST(json_text_valid_nul(b.data, b.len));
	buf_clear(&b);
	if (gradio_write_value(&b, value, "http://h", find, NULL) == 0) {
		MUST(json_text_valid_nul(b.data, b.len));
		MUST(gradio_write_diff(&d, value, slice_of(b.data, b.len), 3) == 0);
		MUST(json_text_valid_nul(d.data, d.len));
	}
	buf_done(&b);
	buf_done(&d);
	return 0;
}
