#include "cli/doctor/trials.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/frame.h"
#include "base/utf8.h"
#include "cli/doctor/look.h"
#include "proto/constants.h"
#include "proto/messages.h"

#define MIB (UINT64_C(1) << 20)
#define KILLED 1000 /* larger than any errno */
#define DONE 0
#define SPIN_MS 600 /* six periods of the CPU share */
#define SPIN_SLACK_PERCENT 25

struct attack_case {
	int number; /* in the catalogue of docs/THREATS.md */
	const char *name;
	int sealed, start; /* KILLED, DONE, or the errno it gets */
};

static const struct attack_case cases[] = {
#define ATTACK(number, name, sealed, start) {number, #name, sealed, start},
#include "sandbox/probe/attacks.def"
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* Why a trial did not come to what it was for. */
static const char *what_went_wrong(const struct trial *t)
{
	static char words[320];

	if (t->end == TRIAL_REFUSED)
		return t->words;
	if (t->end == TRIAL_OVERDUE)
		return "the box did not answer";
	if (t->end == TRIAL_DIED)
		(void)snprintf(words, sizeof(words), "the box ended with status 0x%x %s",
			(unsigned int)t->status, t->words);
	else
		(void)snprintf(words, sizeof(words), "the box answered '%.200s'", t->answer);
	return words;
}

static bool is_sealed(const struct trial *t, int *ret_abi)
{
	return sscanf(t->answer, "sealed %d", ret_abi) == 1;
}

/* --- a look --- */

static void on_sealed(struct trial *t, size_t order)
{
	struct layer *all = t->data;
	int abi;

	if (order != 0 || !is_sealed(t, &abi))
		return;
	layer_note(all, LAYER_BOX, true, "it comes up, and its worker seals itself");
	if (abi > 0)
		layer_note(all, LAYER_LANDLOCK, true, "ABI %d: no file, no port%s", abi,
			abi >= 6 ? ", no foreign signal or abstract socket" : "");
	look_at_box(all, t->pid, LAB_SLOT_UIDS + t->slot);
}

int trials_look(struct lab *lab, struct layer all[LAYERS], struct err *e)
{
	struct trial t = {.orders = {"seal"}, .on_answer = on_sealed, .data = all};
	char words[64];
	int r = look_at_boxd(lab_pid(lab), words, sizeof(words));

	if (r >= 0)
		layer_note(all, LAYER_BOXD, r > 0, "%s", words);
	r = lab_run(lab, &t, 1, e);
	if (r == 0 && all[LAYER_BOX].state != FINDING_OK)
		layer_note(all, LAYER_BOX, false, "%s", what_went_wrong(&t));
	return r;
}

/* --- limits --- */

struct hog {
	struct trial trial; /* first, so that a trial is its hog */
	uint64_t limit;
	char half[32], whole[32]; /* orders */
};

/* How much to eat is known once the box and its cgroup are there. */
static void on_hog_answer(struct trial *t, size_t order)
{
	struct hog *h = (struct hog *)t;

	if (order != 0)
		return;
	h->limit = look_memory_limit(t->pid);
	if (h->limit == 0 || h->limit > INT64_MAX / 2)
		return;
	(void)snprintf(h->half, sizeof(h->half), "eat %" PRIu64, h->limit / 2 / MIB);
	(void)snprintf(h->whole, sizeof(h->whole), "eat %" PRIu64, h->limit / MIB);
	t->orders[1] = h->half;
	t->orders[2] = h->whole;
}

static int try_memory(struct lab *lab, struct layer all[LAYERS], struct err *e)
{
	struct hog h = {.trial = {.orders = {"seal"}, .on_answer = on_hog_answer}};
	const struct trial *t = &h.trial;
	int r;

	if (all[LAYER_MEMORY].state != FINDING_OK)
		return 0;
	r = lab_run(lab, &h.trial, 1, e);
	/* Where the cgroup cannot be read from here, boxd's word stands. */
	if (r < 0 || !t->orders[1])
		return r;
	if (t->end == TRIAL_DIED && t->answers == 2 && WIFSIGNALED(t->status) &&
		WTERMSIG(t->status) == SIGKILL)
		layer_note(all, LAYER_MEMORY, true,
			"%" PRIu64 " MiB for a small box; one that took more was ended, no other",
			h.limit / MIB);
	else
		layer_note(all, LAYER_MEMORY, false,
			"a box of %" PRIu64 " MiB that took half as much again went on (swap?): %s",
			h.limit / MIB, what_went_wrong(t));
	return 0;
}

struct spin {
	struct trial trial; /* first, so that a trial is its spin */
	struct layer *all;
	uint64_t began_usec;
};

static void on_spin_begins(struct trial *t, size_t order)
{
	(void)order;
	((struct spin *)t)->began_usec = clock_mono_usec();
}

/* A box that had no chance to use its share up, because the machine is busy, proves nothing. */
static void on_spun(struct trial *t)
{
	const struct spin *s = (const struct spin *)t;
	uint64_t took_usec = clock_mono_usec() - s->began_usec;
	struct cpu_look seen;

	if (look_at_cpu(t->pid, &seen) < 0)
		return;
	if (seen.throttled > 0)
		layer_note(s->all, LAYER_CPU, true,
			"%u %% of a core for a small box; a busy one was held back %d times in %d "
			"ms",
			seen.percent, (int)seen.throttled, (int)(took_usec / USEC_PER_MSEC));
	else if (seen.used_usec * 100 > took_usec * (seen.percent + SPIN_SLACK_PERCENT))
		layer_note(s->all, LAYER_CPU, false,
			"a busy box had %d ms of CPU in %d ms; its share is %u %%",
			(int)(seen.used_usec / USEC_PER_MSEC), (int)(took_usec / USEC_PER_MSEC),
			seen.percent);
}

static int try_cpu(struct lab *lab, struct layer all[LAYERS], struct err *e)
{
	struct spin s = {.all = all,
		.trial = {.orders = {"seal", "spin"},
			.limit_ms = SPIN_MS,
			.on_answer = on_spin_begins,
			.on_overdue = on_spun}};

	return all[LAYER_CPU].state == FINDING_OK ? lab_run(lab, &s.trial, 1, e) : 0;
}

int trials_limits(struct lab *lab, struct layer all[LAYERS], struct err *e)
{
	int r = try_memory(lab, all, e);

	return r < 0 ? r : try_cpu(lab, all, e);
}

/* --- attacks --- */

static bool is_killed(const struct trial *t)
{
	return t->end == TRIAL_DIED && WIFSIGNALED(t->status) && WTERMSIG(t->status) == SIGSYS;
}

/* What some kernels refuse before the filter is asked: they may have no 32-bit calls, and no page
 * of old calls. */
static bool is_refused_earlier(const struct trial *t, const char *name)
{
	if (strcmp(name, "i386_call") == 0)
		return t->end == TRIAL_DIED && WIFSIGNALED(t->status) &&
		       WTERMSIG(t->status) == SIGSEGV;
	return strcmp(name, "vsyscall") == 0 && t->end == TRIAL_LIVED &&
	       strtol(t->answer, NULL, 10) == -EFAULT;
}

/*
 * A sealed box has answered once before the attack: one that was killed while sealing is no proof.
 * Before the seal it is often the kernel that refuses, and kernels differ in the error they choose.
 */
static bool went_as_it_must(const struct trial *t, const char *name, int want, bool sealed)
{
	size_t before = sealed ? 1 : 0;
	long got = strtol(t->answer, NULL, 10);

	if (want == KILLED)
		return (t->answers == before && is_killed(t)) || is_refused_earlier(t, name);
	if (t->answers != before + 1 || t->end != TRIAL_LIVED)
		return false;
	if (want == DONE)
		return got >= 0;
	return sealed ? got == -want : got < 0;
}

static const char *want_words(int want)
{
	return want == KILLED ? "killed" : want == DONE ? "done" : strerrorname_np(want);
}

static const char *got_words(const struct trial *t, size_t before)
{
	long got = strtol(t->answer, NULL, 10);
	const char *error;

	if (t->answers == before && is_killed(t))
		return "killed";
	if (t->end != TRIAL_LIVED || t->answers != before + 1)
		return what_went_wrong(t);
	if (got >= 0)
		return "done";
	error = got > -KILLED ? strerrorname_np((int)-got) : NULL;
	return error ? error : "an unknown error";
}

/* Returns whether it went as it must. */
static bool write_down(
	json_t *list, const struct attack_case *c, const struct trial *t, bool sealed)
{
	int want = sealed ? c->sealed : c->start;
	bool holds = went_as_it_must(t, c->name, want, sealed);
	char got[320];

	(void)snprintf(got, sizeof(got), "%.300s", got_words(t, sealed));
	utf8_scrub(got, strlen(got));
	(void)json_array_append_new(
		list, json_pack("{s:i, s:s, s:s, s:s, s:s, s:b}", "number", c->number, "name",
			      c->name, "stage", sealed ? "sealed" : "start", "expected",
			      want_words(want), "got", got, "holds", holds));
	return holds;
}

/* A box that could not be sealed has tried nothing. */
static void on_attack_answer(struct trial *t, size_t order)
{
	int abi;

	if (order == 0 && t->orders[1] && !is_sealed(t, &abi))
		t->orders[1] = NULL;
}

static int try_all(
	struct lab *lab, struct layer all[LAYERS], bool sealed, json_t *list, struct err *e)
{
	enum layer_name layer = sealed ? LAYER_SEALED_ATTACKS : LAYER_EARLY_ATTACKS;
	CLEANUP(freep) struct trial *trials = calloc(CASES, sizeof(*trials));
	size_t held = 0;
	int r;

	if (!trials)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < CASES; i++) {
		trials[i].orders[0] = sealed ? "seal" : cases[i].name;
		trials[i].orders[1] = sealed ? cases[i].name : NULL;
		trials[i].on_answer = on_attack_answer;
	}
	r = lab_run(lab, trials, CASES, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < CASES; i++)
		held += write_down(list, &cases[i], &trials[i], sealed);
	if (held == CASES)
		layer_note(all, layer, true,
			"%zu attacks, each in a box of its own, ended as they must", CASES);
	else
		layer_note(all, layer, false, "%zu of %zu attacks did not end as they must",
			CASES - held, CASES);
	return 0;
}

