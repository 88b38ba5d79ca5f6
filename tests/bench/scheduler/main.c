/*
 * bench_scheduler [--sec N] [--trace FILE]: each trace under the scheduler, a plain queue and a
 * plain round robin. Prints a JSON array of {trace, what, rule, jain, useful, gap_ms, wait_ms,
 * put_back, refused, decide_usec, shares}. With --pools 1: pools of 70 and 30 %, an array of
 * {lend, borrow, both, lent, after, back_steps, jain, busy} (pools.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/scheduler/pools.h"
#include "tests/bench/scheduler/traces.h"

static const char *const rules[RULES] = {"fair", "fifo", "robin"};

static void print_one(const struct trace *t, const char *what, enum rule rule, bool last)
{
	struct outcome_of o;

	world_run(t, rule, &o);
	(void)printf(" {\"trace\": \"%s\", \"what\": \"%s\", \"rule\": \"%s\", \"jain\": %.4f, "
		     "\"useful\": %.4f, \"gap_ms\": %.1f, \"wait_ms\": %.1f, \"put_back\": %zu, "
		     "\"done\": %zu, \"refused\": %zu, \"decide_usec\": %.2f, \"shares\": [",
		t->name, what, rules[rule], o.jain, o.useful, (double)o.gap_nsec / 1e6,
		(double)o.wait_nsec / 1e6, o.put_back, o.done, o.refused, o.decide_nsec / 1e3);
	for (int i = 0; i < 11; i++)
		(void)printf("%s%.4f", i ? ", " : "", o.shares[i]);
	(void)printf("]}%s\n", last ? "" : ",");
}

static void print_all(const struct trace *t, const char *what, bool last)
{
	for (enum rule r = 0; r < RULES; r++)
		print_one(t, what, r, last && r == RULES - 1);
}

static void print_pools(double sec)
{
	static const bool terms[][2] = {{true, true}, {true, false}, {false, true}};
	struct pools_outcome o;

	for (size_t i = 0; i < 3; i++) {
		pools_run(sec, terms[i][0], terms[i][1], &o);
		(void)printf("%s{\"lend\": %s, \"borrow\": %s, \"both\": %.4f, \"lent\": %.4f, "
			     "\"after\": %.4f, \"back_steps\": %llu, \"jain\": [%.4f, %.4f], "
			     "\"busy\": %.4f}%s\n",
			i ? " " : "[", terms[i][0] ? "true" : "false",
			terms[i][1] ? "true" : "false", o.both, o.lent, o.after,
			(unsigned long long)o.back_steps, o.jain[0], o.jain[1], o.busy,
			i == 2 ? "]" : ",");
	}
}

int main(int argc, char **argv)
{
	double sec = 60;
	bool pools = false;
	const char *file = NULL;
	struct trace t;
	struct err e = {0};

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--sec"))
			sec = strtod(argv[i + 1], NULL);
		else if (!strcmp(argv[i], "--trace"))
			file = argv[i + 1];
		else if (!strcmp(argv[i], "--pools"))
			pools = true;
	}
	if (pools) {
		print_pools(sec);
		return 0;
	}
	(void)puts("[");
	for (size_t i = 0; i < n_trace_makers; i++) {
		trace_make(&t, trace_makers[i].name, sec);
		print_all(&t, trace_makers[i].what, !file && i + 1 == n_trace_makers);
		trace_done(&t);
	}
	if (file) {
		if (trace_read(&t, file, &e) < 0) {
			(void)fprintf(stderr, "bench_scheduler: %s\n", e.text);
			return 1;
		}
		print_all(&t, "recorded", true);
		trace_done(&t);
	}
	(void)puts("]");
	return 0;
}
