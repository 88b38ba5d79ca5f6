#include "gateway/session/overlay.h"

#include <errno.h>

#include "gateway/session/frames.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

static int put(struct overlay *o, uint32_t node, uint8_t op, const char *path, const char *value)
{
	struct patch p = {.node = node,
		.op = op,
		.path = path,
		.path_length = strlen(path),
		.value = (const uint8_t *)value,
		.length = value ? strlen(value) : 0};

	return overlay_apply(o, &p);
}

static bool is(const struct overlay *o, const char *json)
{
	struct buf b;
	bool same;

	buf_init(&b, 1 << 20);
	CHECK(overlay_write_json(o, &b) == 0);
	same = !strcmp(buf_str(&b), json);
	if (!same)
		fprintf(stderr, "have %s\nwant %s\n", buf_str(&b), json);
	buf_done(&b);
	return same;
}

TEST(a_set_replaces_its_cell_and_everything_below)
{
	struct overlay o;

	overlay_init(&o);
	CHECK(put(&o, 1, PATCH_SET, "value/0", "1") == 0);
	CHECK(put(&o, 1, PATCH_SET, "value/0/content", "\"x\"") == 0);
	CHECK(put(&o, 1, PATCH_SET, "values", "7") == 0);
	CHECK(put(&o, 2, PATCH_SET, "value/0", "2") == 0);
	CHECK(put(&o, 1, PATCH_SET, "value", "[]") == 0);
	CHECK(is(&o, "[[1,\"values\",1,7],[2,\"value/0\",1,2],[1,\"value\",1,[]]]"));
	CHECK(put(&o, 1, PATCH_SET, "values", "8") == 0);
	CHECK(is(&o, "[[1,\"values\",1,8],[2,\"value/0\",1,2],[1,\"value\",1,[]]]"));
	overlay_done(&o);
}

TEST(an_append_grows_the_tail_of_its_cell)
{
	struct overlay o;

	overlay_init(&o);
	CHECK(put(&o, 1, PATCH_SET, "value", "\"a\"") == 0);
	CHECK(put(&o, 1, PATCH_APPEND, "value", "b\"") == 0);
	CHECK(put(&o, 1, PATCH_APPEND, "value", "c") == 0);
	CHECK(put(&o, 2, PATCH_APPEND, "value/3/content", "tail only") == 0);
	CHECK(is(&o, "[[1,\"value\",1,\"a\"],[1,\"value\",2,\"b\\\"c\"],"
		     "[2,\"value/3/content\",2,\"tail only\"]]"));
	CHECK(put(&o, 1, PATCH_SET, "value", "0") == 0);
	CHECK(is(&o, "[[1,\"value\",1,0],[2,\"value/3/content\",2,\"tail only\"]]"));
	overlay_done(&o);
}

TEST(items_stay_in_the_order_in_which_they_were_added)
{
	struct overlay o;

	overlay_init(&o);
	CHECK(put(&o, 1, PATCH_SET, "value/3", "\"A\"") == 0);
	CHECK(put(&o, 1, PATCH_SET, "value/4", "\"B\"") == 0);
	/* Item 4 can only be added to an array that has item 3 already. */
	CHECK(put(&o, 1, PATCH_SET, "value/3", "\"a\"") == 0);
	CHECK(is(&o, "[[1,\"value/3\",1,\"a\"],[1,\"value/4\",1,\"B\"]]"));
	overlay_done(&o);
}

TEST(a_remove_cuts_what_follows_and_is_kept)
{
	struct overlay o;

	overlay_init(&o);
	CHECK(put(&o, 1, PATCH_SET, "value/1", "1") == 0);
	CHECK(put(&o, 1, PATCH_SET, "value/2", "2") == 0);
	CHECK(put(&o, 1, PATCH_APPEND, "value/2/content", "x") == 0);
	CHECK(put(&o, 1, PATCH_SET, "value/10", "10") == 0);
	CHECK(put(&o, 1, PATCH_SET, "valued/10", "10") == 0);
	CHECK(put(&o, 1, PATCH_REMOVE, "value/2", NULL) == 0);
	CHECK(is(&o, "[[1,\"value/1\",1,1],[1,\"valued/10\",1,10],[1,\"value/2\",3,null]]"));
	/* What comes after the cut comes after it in the overlay. */
	CHECK(put(&o, 1, PATCH_SET, "value/2", "3") == 0);
	CHECK(is(&o, "[[1,\"value/1\",1,1],[1,\"valued/10\",1,10],[1,\"value/2\",3,null],"
		     "[1,\"value/2\",1,3]]"));
	CHECK(put(&o, 1, PATCH_REMOVE, "value/2", NULL) == 0);
	CHECK(put(&o, 1, PATCH_REMOVE, "value/1", NULL) == 0);
	CHECK(is(&o, "[[1,\"valued/10\",1,10],[1,\"value/1\",3,null]]"));
	CHECK(put(&o, 1, PATCH_SET, "value", "[]") == 0);
	CHECK(is(&o, "[[1,\"valued/10\",1,10],[1,\"value\",1,[]]]"));
	overlay_done(&o);
}