int trials_attacks(struct lab *lab, struct layer all[LAYERS], json_t *list, struct err *e)
{
	int r = try_all(lab, all, true, list, e);

	return r < 0 ? r : try_all(lab, all, false, list, e);
}

/* --- the worker --- */

static void on_worker_speaks(struct trial *t, size_t order)
{
	struct layer *all = t->data;
	struct app_sealed m;
	struct err e = {0};
	struct frame f;
	char words[64];

	(void)order;
	if (frame_read(&f, (const uint8_t *)t->answer, t->answer_length, &e) < 0 ||
		f.type != APP_SEALED || app_sealed_read(&m, f.value, f.length, &e) < 0) {
		layer_note(all, LAYER_WORKER, false, "it did not say SEALED: %s", e.text);
		return;
	}
	if (look_is_confined(t->pid, words, sizeof(words)) < 1)
		layer_note(all, LAYER_WORKER, false, "it says that it is sealed, and %s", words);
	else
		layer_note(all, LAYER_WORKER, true,
			"version %s, Landlock ABI %d, under its filters", m.version,
			(int)m.landlock);
	app_sealed_done(&m);
}

int trials_worker(struct lab *lab, struct layer all[LAYERS], struct err *e)
{
	struct trial t = {.greets = true, .on_answer = on_worker_speaks, .data = all};
	int r = lab_run(lab, &t, 1, e);

	if (r == 0 && all[LAYER_WORKER].state == FINDING_UNSEEN)
		layer_note(all, LAYER_WORKER, false, "%s", what_went_wrong(&t));
	return r;
}
