/* The promise and the verdict: what boxd says, what was seen, and what the two come to. */
#include "cli/doctor/layers.h"

#include <string.h>

#include "tests/support/test.h"

#define HOST_OF_ROOT                                                                               \
	"in force: limit on memory (cgroup v1)\n"                                                  \
	"in force: limit on number of processes (cgroup v1)\n"                                     \
	"in force: limit on CPU share (cgroup v1)\n"                                               \
	"in force: time namespace: a box does not see the host's uptime\n"                         \
	"in force: one host uid per box: 1 to 2\n"                                                 \
	"in force: namespaces: user, mount\n"                                                      \
	"in force: empty read-only root, no capabilities, no new privileges\n"                     \
	"in force: call filter (seccomp)\n"                                                        \
	"in force: Landlock, ABI 7\n"                                                              \
	"in force: no memory that is or becomes executable (MDWE)\n"

#define HOST_OF_USER                                                                               \
	"not enforced: limit on memory by cgroup (Permission denied); words\n"                     \
	"not enforced: limit on number of processes by cgroup (No); the call filter holds\n"       \
	"not enforced: limit on CPU share by cgroup (No); words\n"                                 \
	"not enforced: one host uid per box: not started as root; words\n"                         \
	"in force: time namespace: words\n"                                                        \
	"in force: namespaces: user, mount\n"                                                      \
	"in force: empty read-only root, no capabilities, no new privileges\n"                     \
	"in force: call filter (seccomp)\n"                                                        \
	"in force: Landlock, ABI 2\n"                                                              \
	"not enforced: MDWE: this kernel is older than 6.3; the call filter forbids the same\n"

static void see_the_rest(struct layer all[LAYERS])
{
	static const enum layer_name seen[] = {LAYER_BOX, LAYER_FILES, LAYER_RLIMITS, LAYER_BOXD,
		LAYER_SEALED_ATTACKS, LAYER_EARLY_ATTACKS, LAYER_WORKER};

	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		layer_note(all, seen[i], true, "seen");
}

static bool holds(const struct layer all[LAYERS], enum promise promise)
{
	struct report r = {.promise = promise_name(promise)};

	layers_report(all, promise, &r);
	CHECK(r.n == LAYERS);
	return report_holds(&r);
}

TEST(a_host_with_everything_keeps_both_promises)
{
	struct layer all[LAYERS];

	layers_init(all);
	layers_read_host(all, HOST_OF_ROOT);
	CHECK(!holds(all, PROMISE_USER)); /* nobody has looked yet */
	see_the_rest(all);
	CHECK(holds(all, PROMISE_FULL) && holds(all, PROMISE_USER));
	CHECK(strcmp(all[LAYER_UID].says, "1 to 2") == 0);
	CHECK(strcmp(all[LAYER_LANDLOCK].says, "Landlock, ABI 7") == 0);
}

TEST(what_only_root_can_have_is_promised_to_root_only)
{
	struct layer all[LAYERS];

	layers_init(all);
	layers_read_host(all, HOST_OF_USER);
	see_the_rest(all);
	CHECK(holds(all, PROMISE_USER));
	CHECK(!holds(all, PROMISE_FULL));
	CHECK(all[LAYER_MEMORY].state == FINDING_MISSING);
	CHECK(all[LAYER_FILTER].state == FINDING_OK);
	CHECK(all[LAYER_MDWE].state == FINDING_MISSING);
}

/* One layer less each time: the promise breaks by exactly those that it names. */
TEST(each_layer_that_is_required_breaks_the_promise_alone)
{
	for (int missing = 0; missing < LAYERS; missing++) {
		struct layer all[LAYERS];
		bool only_full = missing == LAYER_UID || missing == LAYER_MEMORY ||
				 missing == LAYER_PROCESSES || missing == LAYER_CPU;

		layers_init(all);
		layer_note(all, missing, false, "not there");
		layers_read_host(all, HOST_OF_ROOT);
		see_the_rest(all);
		CHECK(holds(all, PROMISE_FULL) == (missing == LAYER_MDWE));
		CHECK(holds(all, PROMISE_USER) == (missing == LAYER_MDWE || only_full));
	}
}

TEST(what_is_seen_to_be_missing_stays_missing)
{
	struct layer all[LAYERS];

	layers_init(all);
	layer_note(all, LAYER_FILTER, false, "none");
	layers_read_host(all, HOST_OF_ROOT);
	layer_note(all, LAYER_FILTER, true, "two");
	CHECK(all[LAYER_FILTER].state == FINDING_MISSING);
	CHECK(strcmp(all[LAYER_FILTER].says, "none") == 0);
}

TEST(a_boxd_without_boxes_is_heard)
{
	struct layer all[LAYERS];

	layers_init(all);
	layers_read_host(all, "not enforced: anything: boxes cannot be built here: namespaces\n");
	CHECK(all[LAYER_BOX].state == FINDING_MISSING);
	CHECK(all[LAYER_NAMESPACES].state == FINDING_UNSEEN);
}

TEST(words_out_of_a_box_reach_no_terminal_raw)
{
	struct report r = {.promise = "full"};
	struct finding *f = report_add(
		&r, SECTION_BOX, "x", "x", FINDING_MISSING, "a\033[2Jb\n\xff%s", "\xc3\xa4");

	CHECK(strcmp(f->says, "a [2Jb ?\xc3\xa4") == 0);
}

TEST(promises_have_two_names)
{
	enum promise p;

	CHECK(promise_parse("full", &p) && p == PROMISE_FULL);
	CHECK(promise_parse("user", &p) && p == PROMISE_USER);
	CHECK(!promise_parse("", &p) && !promise_parse("fullest", &p));
}

TEST_MAIN()
