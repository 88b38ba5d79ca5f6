#include "orchestrator/logs/events.h"

#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct events *events;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){.dir = "/tmp/vitrine-events-XXXXXX"};
	CHECK(mkdtemp(f->dir));
	CHECK(events_new(NULL, f->dir, &f->events, NULL) == 0);
}

static void teardown(struct fixture *f)
{
	(void)events_free(f->events);
	CHECK(fs_remove_tree(f->dir) == 0);
}

/* All that is kept under the name, as text. */
static const char *kept(struct journals *j, const char *name)
{
	static char bytes[JOURNAL_LINE_MAX + 1];
	int64_t at = 0;
	ssize_t n = journal_read(j, name, &at, bytes, JOURNAL_LINE_MAX);

	bytes[n] = '\0';
	return bytes;
}

TEST(an_event_is_kept_for_its_space_and_for_all)
{
	struct fixture f;

	setup(&f);
	CHECK(events_tell(f.events, EVENT_BUILD_PHASE, "s", "ada/demo",
		      json_pack("{s:s, s:s, s:f}", "commit", "c0", "name", "box", "ms", 1.5)) == 0);
	CHECK(strstr(kept(events_of_spaces(f.events), "s"),
		",\"type\":\"build.phase\",\"space\":\"ada/demo\",\"commit\":\"c0\",\"name\":"
		"\"box\",\"ms\":1.5}\n"));
	CHECK(strstr(kept(events_of_all(f.events), EVENTS_ALL_NAME), "\"build.phase\""));
	CHECK(!*kept(events_of_spaces(f.events), "other"));
	teardown(&f);
}

TEST(one_without_a_space_of_its_own_is_for_all_only)
{
	struct fixture f;

	setup(&f);
	CHECK(events_tell(f.events, EVENT_SPACE_DELETED, NULL, "ada/demo", json_object()) == 0);
	CHECK(strstr(kept(events_of_all(f.events), EVENTS_ALL_NAME), "\"space.deleted\""));
	teardown(&f);
}

TEST(what_the_table_does_not_have_is_refused)
{
	struct fixture f;

	setup(&f);
	/* a field too many, one missing, one of another kind, none at all */
	CHECK(events_tell(f.events, EVENT_PUSH_RECEIVED, "s", "a/b",
		      json_pack("{s:s, s:i}", "commit", "c", "colour", 1)) == -EINVAL);
	CHECK(events_tell(f.events, EVENT_PUSH_RECEIVED, "s", "a/b", json_object()) == -EINVAL);
	CHECK(events_tell(f.events, EVENT_PUSH_RECEIVED, "s", "a/b",
		      json_pack("{s:i}", "commit", 7)) == -EINVAL);
	CHECK(events_tell(f.events, EVENT_PUSH_RECEIVED, "s", "a/b", NULL) == -EINVAL);
	CHECK(!*kept(events_of_spaces(f.events), "s"));
	teardown(&f);
}

TEST(a_field_that_is_null_is_left_out)
{
	struct fixture f;

	setup(&f);
	CHECK(events_tell(f.events, EVENT_WORKER_WAKING, "s", "a/b",
		      json_pack("{s:n}", "commit")) == 0);
	CHECK(strstr(kept(events_of_spaces(f.events), "s"), "\"space\":\"a/b\"}\n"));
	teardown(&f);
}

TEST_MAIN()
