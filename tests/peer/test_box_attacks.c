/*
 * Every attack of sandbox/probe/attacks.def in a box of its own: after the seal and before it, with
 * boxd started by root and by an ordinary user. One table for both: no outcome differs.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "tests/peer/crowd.h"
#include "tests/support/test.h"

#define KILLED 1000 /* larger than any errno */
#define DONE 0

static const struct {
	int number; /* in the catalogue of docs/THREATS.md */
	const char *name;
	int sealed, start; /* KILLED, DONE, or the errno it gets */
} cases[] = {
#define ATTACK(number, name, sealed, start) {number, #name, sealed, start},
#include "sandbox/probe/attacks.def"
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* A kernel without 32-bit calls ends the process before the filter is asked. */
static bool is_refused_earlier(const char *name, const char *outcome)
{
	return strcmp(name, "i386_call") == 0 && strcmp(outcome, "SIGSEGV") == 0;
}

static const char *name_of(int want)
{
	return want == KILLED ? "KILLED" : want == DONE ? "done" : strerrorname_np(want);
}

static bool is_right(const struct errand *e, int number, int want)
{
	char outcome[OUTCOME_MAX];

	errand_outcome(e, outcome);
	if (want == KILLED && is_refused_earlier(e->order, outcome))
		return true;
	if (strcmp(outcome, name_of(want)) != 0) {
		fprintf(stderr, "%d %s %s the seal: %s (%s), expected %s\n", number, e->order,
			e->seal ? "after" : "before", outcome, e->words, name_of(want));
		return false;
	}
	/* The agent is told why, for the owner. */
	return want != KILLED || strstr(e->words, "system call");
}

static void attack(const struct boxd *b, bool seal)
{
	static struct errand errands[CASES];
	size_t failed = 0;

	for (size_t i = 0; i < CASES; i++)
		errands[i] = (struct errand){.seal = seal, .order = cases[i].name};
	crowd_run(b, errands, CASES);
	for (size_t i = 0; i < CASES; i++)
		failed += !is_right(
			&errands[i], cases[i].number, seal ? cases[i].sealed : cases[i].start);
	CHECK(failed == 0);
}

static void attack_sealed(struct boxd *b)
{
	attack(b, true);
}

TEST(no_attack_gets_through_a_sealed_worker)
{
	boxd_in_each_mode(attack_sealed);
}

static void attack_unsealed(struct boxd *b)
{
	attack(b, false);
}

TEST(a_worker_that_never_seals_itself_is_held_by_the_first_filter)
{
	boxd_in_each_mode(attack_unsealed);
}

TEST_MAIN()
