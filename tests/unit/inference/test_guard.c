/* What is held against a model over the lives of a process. */
#include "inference/engine/guard.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "tests/support/test.h"

static char dir[64];

static struct guard *life(void)
{
	struct guard *g;

	CHECK(guard_open(dir, &g, NULL) == 0);
	return g;
}

/* The process dies while it reads that model. */
static void die_of(const char *id, uint64_t stamp)
{
	struct guard *g = life();

	CHECK(!guard_blames(g, id, stamp));
	guard_begin(g, id, stamp);
	CHECK(!guard_blames(g, id, stamp));
	(void)guard_free(g);
}

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-guard-XXXXXX");
	CHECK(mkdtemp(dir));
}

static void end(struct guard *g)
{
	(void)guard_free(g);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(a_third_death_is_held_against_it_until_it_changes)
{
	struct guard *g;

	begin();
	die_of("eve/bad", 7);
	die_of("eve/bad", 7);
	die_of("eve/bad", 7);
	g = life();
	CHECK(guard_blames(g, "eve/bad", 7) && !guard_blames(g, "eve/bad", 8));
	CHECK(!guard_blames(g, "ann/good", 7));
	guard_begin(g, "eve/bad", 8);
	guard_end(g);
	CHECK(!guard_blames(g, "eve/bad", 7));
	end(g);
}

TEST(a_death_between_which_it_was_read_well_does_not_count)
{
	struct guard *g;

	begin();
	die_of("ann/good", 1);
	die_of("ann/good", 1);
	g = life();
	guard_begin(g, "ann/good", 1);
	guard_end(g);
	(void)guard_free(g);
	die_of("ann/good", 1);
	g = life();
	CHECK(!guard_blames(g, "ann/good", 1));
	end(g);
}

TEST(several_are_remembered_whatever_is_read_between)
{
	char id[32];
	struct guard *g;

	begin();
	for (int i = 0; i < 60; i++) {
		(void)snprintf(id, sizeof(id), "eve/bad%d", i % 20);
		die_of(id, 1);
	}
	g = life();
	guard_begin(g, "ann/good", 1);
	guard_end(g);
	(void)guard_free(g);
	g = life();
	for (int i = 0; i < 20; i++) {
		(void)snprintf(id, sizeof(id), "eve/bad%d", i);
		CHECK(guard_blames(g, id, 1));
	}
	CHECK(!guard_blames(g, "ann/good", 1));
	end(g);
}

TEST(a_full_list_lets_the_oldest_go_and_a_damaged_one_holds_nothing)
{
	char id[32], path[96];
	struct guard *g;

	begin();
	g = life();
	for (int i = 0; i < 600; i++) {
		(void)snprintf(id, sizeof(id), "eve/bad%d", i);
		for (int k = 0; k < GUARD_DEATHS; k++)
			guard_begin(g, id, 1);
	}
	(void)guard_free(g);
	g = life();
	CHECK(guard_blames(g, "eve/bad599", 1) && !guard_blames(g, "eve/bad0", 1));
	(void)guard_free(g);
	(void)snprintf(path, sizeof(path), "%s/reading", dir);
	CHECK(fs_write_durable(AT_FDCWD, path, "x\n\n99 99\neve/b 1 3", 18, 0600, NULL) == 0);
	g = life();
	CHECK(guard_blames(g, "eve/b", 1) && !guard_blames(g, "x", 0));
	end(g);
}

TEST(without_a_guard_nothing_is_held_against_anything)
{
	guard_begin(NULL, "a/b", 1);
	guard_end(NULL);
	CHECK(!guard_blames(NULL, "a/b", 1) && !guard_free(NULL));
}

TEST_MAIN()
