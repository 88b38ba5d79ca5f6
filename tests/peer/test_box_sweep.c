/*
 * Every system call number from 0 to 600 with six zeros, one box each. What survives, and with what
 * answer, is exactly tests/peer/sweep.txt.
 */
#include <stdbool.h>

#include "sandbox/policy.h"
#include "tests/peer/crowd.h"
#include "tests/support/test.h"

#define GOLDEN "tests/peer/sweep.txt"
#define NUMBERS 601
#define LARGEST_PLAIN_ANSWER 4096

/* The two that no filter is asked about; kernel/seccomp.c: seccomp_uprobe_exception. */
#define SYS_uretprobe_ 335
#define SYS_uprobe_ 336

enum stage { AFTER_SEAL, BEFORE_SEAL, STAGES };

struct answer {
	char word[OUTCOME_MAX];
};

static struct answer expected[NUMBERS][STAGES];

/* The policy's own name of it. */
static const char *name_of(int number)
{
	if (number == SYS_uretprobe_)
		return "uretprobe";
	if (number == SYS_uprobe_)
		return "uprobe";
	for (size_t i = 0; i < policy_n_rules; i++)
		if (policy_rules[i].call == number)
			return policy_rules[i].name;
	return "?";
}

static void read_golden(void)
{
	FILE *f = fopen(GOLDEN, "re");
	char line[256], name[64], after[OUTCOME_MAX], before[OUTCOME_MAX];
	int number;

	CHECK(f != NULL);
	for (int i = 0; i < NUMBERS; i++)
		for (int s = 0; s < STAGES; s++)
			expected[i][s] = (struct answer){"KILLED"};
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		CHECK(sscanf(line, "%d %63s %31s %31s", &number, name, after, before) == 4);
		CHECK(number >= 0 && number < NUMBERS && strcmp(name, name_of(number)) == 0);
		memcpy(expected[number][AFTER_SEAL].word, after, sizeof(after));
		memcpy(expected[number][BEFORE_SEAL].word, before, sizeof(before));
	}
	(void)fclose(f);
}

/* A small number as it is; an address changes from box to box. */
static struct answer answer_of(const struct errand *e)
{
	struct answer a;
	unsigned long value = strtoul(e->words, NULL, 10);

	errand_outcome(e, a.word);
	if (e->end == ERRAND_ENDED && e->status == 0)
		a = (struct answer){"ends"};
	else if (strcmp(a.word, "done") == 0 && value < LARGEST_PLAIN_ANSWER)
		(void)snprintf(a.word, sizeof(a.word), "%lu", value);
	else if (strcmp(a.word, "done") == 0)
		a = (struct answer){"address"};
	return a;
}

static struct errand errands[NUMBERS][STAGES];

static void run_all(const struct boxd *b)
{
	static char orders[NUMBERS][16];

	for (int i = 0; i < NUMBERS; i++) {
		(void)snprintf(orders[i], sizeof(orders[i]), "call %d", i);
		errands[i][AFTER_SEAL] = (struct errand){.seal = true, .order = orders[i]};
		errands[i][BEFORE_SEAL] = (struct errand){.order = orders[i]};
	}
	crowd_run(b, &errands[0][0], NUMBERS * STAGES);
}

/* want: words with "|" between, one for each kind of kernel. */
static bool is_one_of(const char *got, const char *want)
{
	size_t n = strlen(got);

	for (const char *at = want; *at; at += strcspn(at, "|"), at += *at == '|')
		if (strcspn(at, "|") == n && strncmp(at, got, n) == 0)
			return true;
	return false;
}

static bool is_expected(const struct answer got[STAGES], const struct answer want[STAGES])
{
	return is_one_of(got[AFTER_SEAL].word, want[AFTER_SEAL].word) &&
	       is_one_of(got[BEFORE_SEAL].word, want[BEFORE_SEAL].word);
}

static void sweep(struct boxd *b)
{
	int wrong = 0;

	run_all(b);
	for (int i = 0; i < NUMBERS; i++) {
		struct answer got[STAGES] = {
			answer_of(&errands[i][AFTER_SEAL]), answer_of(&errands[i][BEFORE_SEAL])};

		if (is_expected(got, expected[i]))
			continue;
		wrong++;
		fprintf(stderr, "%-4d %-24s %-14s %s\t# " GOLDEN " says %s, %s\n", i, name_of(i),
			got[AFTER_SEAL].word, got[BEFORE_SEAL].word, expected[i][AFTER_SEAL].word,
			expected[i][BEFORE_SEAL].word);
	}
	CHECK(wrong == 0);
}

/* catalogue 85, 88 */
TEST(exactly_the_listed_calls_survive)
{
	read_golden();
	boxd_in_each_mode(sweep);
}

TEST_MAIN()