TEST(a_chat_that_is_cut_and_grows_again_does_not_grow_the_overlay)
{
	struct overlay o;
	size_t bytes;

	overlay_init(&o);
	for (int i = 0; i < 100; i++) {
		CHECK(put(&o, 1, PATCH_REMOVE, "value/3", NULL) == 0);
		CHECK(put(&o, 1, PATCH_SET, "value/3", "{}") == 0);
		CHECK(put(&o, 1, PATCH_SET, "value/4", "{}") == 0);
		CHECK(put(&o, 1, PATCH_APPEND, "value/4/content", "hello") == 0);
		if (i == 0)
			bytes = o.bytes;
	}
	CHECK(o.bytes == bytes && o.n == 4);
	overlay_done(&o);
	CHECK(o.bytes == 0);
}

TEST(a_toast_is_never_kept_and_progress_can_be_dropped)
{
	struct overlay o;

	overlay_init(&o);
	CHECK(put(&o, 0, PATCH_SET, "toast", "{}") == 0);
	CHECK(put(&o, 0, PATCH_SET, "toast/message", "1") == 0);
	CHECK(put(&o, 5, PATCH_SET, "toast", "1") == 0);
	CHECK(put(&o, 0, PATCH_SET, "progress", "{}") == 0);
	overlay_drop(&o, 0, "progress");
	CHECK(is(&o, "[[5,\"toast\",1,1]]"));
	overlay_done(&o);
}

static int apply(const struct frame *f, void *data, struct err *e)
{
	struct patch p;

	CHECK(f->type == APP_PATCH && patch_read(&p, f, e) == 0);
	return overlay_apply(data, &p);
}

TEST(frames_make_the_same_overlay_again)
{
	struct overlay o, again, copy;
	char big[100000];
	struct buf b, one, two;

	memset(big, '7', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	overlay_init(&o);
	overlay_init(&again);
	CHECK(put(&o, 1, PATCH_SET, "value", big) == 0); /* more than one frame holds */
	CHECK(put(&o, 1, PATCH_APPEND, "value", "tail") == 0);
	CHECK(put(&o, 2, PATCH_REMOVE, "value/1", NULL) == 0);
	CHECK(put(&o, 2, PATCH_APPEND, "value/1", "x") == 0);
	buf_init(&b, 1 << 20);
	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	CHECK(overlay_write_frames(&o, &b) == 0);
	CHECK(frames_each(b.data, b.len, 1 << 20, apply, &again, NULL) == 0);
	CHECK(again.bytes == o.bytes && again.n == o.n);
	CHECK(overlay_copy(&copy, &o) == 0 && copy.bytes == o.bytes);
	CHECK(overlay_write_json(&again, &one) == 0 && overlay_write_json(&copy, &two) == 0);
	CHECK(one.len == two.len && !memcmp(one.data, two.data, one.len));
	buf_done(&b);
	buf_done(&one);
	buf_done(&two);
	overlay_done(&o);
	overlay_done(&again);
	overlay_done(&copy);
}

TEST(malformed_patches_are_refused_in_words)
{
	struct frame f = {.type = APP_PATCH, .op = PATCH_SET, .value = (const uint8_t *)"value"};
	struct patch p;
	struct err e = {0};
	uint8_t path[300];

	f.length = 5;
	CHECK(patch_read(&p, &f, &e) == -EBADMSG && strstr(e.text, "path"));
	f.value = (const uint8_t *)"\0"
				   "1";
	f.length = 2;
	CHECK(patch_read(&p, &f, &e) == -EBADMSG);
	memset(path, 'a', sizeof(path));
	path[PATCH_PATH_MAX] = 0;
	f.value = path;
	f.length = sizeof(path);
	CHECK(patch_read(&p, &f, &e) == 0 && p.path_length == PATCH_PATH_MAX);
	path[PATCH_PATH_MAX] = 'a';
	path[PATCH_PATH_MAX + 1] = 0;
	CHECK(patch_read(&p, &f, &e) == -EBADMSG);
	f.op = 4;
	CHECK(patch_read(&p, &f, &e) == -EBADMSG && strstr(e.text, "op"));
	f.length = 0;
	f.value = NULL;
	f.op = 1;
	CHECK(patch_read(&p, &f, &e) == -EBADMSG);
}

TEST(the_number_of_cells_is_bounded)
{
	struct overlay o;
	char path[32];

	overlay_init(&o);
	for (int i = 0; i < OVERLAY_CELLS_MAX; i++) {
		(void)snprintf(path, sizeof(path), "value/k%d", i);
		CHECK(put(&o, 1, PATCH_SET, path, "1") == 0);
	}
	CHECK(put(&o, 1, PATCH_SET, "value/one-more", "1") == -ENOSPC);
	CHECK(put(&o, 1, PATCH_SET, "value/k7", "2") == 0);
	overlay_done(&o);
}

TEST_MAIN()
