#include "gateway/page.h"

#include <errno.h>

#include "gateway/session/frames.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

static int parse(const char *text, struct page **ret, struct err *e)
{
	json_t *tree = json_loads(text, 0, NULL);
	int r;

	CHECK(tree);
	r = page_new("b1", "Title", tree, ret, e);
	json_decref(tree);
	return r;
}

static int see_tree(const struct frame *f, void *data, struct err *e)
{
	struct wire_tree m;

	CHECK(f->type == WIRE_TREE && wire_tree_read(&m, f->value, f->length, e) == 0);
	CHECK(!strcmp(m.bundle, "b1") && !strcmp(m.title, "Title"));
	CHECK(json_is_object(json_object_get(m.tree, "root")));
	wire_tree_done(&m);
	(*(int *)data)++;
	return 0;
}

TEST(it_knows_passwords_and_safe_handlers_and_is_ready_to_send)
{
	struct page *p = NULL;
	int trees = 0;

	CHECK(parse("{\"root\":{\"n\":1,\"children\":[{\"n\":2,\"props\":{\"password\":true},"
		    "\"on\":"
		    "{\"submit\":{\"retry\":true},\"change\":{}}},{\"n\":3,\"props\":{\"password\":"
		    "false}}]}}",
		      &p, NULL) == 0);
	CHECK(page_is_secret(p, 2) && !page_is_secret(p, 3) && !page_is_secret(p, 9));
	CHECK(page_may_retry(p, 2, EVENT_SUBMIT) && !page_may_retry(p, 2, EVENT_CHANGE));
	CHECK(frames_each(page_tree_frames(p)->data, page_tree_frames(p)->len, 4 << 20, see_tree,
		      &trees, NULL) == 0);
	CHECK(trees == 1 && page_ref(p) == p);
	(void)page_unref(p);
	CHECK(page_unref(p) == NULL);
}

TEST(it_knows_shared_limits_and_whether_the_visitor_matters)
{
	struct page *p = NULL;
	const struct gesture *a, *b, *c;

	CHECK(parse("{\"presence\":true,\"root\":{\"n\":1,\"on\":{\"click\":{\"concurrency\":2,"
		    "\"concurrency_id\":\"gpu\"},\"change\":{\"concurrency\":2,"
		    "\"concurrency_id\":\"gpu\"},\"submit\":{\"concurrency\":2,"
		    "\"concurrency_id\":{}}}}}",
		      &p, NULL) == 0);
	a = page_gesture(p, 1, EVENT_CLICK);
	b = page_gesture(p, 1, EVENT_CHANGE);
	c = page_gesture(p, 1, EVENT_SUBMIT);
	CHECK(a && b && c && a->group && a->group == b->group && c->group == 0);
	CHECK(page_wants_presence(p));
	(void)page_unref(p);
	CHECK(parse("{\"root\":{\"n\":1}}", &p, NULL) == 0 && !page_wants_presence(p));
	(void)page_unref(p);
}

static int see_title(const struct frame *f, void *data, struct err *e)
{
	struct wire_tree m;

	CHECK(wire_tree_read(&m, f->value, f->length, e) == 0);
	(void)snprintf(data, 201, "%s", m.title);
	wire_tree_done(&m);
	return 0;
}

TEST(a_page_is_headed_by_its_own_title_and_without_one_by_the_space_s)
{
	static const char *const trees[] = {"{\"title\":\"Own\",\"root\":{\"n\":1}}",
		"{\"title\":\"\",\"root\":{\"n\":1}}", "{\"title\":7,\"root\":{\"n\":1}}"};
	static const char *const want[] = {"Own", "Title", "Title"};

	for (size_t i = 0; i < 3; i++) {
		struct page *p = NULL;
		char title[201] = "";

		CHECK(parse(trees[i], &p, NULL) == 0);
		CHECK(frames_each(page_tree_frames(p)->data, page_tree_frames(p)->len, 4 << 20,
			      see_title, title, NULL) == 0);
		CHECK(!strcmp(title, want[i]));
		(void)page_unref(p);
	}
}

TEST(trees_over_a_limit_are_refused_in_words)
{
	struct page *p = NULL;
	struct err e = {0};
	struct buf b;

	CHECK(parse("{}", &p, &e) == -EINVAL && strstr(e.text, "root"));
	CHECK(parse("{\"root\":3}", &p, &e) == -EINVAL);
	buf_init(&b, 1 << 20);
	CHECK(buf_add_str(&b, "{\"root\":") == 0);
	for (int i = 0; i <= TREE_DEPTH_MAX; i++)
		CHECK(buf_add_str(&b, "{\"children\":[") == 0);
	CHECK(buf_add_str(&b, "{}") == 0);
	for (int i = 0; i <= TREE_DEPTH_MAX; i++)
		CHECK(buf_add_str(&b, "]}") == 0);
	CHECK(buf_add_str(&b, "}") == 0);
	CHECK(parse(buf_str(&b), &p, &e) == -EINVAL && strstr(e.text, "deeper"));
	buf_clear(&b);
	CHECK(buf_add_str(&b, "{\"root\":{\"children\":[{}") == 0);
	for (int i = 0; i < TREE_NODES_MAX; i++)
		CHECK(buf_add_str(&b, ",{}") == 0);
	CHECK(buf_add_str(&b, "]}}") == 0);
	CHECK(parse(buf_str(&b), &p, &e) == -EINVAL && strstr(e.text, "nodes"));
	buf_done(&b);
}

TEST_MAIN()
