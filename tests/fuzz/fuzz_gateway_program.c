/* What programs send as JSON: MCP's messages, named arguments, and files as data: URLs. The first
 * byte says which. What is made of it is JSON again. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/data_url.h"
#include "gateway/adapters/mcp.h"
#include "gateway/adapters/named.h"
#include "gateway/session/json_text.h"
#include "tests/support/fuzz.h"

static int keep(struct slice url, struct buf *b, void *data, struct err *e)
{
	CLEANUP(buf_done) struct buf bytes;

	(void)data;
	buf_init(&bytes, 4096);
	if (data_url_decode(url, &bytes, e) < 0) {
		MUST(e->text[0]);
		return -EBADMSG;
	}
	return buf_addf(b, "{\"file\":%zu}", bytes.len);
}

static void bind_arguments(const uint8_t *data, size_t size)
{
	static const struct named_files files = {.keep = keep};
	static const char text[] =
		"{\"inputs\":[{\"name\":\"a\"},{\"name\":\"b\",\"component\":\"image\"},{\"name\":"
		"\"c\","
		"\"required\":true}],\"outputs\":[{\"name\":\"x\"},{\"name\":\"y\"}]}";
	static json_t *function;
	char field[65] = "";
	struct err e = {0};
	struct buf b;

	if (!function)
		MUST(json_parse(text, sizeof(text) - 1, sizeof(text), &function, &e) == 0);
	if (!json_text_valid_nul(data, size))
		return;
	buf_init(&b, size * 4 + 4096);
	if (named_arguments(function, slice_of(data, size), &files, &b, field, sizeof(field), &e) <
		0)
		MUST(e.text[0]);
	else
		MUST(json_text_valid_nul(b.data, b.len));
	buf_clear(&b);
	if (named_results(function, slice_of(data, size), "http://h", &b) == 0)
		MUST(json_text_valid_nul(b.data, b.len));
	buf_done(&b);
}

static void read_message(const uint8_t *data, size_t size)
{
	struct mcp_message m;
	struct mcp_call c;
	struct err e = {0};
	struct buf b;

	buf_init(&b, size * 8 + 4096);
	if (mcp_read(data, size, &m, &e) < 0) {
		MUST(e.text[0] && mcp_error(&b, m.id, MCP_INVALID_REQUEST, e.text) == 0);
	} else {
		e = (struct err){0};
		if (mcp_read_call(&m, &c, &e) < 0)
			MUST(e.text[0] && mcp_call_failed(&b, m.id, e.text) == 0);
		else
			MUST(mcp_progress(&b, c.token.at ? c.token : slice_of("1", 1), 1, 2, c.tool,
				     strlen(c.tool)) == 0);
	}
	MUST(json_text_valid_nul(b.data, b.len));
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2)
		read_message(data + 1, size - 1);
	else
		bind_arguments(data + 1, size - 1);
	return 0;
}
