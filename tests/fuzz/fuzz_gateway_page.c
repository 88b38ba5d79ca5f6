/*
 * What a worker gives the gateway to show: the page in HELLO, and FAILs that strangers may read
 * only in part. The first byte chooses.
 */
#include <string.h>

#include "base/json.h"
#include "gateway/fail.h"
#include "gateway/page.h"
#include "gateway/session/frames.h"
#include "proto/messages.h"
#include "tests/support/fuzz.h"

static void show_page(const uint8_t *data, size_t size)
{
	struct app_hello m;
	struct page *page;
	struct err e = {0};

	if (app_hello_read(&m, data, size, &e) < 0)
		return;
	if (page_new("b1", "A Space", m.tree, &page, &e) == 0) {
		MUST(!strcmp(page_bundle(page), "b1") && page_tree_frames(page)->len > 0);
		for (uint32_t n = 0; n < 4; n++) {
			(void)page_is_secret(page, n);
			(void)page_may_retry(page, n, 1);
		}
		/* Whatever the app says, there is one script element fewer than any. */
		MUST(!strstr(buf_str(page_paint(page)), "<script"));
		(void)page_unref(page);
	} else {
		MUST(e.text[0]);
	}
	app_hello_done(&m);
}

static int look(const struct frame *f, void *data, struct err *e)
{
	(void)e;
	(void)data;
	/* A line number or a traceback is the owner's. */
	if (f->type == APP_FAIL)
		MUST(!memmem(f->value, f->length, "\"traceback\"", 11) &&
			!memmem(f->value, f->length, "\"line\"", 6));
	return 0;
}

static void redact(const uint8_t *data, size_t size)
{
	struct buf b;

	buf_init(&b, 16 << 20);
	if (fail_redact(data, size, &b) == 0)
		MUST(frames_each(b.data, b.len, 8 << 20, look, NULL, NULL) == 0);
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		redact(data + 1, size - 1);
	else
		show_page(data + 1, size - 1);
	return 0;
}
