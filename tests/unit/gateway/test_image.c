#include "gateway/session/image.h"

#include <errno.h>

#include "gateway/session/frames.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

static int set(struct image *i, const char *key, const char *value, uint32_t keep, struct err *e)
{
	struct frame f = {.type = APP_IMAGE, .op = IMAGE_SET, .node = keep};
	struct buf b;
	int r;

	buf_init(&b, 4 << 20);
	CHECK(buf_add(&b, key, strlen(key) + 1) == 0 && buf_add_str(&b, value) == 0);
	f.value = b.data;
	f.length = b.len;
	r = image_apply(i, &f, e);
	buf_done(&b);
	return r;
}

static bool is(const struct image *i, const char *json)
{
	struct buf b;
	bool same;

	buf_init(&b, 4 << 20);
	CHECK(image_write_json(i, &b) == 0);
	same = !strcmp(buf_str(&b), json);
	buf_done(&b);
	return same;
}

TEST(a_suffix_is_spliced_onto_the_kept_prefix)
{
	struct image i;
	struct err e = {0};

	image_init(&i);
	CHECK(set(&i, "turns", "[1]", 0, &e) == 0 && is(&i, "{\"turns\":[1]}"));
	CHECK(set(&i, "turns", ",2]", 2, &e) == 0 && is(&i, "{\"turns\":[1,2]}"));
	CHECK(set(&i, "turns", "", 5, &e) == 0 && is(&i, "{\"turns\":[1,2]}"));
	CHECK(set(&i, "turns", "9", 0, &e) == 0 && is(&i, "{\"turns\":9}"));
	CHECK(set(&i, "turns", "0", 2, &e) == -EBADMSG && strstr(e.text, "prefix"));
	CHECK(set(&i, "new", "0", 1, &e) == -EBADMSG);
	CHECK(is(&i, "{\"turns\":9}") && i.bytes == 6);
	image_done(&i);
}

TEST(a_copy_is_a_world_of_its_own)
{
	struct image a, b;

	image_init(&a);
	CHECK(set(&a, "k", "1", 0, NULL) == 0);
	CHECK(image_copy(&b, &a) == 0);
	CHECK(set(&b, "k", "2", 0, NULL) == 0 && set(&b, "l", "3", 0, NULL) == 0);
	CHECK(is(&a, "{\"k\":1}") && is(&b, "{\"k\":2,\"l\":3}"));
	image_done(&a);
	CHECK(is(&b, "{\"k\":2,\"l\":3}"));
	image_done(&b);
}

static int apply(const struct frame *f, void *data, struct err *e)
{
	return image_apply(data, f, e);
}

TEST(deletion_and_frames_round_trip)
{
	struct frame f = {
		.type = APP_IMAGE, .op = IMAGE_DELETE, .value = (const uint8_t *)"b", .length = 2};
	struct image i, again;
	struct buf b;

	image_init(&i);
	image_init(&again);
	CHECK(set(&i, "a\"", "1", 0, NULL) == 0 && set(&i, "b", "2", 0, NULL) == 0 &&
		set(&i, "c", "3", 0, NULL) == 0);
	CHECK(image_apply(&i, &f, NULL) == 0 && image_apply(&i, &f, NULL) == 0);
	CHECK(is(&i, "{\"a\\\"\":1,\"c\":3}"));
	buf_init(&b, 1000);
	CHECK(image_write_frames(&i, &b) == 0);
	CHECK(frames_each(b.data, b.len, 1000, apply, &again, NULL) == 0);
	CHECK(is(&again, "{\"a\\\"\":1,\"c\":3}") && again.bytes == i.bytes);
	buf_done(&b);
	image_done(&i);
	image_done(&again);
}

TEST(size_and_number_are_bounded)
{
	static char big[SESSION_IMAGE_MAX];
	struct image i;
	struct err e = {0};
	char key[32];

	memset(big, '1', sizeof(big) - 1);
	image_init(&i);
	CHECK(set(&i, "k", big, 0, &e) == 0);
	CHECK(set(&i, "l", "1", 0, &e) == -EMSGSIZE && strstr(e.text, "limit"));
	CHECK(set(&i, "k", "1", 0, &e) == 0);
	for (int n = 1; n < SESSION_IMAGE_KEYS_MAX; n++) {
		(void)snprintf(key, sizeof(key), "%d", n);
		CHECK(set(&i, key, "1", 0, &e) == 0);
	}
	CHECK(set(&i, "more", "1", 0, &e) == -EMSGSIZE);
	image_done(&i);
}

TEST_MAIN()
